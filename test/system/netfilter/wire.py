"""Puts frames on the two wires of lab.sh's gateway and tells what came out on either.

Both directions of standard input and output are little-endian. Request: u32 count, then per frame u8 side, u16 length and the frame.
Answer: one u64 per frame, the time at which it was sent in ns; then u32 count and what was received, as in the request. Sides: 0 the
pods', 1 the remotes'. Frames go out in order from one CPU, which keeps them in order through the whole gateway; a barrier frame per
side tells that nothing more will come. Ends when standard input does. Fails where the kernel lost a frame on its way to us.
"""
import ctypes
import os
import select
import socket
import struct
import sys
import time

CLONE_NEWNET = 0x40000000
SOL_PACKET, PACKET_STATISTICS, PACKET_IGNORE_OUTGOING = 263, 6, 23
SO_RCVBUFFORCE = 33
ETH_P_ALL = 3
BUFFER = 256 << 20
PATIENCE = 20.0
GATEWAY_MACS = (bytes.fromhex("020000000002"), bytes.fromhex("020000000003"))
HOST_MACS = (bytes.fromhex("020000000001"), bytes.fromhex("020000000004"))
# Where the barrier that starts on a side goes: to the other one.
BARRIERS = (socket.inet_aton("198.18.255.254"), socket.inet_aton("10.1.255.254"))
libc = ctypes.CDLL(None, use_errno=True)


def wire(namespace, device):
    """A socket for whole frames on a device of a namespace."""
    with open(f"/run/netns/{namespace}", "rb") as file:
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {namespace}")
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    sock.bind((device, ETH_P_ALL))
    sock.setblocking(False)
    return sock


def ones_sum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def barrier(side, number):
    """An IPv4 packet of protocol 253 (RFC 3692) that carries a number to the other side."""
    payload = struct.pack("!I", number)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 24, 0, 0, 64, 253, 0, b"\xc6\x12\x00\x01", BARRIERS[side])
    checksum = ~ones_sum(head) & 0xFFFF
    head = head[:10] + struct.pack("!H", checksum) + head[12:]
    return GATEWAY_MACS[side] + HOST_MACS[side] + b"\x08\x00" + head + payload


class Wires:
    def __init__(self):
        self.sockets = [wire("pod", "p0"), wire("remote", "r0")]
        self.number = 0

    def exchange(self, frames):
        """Sends frames (side, bytes), and returns when each was sent and all that came out."""
        self.number += 1
        received = []
        awaited = {0, 1}
        times = []
        for side, frame in frames:
            times.append(time.time_ns())
            self.sockets[side].send(frame)
        for side in (0, 1):
            self.sockets[side].send(barrier(side, self.number))
        until = time.monotonic() + PATIENCE
        while awaited:
            ready, _, _ = select.select(self.sockets, [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise TimeoutError(f"the gateway let no barrier through to side {awaited}")
            for sock in ready:
                self.drain(self.sockets.index(sock), received, awaited)
        return times, received

    def drain(self, side, received, awaited):
        """Takes what has arrived on one side; a barrier comes from the other one."""
        expected = BARRIERS[1 - side]
        while True:
            try:
                frame = self.sockets[side].recv(65536)
            except BlockingIOError:
                return
            if frame[30:34] == expected and frame[23] == 253:
                if struct.unpack("!I", frame[34:38])[0] == self.number:
                    awaited.discard(side)
            else:
                received.append((side, frame))

    def lost(self):
        """Frames that our sockets had no room for."""
        return sum(struct.unpack("II", s.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1] for s in self.sockets)


def take(stream, size):
    data = stream.read(size)
    if len(data) != size:
        sys.exit(0)
    return data


def main():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    wires = Wires()
    into, out = sys.stdin.buffer, sys.stdout.buffer
    while True:
        count, = struct.unpack("<I", take(into, 4))
        frames = []
        for _ in range(count):
            side, length = struct.unpack("<BH", take(into, 3))
            frames.append((side, take(into, length)))
        times, received = wires.exchange(frames)
        lost = wires.lost()
        if lost:
            raise RuntimeError(f"{lost} frames were lost on their way to the test")
        out.write(struct.pack(f"<{count}Q", *times) + struct.pack("<I", len(received)))
        for side, frame in received:
            out.write(struct.pack("<BH", side, len(frame)) + frame)
        out.flush()


if __name__ == "__main__":
    main()

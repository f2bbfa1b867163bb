"""Clients for what curl, dig and ping cannot do.

usage: client.py half-close|keep-sending|abort|multicast|datagram ADDRESS PORT
"""
import socket
import struct
import sys
import time

PIECE = b"one more line for the other side\n" * 20


def connected(address):
    return socket.create_connection(address, timeout=5)


def half_close(address):
    """Sends, closes its own direction, then reads what still comes."""
    with connected(address) as connection:
        connection.sendall(PIECE)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass


def keep_sending(address):
    """Reads to the peer's FIN and goes on sending in the half-closed connection."""
    with connected(address) as connection:
        while connection.recv(4096):
            pass
        for _ in range(4):
            time.sleep(0.05)
            connection.sendall(PIECE)


def abort(address):
    """Begins a download and resets it."""
    connection = connected(address)
    connection.sendall(b"GET /bytes/30000 HTTP/1.1\r\nHost: web.example\r\n\r\n")
    connection.recv(1000)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def datagram(address):
    """One datagram to a port where nobody listens; the refusal comes back as an ICMP error."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(1)
        sender.connect(address)
        sender.send(PIECE)
        try:
            sender.recv(100)
        except OSError:
            pass


def multicast(address):
    """One mDNS question, which stays on the link."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        header = struct.pack("!HHHHHH", 0, 0, 1, 0, 0, 0)
        sender.sendto(header + b"\x05_http\x04_tcp\x05local\0" + struct.pack("!HH", 12, 1), address)


def main():
    action, host, port = sys.argv[1:]
    actions = {
        "half-close": half_close,
        "keep-sending": keep_sending,
        "abort": abort,
        "datagram": datagram,
        "multicast": multicast,
    }
    actions[action]((host, int(port)))


if __name__ == "__main__":
    main()

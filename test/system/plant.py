"""Plants one fault into a copy of a replay's outputs, so that the oracles can be seen to catch it.

usage: plant.py FAULT SOURCE-DIR TARGET-DIR      (--list prints the faults and the checks that must catch them)

Prints the 1-based position of the frame in its file that the fault was planted into, and its packet id.
"""
import json
import os
import shutil
import sys
from dataclasses import replace

import epb
from packets import ICMP, TCP, UDP, packet_of

# No gateway of the manifests has this address.
FOREIGN_SOURCE = bytes([203, 0, 113, 254])


def external_frame(frames, wanted):
    for index, frame in enumerate(frames):
        packet = packet_of(frame)
        if packet is not None and wanted(packet):
            return index, packet
    raise SystemExit("plant.py: the outputs hold no frame of the kind that this fault needs")


def changed(frame, at, new):
    return replace(frame, data=frame.data[:at] + new + frame.data[at + len(new):])


def flipped(frame, at):
    return changed(frame, at, bytes([frame.data[at] ^ 0x5A]))


def flip_in(frames, wanted, offset):
    index, packet = external_frame(frames, wanted)
    frames[index] = flipped(frames[index], offset(packet))
    return index


def is_tcp_data(packet):
    return packet.protocol == TCP and packet.length > packet.header + 60


def bad_tcp_checksum(external, _):
    return flip_in(external, lambda p: p.protocol == TCP, lambda p: p.l4 + 16)


def bad_udp_checksum(external, _):
    return flip_in(external, lambda p: p.protocol == UDP, lambda p: p.l4 + 6)


def bad_icmp_checksum(external, _):
    return flip_in(external, lambda p: p.protocol == ICMP, lambda p: p.l4 + 2)


def bad_header_checksum(external, _):
    return flip_in(external, lambda p: True, lambda p: p.at + 10)


def bad_inner_header_checksum(external, _):
    return flip_in(external, lambda p: p.is_error, lambda p: p.inner.at + 10)


def bad_inner_udp_checksum(external, _):
    """One byte of the quoted UDP checksum, made good in the ICMP checksum, which covers it."""
    index, packet = external_frame(external, lambda p: p.is_error and p.inner.protocol == UDP and p.inner.whole)
    at, icmp_at = packet.inner.l4 + 6, packet.l4 + 2
    old = int.from_bytes(packet.data[at:at + 2], "big")
    checksum = int.from_bytes(packet.data[icmp_at:icmp_at + 2], "big")
    new = old ^ 0x0101
    # RFC 1624 equation 3
    total = (~checksum & 0xFFFF) + (~old & 0xFFFF) + new
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    frame = changed(external[index], at, new.to_bytes(2, "big"))
    external[index] = changed(frame, icmp_at, (~total & 0xFFFF).to_bytes(2, "big"))
    return index


def payload_byte(external, _):
    return flip_in(external, is_tcp_data, lambda p: p.l4 + 50)


def ttl_kept(external, _):
    index, packet = external_frame(external, lambda p: p.ttl > 1)
    external[index] = changed(external[index], packet.at + 8, bytes([packet.ttl + 1]))
    return index


def foreign_source(external, _):
    index, packet = external_frame(external, lambda p: p.protocol == TCP)
    external[index] = changed(external[index], packet.at + 12, FOREIGN_SOURCE)
    return index


def other_gateway(external, _):
    index, _ = external_frame(external, lambda p: p.protocol == TCP)
    names = sorted({frame.interface for frame in external})
    external[index] = replace(external[index], interface=next(n for n in names if n != external[index].interface))
    return index


def other_port(external, _):
    """The last frame of the first connection leaves through another NAT port."""
    _, first = external_frame(external, lambda p: p.protocol == TCP)
    last = max(i for i, f in enumerate(external) if (p := packet_of(f)) and p.tuple == first.tuple)
    external[last] = flipped(external[last], packet_of(external[last]).l4 + 1)
    return last


def same_port(external, _):
    """A whole connection takes the address and port of another one to the same remote."""
    _, first = external_frame(external, lambda p: p.protocol == TCP)
    second_tuple = next(
        p.tuple for f in external if (p := packet_of(f)) and p.protocol == TCP
        and p.tuple != first.tuple and (p.destination, p.ports[1]) == (first.destination, first.ports[1])
    )
    indexes = [i for i, f in enumerate(external) if (p := packet_of(f)) and p.tuple == second_tuple]
    for index in indexes:
        packet = packet_of(external[index])
        frame = changed(external[index], packet.at + 12, first.data[first.at + 12:first.at + 16])
        frame = changed(frame, packet.l4, first.data[first.l4:first.l4 + 2])
        external[index] = frame
    return indexes[0]


def id_twice(external, _):
    external[1] = replace(external[1], packet_id=external[0].packet_id)
    return 1


def id_unknown(external, _):
    external[0] = replace(external[0], packet_id=10**9)
    return 0


def time_shifted(external, _):
    external[0] = replace(external[0], time_ns=external[0].time_ns + 1)
    return 0


def wire_length(external, _):
    external[0] = replace(external[0], wire_length=external[0].wire_length + 1)
    return 0


def reply_byte(_, endpoint):
    index, packet = external_frame(endpoint, is_tcp_data)
    endpoint[index] = flipped(endpoint[index], packet.l4 + 40)
    return index


def leak(external, endpoint):
    """A selected frame comes out untranslated: on the endpoint's side instead of outside."""
    endpoint.append(external.pop(0))
    return len(endpoint) - 1


def lost_frame(external, _):
    external.pop(len(external) // 2)
    return len(external) // 2


# fault: (what plants it, check of pairing.py that must name it)
FAULTS = {
    "bad-tcp-checksum": (bad_tcp_checksum, "l4-checksum"),
    "bad-udp-checksum": (bad_udp_checksum, "l4-checksum"),
    "bad-icmp-checksum": (bad_icmp_checksum, "l4-checksum"),
    "bad-header-checksum": (bad_header_checksum, "header-checksum"),
    "bad-inner-header-checksum": (bad_inner_header_checksum, "inner-header-checksum"),
    "bad-inner-udp-checksum": (bad_inner_udp_checksum, "inner-l4-checksum"),
    "payload-byte": (payload_byte, "forbidden-byte"),
    "ttl-kept": (ttl_kept, "ttl"),
    "foreign-source": (foreign_source, "gateway"),
    "other-gateway": (other_gateway, "gateway"),
    "other-port": (other_port, "mapping-changed"),
    "same-port": (same_port, "mapping-shared"),
    "id-twice": (id_twice, "packet-id-twice"),
    "id-unknown": (id_unknown, "packet-id"),
    "time-shifted": (time_shifted, "time-ns"),
    "wire-length": (wire_length, "wire-length"),
    "reply-byte": (reply_byte, "bytes-changed"),
    "leak": (leak, "leak"),
    "lost-frame": (lost_frame, "missing"),
}


def plant(fault, source, target):
    """Copies the outputs; "none" plants nothing, which shows that copying alone is no fault."""
    os.makedirs(target, exist_ok=True)
    files = {name: epb.read(os.path.join(source, name + ".pcapng")) for name in ("external", "endpoint")}
    index = -1 if fault == "none" else FAULTS[fault][0](files["external"], files["endpoint"])
    for name, frames in files.items():
        epb.write_pcapng(os.path.join(target, name + ".pcapng"), frames)
    shutil.copy(os.path.join(source, "report.json"), target)
    return index + 1


def main():
    if sys.argv[1:] == ["--list"]:
        print(json.dumps({name: check for name, (_, check) in FAULTS.items()}))
        return
    fault, source, target = sys.argv[1:]
    print(json.dumps({"position": plant(fault, source, target)}))


if __name__ == "__main__":
    main()

"""Parses every frame of captures with scapy, builds it again without its checksums, and compares what scapy computes.

usage: recount.py FILE...        (needs Debian's python3-scapy: /usr/bin/python3)

Prints {"frames": N, "recounted": N, "bad": [{"file", "position", "packet", "layer"}...]} as JSON. Zero UDP checksums stay; link
trailers are cut off by the IP length; quoted packets are recounted only where they are whole, of IPv4; later fragments have no L4.
"""
import itertools
import json
import logging
import sys

logging.getLogger("scapy").setLevel(logging.ERROR)

from scapy.layers.inet import ICMP, IP, TCP, UDP, ICMPerror, IPerror, TCPerror, UDPerror  # noqa: E402
from scapy.layers.inet6 import IPerror6, IPv6, IPv6ExtHdrFragment, _ICMPv6, _ICMPv6Error  # noqa: E402
from scapy.layers.sctp import SCTP, SCTPerror  # noqa: E402
from scapy.packet import Padding, Raw  # noqa: E402

import epb  # noqa: E402
from packets import ip_offset  # noqa: E402

CHECKED = (IP, IPerror, TCP, TCPerror, UDP, UDPerror, ICMP, _ICMPv6, SCTP)
ICMP_HEADER_BYTES = 8
IPV6_HEADER_BYTES = 40
IPV6_FRAGMENT_BYTES = 8
SCTP_HEADER_BYTES = 12
QUOTED_L4 = (TCPerror, UDPerror, ICMPerror, SCTPerror)


def ip_bytes(frame):
    """The IP packet without link header and trailer, None where there is none or it was cut off."""
    at = ip_offset(frame, (4, 6))
    if at is None or len(frame.data) < at + 20:
        return None
    if frame.data[at] >> 4 == 6:
        length = IPV6_HEADER_BYTES + int.from_bytes(frame.data[at + 4:at + 6], "big")
    else:
        length = int.from_bytes(frame.data[at + 2:at + 4], "big")
    return frame.data[at:at + length] if len(frame.data) >= at + length else None


def parsed(data):
    """As scapy sees it; what a fragment carries stays uninterpreted."""
    if data[0] >> 4 == 6:
        packet = IPv6(data)
        part = packet.getlayer(IPv6ExtHdrFragment)
        if part is not None and (part.m or part.offset):
            content = bytes(part.original)[IPV6_FRAGMENT_BYTES:]
            part.remove_payload()
            part.add_payload(Raw(content))
        return packet
    packet = IP(data)
    if packet.flags.MF or packet.frag:
        packet.remove_payload()
        packet.add_payload(Raw(data[packet.ihl * 4:]))
    return packet


def recountable(layer, packet):
    if not isinstance(layer, CHECKED):
        return False
    if isinstance(layer, (UDP, UDPerror)) and layer.chksum == 0:
        return False
    if isinstance(layer, SCTPerror) and IPerror not in packet:
        return False
    if isinstance(layer, QUOTED_L4):
        quoted = packet[IPerror]
        return len(bytes(quoted)) == quoted.len
    return True


def checksum_field(layer):
    return "cksum" if isinstance(layer, _ICMPv6) else "chksum"


def recounted_checksum(packet, index):
    """What scapy puts into the checksum field of this layer while all other bytes stay as they are."""
    copy = packet.copy()
    layer = list(copy.iterpayloads())[index]
    if isinstance(layer, SCTP):
        # Its chunks as they are, whatever scapy makes of them.
        chunks = bytes(list(packet.iterpayloads())[index].original)[SCTP_HEADER_BYTES:]
        return SCTP(bytes(SCTP(sport=layer.sport, dport=layer.dport, tag=layer.tag) / Raw(chunks))).chksum
    if isinstance(layer, (ICMP, _ICMPv6Error)) and Padding in layer:
        # scapy leaves out of the sum what stands behind a quoted packet (RFC 4884), as if it were a link trailer.
        data = bytes(layer)[ICMP_HEADER_BYTES:]
        layer.remove_payload()
        layer.add_payload(Raw(data))
    delattr(layer, checksum_field(layer))
    return getattr(list(parsed(bytes(copy)).iterpayloads())[index], checksum_field(layer))


def own_layers(packet):
    """Its layers; of an IPv6 packet not those that an error quotes, as scapy takes them for the packet's own."""
    return itertools.takewhile(lambda layer: not isinstance(layer, IPerror6), packet.iterpayloads())


def bad_layers(data):
    """Names of the layers whose checksum differs from what scapy computes, and how many were looked at."""
    packet = parsed(data)
    layers = [(i, layer) for i, layer in enumerate(own_layers(packet)) if recountable(layer, packet)]
    bad = [type(layer).__name__ for i, layer in layers if recounted_checksum(packet, i) != getattr(layer, checksum_field(layer))]
    return bad, len(layers)


def main():
    frames, recounted, bad = 0, 0, []
    for path in sys.argv[1:]:
        for frame in epb.read(path):
            frames += 1
            data = ip_bytes(frame)
            if data is None:
                continue
            layers, looked_at = bad_layers(data)
            recounted += looked_at
            bad += [{"file": path, "position": frame.number, "packet": frame.packet_id, "layer": name} for name in layers]
    print(json.dumps({"frames": frames, "recounted": recounted, "bad": bad}))


if __name__ == "__main__":
    main()

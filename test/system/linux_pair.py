"""Holds the rewriting rules of rewrite.py against translations that a Linux gateway made, recorded on both of its sides.

usage: linux_pair.py INSIDE UPLINK

Prints {"paired", "unpaired", "faults": [{"check", "detail"}...], "changed_ports"} as JSON. Frames pair by remote, protocol, IP
identification and what translation leaves alone behind the ports.
"""
import json
import sys
from collections import defaultdict
from dataclasses import replace

import epb
import rewrite
from packets import packet_of

ETHERNET_ADDRESSES = 12
POD_PREFIX = "10.1."
EGRESS_IP = "203.0.113.10"


def key(packet):
    """Equal on both sides of the gateway for one outbound packet."""
    fields = rewrite.permitted(packet)
    rest = rewrite.masked(packet.data, fields)[packet.l4:packet.at + packet.length]
    return packet.destination, packet.protocol, packet.ident, packet.fragment_at, rest


def outbound(path, comes_from):
    """Frames on their way out, by key."""
    frames = defaultdict(list)
    for frame in epb.read(path):
        packet = packet_of(frame)
        if packet is not None and packet.source.startswith(comes_from):
            frames[key(packet)].append(frame)
    return frames


def main():
    inside, uplink = outbound(sys.argv[1], POD_PREFIX), outbound(sys.argv[2], EGRESS_IP)
    paired, changed_ports, faults = 0, 0, []
    for identity, before_frames in inside.items():
        for before, after in zip(before_frames, uplink.get(identity, [])):
            paired += 1
            relinked = replace(after, data=before.data[:ETHERNET_ADDRESSES] + after.data[ETHERNET_ADDRESSES:])
            faults += [{"check": check, "detail": detail} for check, detail in rewrite.faults(before, relinked)]
            changed_ports += packet_of(before).ports != packet_of(after).ports
    unpaired = sum(map(len, inside.values())) - paired
    print(json.dumps({"paired": paired, "unpaired": unpaired, "changed_ports": changed_ports, "faults": faults}))


if __name__ == "__main__":
    main()

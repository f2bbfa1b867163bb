"""Plants one fault into a copy of a capture taken behind a gateway, as a faulty gateway would make it.

usage: plant_uplink.py FAULT SOURCE TARGET       ("none" only copies)
"""
import sys

import epb
from packets import TCP, packet_of
from plant import FOREIGN_SOURCE, changed, flipped, is_tcp_data

EGRESS_IP = "203.0.113.10"
# Not among the first frames of a connection, so that its mapping is known by then.
WHICH = 5

FAULTS = {
    "none": lambda frame, packet: frame,
    "foreign-source": lambda frame, packet: changed(frame, packet.at + 12, FOREIGN_SOURCE),
    "bad-tcp-checksum": lambda frame, packet: flipped(frame, packet.l4 + 16),
    "other-port": lambda frame, packet: flipped(frame, packet.l4 + 1),
    "payload-byte": lambda frame, packet: flipped(frame, packet.l4 + 40),
}


def main():
    fault, source, target = sys.argv[1:]
    frames = epb.read(source)
    candidates = [
        (index, packet) for index, packet in enumerate(map(packet_of, frames))
        if packet is not None and packet.protocol == TCP and packet.source == EGRESS_IP and is_tcp_data(packet)
    ]
    index, packet = candidates[WHICH]
    frames[index] = FAULTS[fault](frames[index], packet)
    epb.write_pcap(target, frames)
    print("{}")


if __name__ == "__main__":
    main()

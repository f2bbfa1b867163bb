"""Finds the IPv4 packet in a frame and takes it apart, with nothing shared with the product. IPv6 and ARP give None."""
import struct
from dataclasses import dataclass, field, replace

ETHERNET, RAW, LINUX_SLL, LINUX_SLL2 = 1, 101, 113, 276
ETHERTYPE_IPV4, VLAN_TAGS = 0x0800, (0x8100, 0x88A8)
ICMP, TCP, UDP = 1, 6, 17
ECHO_REPLY, UNREACHABLE, ECHO_REQUEST, TIME_EXCEEDED, PARAMETER_PROBLEM = 0, 3, 8, 11, 12
ICMP_ERRORS = (UNREACHABLE, TIME_EXCEEDED, PARAMETER_PROBLEM)
ETHERTYPES = {4: b"\x08\x00", 6: b"\x86\xdd"}
VXLAN_PORTS = (8472, 4789)
CHECKSUM_AT = {TCP: 16, UDP: 6, ICMP: 2}


@dataclass
class Packet:
    """An IPv4 packet inside `data` (a frame, or an ICMP error that quotes it). Offsets count from the frame's first byte."""

    data: bytes
    at: int
    header: int  # bytes of IPv4 header
    length: int  # total length as the header says
    ident: int
    more: bool
    fragment_at: int
    ttl: int
    protocol: int
    source: str
    destination: str
    l4: int  # offset of the L4 header
    ports: tuple | None = None  # (source, destination) of TCP and UDP, (id, id) of ICMP echo
    icmp: tuple | None = None  # (type, code)
    inner: "Packet | None" = field(default=None, repr=False)

    @property
    def is_error(self):
        return self.icmp is not None and self.icmp[0] in ICMP_ERRORS

    @property
    def whole(self):
        """Every byte that the total length promises is there."""
        return len(self.data) >= self.at + self.length

    @property
    def tuple(self):
        return (self.protocol, self.source, self.destination, self.ports)

    @property
    def reversed_tuple(self):
        ports = self.ports and (self.ports[1], self.ports[0])
        return (self.protocol, self.destination, self.source, ports)


def dotted(data, at):
    return ".".join(str(byte) for byte in data[at:at + 4])


def ip_offset(frame, versions=(4,)):
    """Offset of the IP header in a frame, None where there is none of these versions."""
    data = frame.data
    types = [ETHERTYPES[version] for version in versions]
    if frame.link_type == RAW:
        return 0 if data[:1] and data[0] >> 4 in versions else None
    if frame.link_type == LINUX_SLL2:
        return 20 if data[:2] in types else None
    if frame.link_type == LINUX_SLL:
        return 16 if data[14:16] in types else None
    if frame.link_type != ETHERNET:
        return None
    at = 12
    while len(data) >= at + 2 and struct.unpack_from("!H", data, at)[0] in VLAN_TAGS:
        at += 4
    return at + 2 if data[at:at + 2] in types else None


def packet_at(data, at, quoted=False):
    """The IPv4 packet at this offset; None where its header is not whole. A quoted packet is not looked into further."""
    if len(data) < at + 20 or data[at] >> 4 != 4:
        return None
    header = (data[at] & 15) * 4
    if header < 20 or len(data) < at + header:
        return None
    length, ident, flags = struct.unpack_from("!HHH", data, at + 2)
    packet = Packet(
        data, at, header, length, ident, bool(flags & 0x2000), (flags & 0x1FFF) * 8, data[at + 8], data[at + 9],
        dotted(data, at + 12), dotted(data, at + 16), at + header,
    )
    if packet.fragment_at == 0 and len(data) >= packet.l4 + 8:
        read_l4(packet, quoted)
    return packet


def read_l4(packet, quoted):
    first, second = struct.unpack_from("!HH", packet.data, packet.l4)
    if packet.protocol in (TCP, UDP):
        packet.ports = (first, second)
    if packet.protocol != ICMP:
        return
    packet.icmp = (first >> 8, first & 255)
    if packet.icmp[0] in (ECHO_REQUEST, ECHO_REPLY):
        identifier = struct.unpack_from("!H", packet.data, packet.l4 + 4)[0]
        packet.ports = (identifier, identifier)
    elif packet.is_error and not quoted:
        packet.inner = packet_at(packet.data, packet.l4 + 8, quoted=True)


def packet_of(frame):
    at = ip_offset(frame)
    return None if at is None else packet_at(frame.data, at)


def decapsulated(frame):
    """The Ethernet frame inside VXLAN, or the frame itself."""
    packet = packet_of(frame)
    if packet is None or packet.protocol != UDP or not packet.ports or packet.ports[1] not in VXLAN_PORTS:
        return frame
    inner = frame.data[packet.l4 + 16:]
    return replace(frame, link_type=ETHERNET, data=inner, wire_length=frame.wire_length - packet.l4 - 16)


def ones_sum(data, start=0):
    """RFC 1071: the folded ones' complement sum of 16-bit words, odd lengths padded with zero."""
    total = start + sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def pseudo_header(packet, l4_length):
    addresses = packet.data[packet.at + 12:packet.at + 20]
    return ones_sum(addresses + struct.pack("!BBH", 0, packet.protocol, l4_length))


def header_checksum_good(packet):
    return ones_sum(packet.data[packet.at:packet.l4]) == 0xFFFF


def l4_bytes(packet):
    return packet.data[packet.l4:packet.at + packet.length]


def l4_checksum_state(packet):
    """"good", "bad", "partial" (the field holds the pseudo-header's sum), "absent" (UDP zero), or None where it cannot be told."""
    at = CHECKSUM_AT.get(packet.protocol)
    if at is None or packet.more or packet.fragment_at or not packet.whole:
        return None
    segment = l4_bytes(packet)
    if len(segment) < at + 2:
        return None
    field_value = struct.unpack_from("!H", segment, at)[0]
    if packet.protocol == UDP and field_value == 0:
        return "absent"
    start = 0 if packet.protocol == ICMP else pseudo_header(packet, len(segment))
    if ones_sum(segment, start) == 0xFFFF:
        return "good"
    return "partial" if packet.protocol != ICMP and field_value == start else "bad"

"""Reads captures: pcap (both byte orders, micro- and nanoseconds) and pcapng with the options that Debian's tools do not show.

Written from the pcapng specification (draft-ietf-opsawg-pcapng): sections 3.1 (block), 3.5 (options), 4.1 (section header),
4.2 (interface description), 4.3 (enhanced packet).
"""
import gzip
import struct
from dataclasses import dataclass

SECTION, INTERFACE, OLD_PACKET, SIMPLE_PACKET, ENHANCED_PACKET = 0x0A0D0D0A, 1, 2, 3, 6
IF_NAME, IF_TSRESOL, IF_TSOFFSET = 2, 9, 14
EPB_PACKETID = 5
PCAP_UNITS = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}
PCAP_LINK_MASK = 0x0FFFFFFF


class Damaged(Exception):
    """The file is not what it says it is; the message tells the byte offset."""


@dataclass
class Frame:
    number: int  # 1-based, in file order
    time_ns: int
    link_type: int
    data: bytes
    wire_length: int
    interface: str | None = None
    packet_id: int | None = None


def read(path):
    """All frames of a capture file, which may be gzipped."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if data[:4] == b"\x0a\x0d\x0d\x0a":
        return list(read_pcapng(data))
    return list(read_pcap(data))


def read_pcap(data):
    order = next((o for o in "<>" if struct.unpack(o + "I", data[:4])[0] in PCAP_UNITS), None)
    if order is None:
        raise Damaged(f"byte 0: magic {data[:4].hex()}, expected that of pcap or pcapng")
    unit = PCAP_UNITS[struct.unpack(order + "I", data[:4])[0]]
    link_type = struct.unpack(order + "I", data[20:24])[0] & PCAP_LINK_MASK
    at, number = 24, 0
    while at < len(data):
        if at + 16 > len(data):
            raise Damaged(f"byte {at}: a record header is cut off")
        seconds, fraction, captured, wire = struct.unpack_from(order + "IIII", data, at)
        frame = data[at + 16:at + 16 + captured]
        if len(frame) != captured:
            raise Damaged(f"byte {at}: a record of {captured} bytes, {len(frame)} are left")
        number += 1
        yield Frame(number, seconds * 10**9 + fraction * unit, link_type, frame, wire)
        at += 16 + captured


def options_of(data, at, end, order):
    options = {}
    while at + 4 <= end:
        code, length = struct.unpack_from(order + "HH", data, at)
        if code == 0:
            break
        if at + 4 + length > end:
            raise Damaged(f"byte {at}: option {code} of {length} bytes reaches beyond its block")
        options[code] = data[at + 4:at + 4 + length]
        at += 4 + (length + 3) // 4 * 4
    return options


def padded(length):
    return (length + 3) // 4 * 4


@dataclass
class Interface:
    link_type: int
    name: str | None
    ticks_per_second: int
    offset_seconds: int


def interface_of(data, at, end, order):
    options = options_of(data, at + 16, end, order)
    resolution = options.get(IF_TSRESOL, b"\x06")[0]
    ticks = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    offset = struct.unpack(order + "q", options[IF_TSOFFSET])[0] if IF_TSOFFSET in options else 0
    name = options[IF_NAME].decode() if IF_NAME in options else None
    return Interface(struct.unpack_from(order + "H", data, at + 8)[0], name, ticks, offset)


def enhanced_packet(data, at, end, order, interfaces, number):
    index, high, low, captured, wire = struct.unpack_from(order + "IIIII", data, at + 8)
    if index >= len(interfaces):
        raise Damaged(f"byte {at}: interface {index}, {len(interfaces)} are described")
    if at + 28 + padded(captured) > end:
        raise Damaged(f"byte {at}: {captured} captured bytes reach beyond the block")
    interface = interfaces[index]
    ticks = high << 32 | low
    time_ns = ticks * 10**9 // interface.ticks_per_second + interface.offset_seconds * 10**9
    options = options_of(data, at + 28 + padded(captured), end, order)
    identifier = struct.unpack(order + "Q", options[EPB_PACKETID])[0] if EPB_PACKETID in options else None
    frame = data[at + 28:at + 28 + captured]
    return Frame(number, time_ns, interface.link_type, frame, wire, interface.name, identifier)


def read_pcapng(data):
    order, interfaces, at, number = "<", [], 0, 0
    while at < len(data):
        if at + 12 > len(data):
            raise Damaged(f"byte {at}: a block is cut off")
        if data[at:at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            interfaces = []
        kind, length = struct.unpack_from(order + "II", data, at)
        end = at + length - 4
        if length < 12 or length % 4 or at + length > len(data) or struct.unpack_from(order + "I", data, end)[0] != length:
            raise Damaged(f"byte {at}: block of type {kind:#x} has a wrong length {length}")
        if kind == INTERFACE:
            interfaces.append(interface_of(data, at, end, order))
        elif kind == ENHANCED_PACKET:
            number += 1
            yield enhanced_packet(data, at, end, order, interfaces, number)
        elif kind in (OLD_PACKET, SIMPLE_PACKET):
            raise Damaged(f"byte {at}: block of type {kind}, expected enhanced packet blocks only")
        at += length


def write_pcap(path, frames):
    """Writes frames of one link type as a nanosecond pcap, for the copies that faults are planted in."""
    link_type = frames[0].link_type if frames else 1
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, link_type))
        for frame in frames:
            seconds, nanoseconds = divmod(frame.time_ns, 10**9)
            file.write(struct.pack("<IIII", seconds, nanoseconds, len(frame.data), frame.wire_length) + frame.data)


def enhanced_block(frame, index):
    """One enhanced packet block with its packet id, little-endian, nanosecond ticks."""
    body = struct.pack("<IIIII", index, frame.time_ns >> 32, frame.time_ns & 0xFFFFFFFF, len(frame.data), frame.wire_length)
    body += frame.data.ljust(padded(len(frame.data)), b"\0")
    if frame.packet_id is not None:
        body += struct.pack("<HHQI", EPB_PACKETID, 8, frame.packet_id, 0)
    return struct.pack("<II", ENHANCED_PACKET, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def interface_block(link_type, name):
    encoded = (name or "").encode()
    body = struct.pack("<HHI", link_type, 0, 0)
    body += struct.pack("<HH", IF_NAME, len(encoded)) + encoded.ljust(padded(len(encoded)), b"\0")
    body += struct.pack("<HHB3xI", IF_TSRESOL, 1, 9, 0)
    return struct.pack("<II", INTERFACE, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def write_pcapng(path, frames):
    """Writes frames with names and packet ids as replay's outputs have them."""
    indexes = {}
    with open(path, "wb") as file:
        file.write(struct.pack("<IIIHHqI", SECTION, 28, 0x1A2B3C4D, 1, 0, -1, 28))
        for frame in frames:
            key = (frame.link_type, frame.interface)
            if key not in indexes:
                indexes[key] = len(indexes)
                file.write(interface_block(*key))
            file.write(enhanced_block(frame, indexes[key]))

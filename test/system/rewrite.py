"""Compares a translated frame with the frame it came from: which bytes may differ, and how."""
import struct

from packets import CHECKSUM_AT, ICMP, TCP, UDP, header_checksum_good, l4_checksum_state, ones_sum, packet_of

SOURCE_AT, DESTINATION_AT, TTL_AT, HEADER_CHECKSUM_AT = 12, 16, 8, 10
SOURCE_PORT_AT, DESTINATION_PORT_AT, ECHO_ID_AT = 0, 2, 4


def l4_fields(packet, port_at):
    """Offsets in the frame of the port or identifier and of the L4 checksum; empty for later fragments."""
    if packet.fragment_at or packet.ports is None:
        return {}
    fields = {"port": (packet.l4 + (ECHO_ID_AT if packet.protocol == ICMP else port_at), 2)}
    checksum = packet.l4 + CHECKSUM_AT[packet.protocol]
    if len(packet.data) >= checksum + 2:
        fields["checksum"] = (checksum, 2)
    return fields


def permitted(packet):
    """Name to (offset, size) of everything that source NAT may change in this frame."""
    fields = {
        "source": (packet.at + SOURCE_AT, 4),
        "ttl": (packet.at + TTL_AT, 1),
        "header-checksum": (packet.at + HEADER_CHECKSUM_AT, 2),
    }
    if not packet.is_error:
        return fields | l4_fields(packet, SOURCE_PORT_AT)
    fields["icmp-checksum"] = (packet.l4 + CHECKSUM_AT[ICMP], 2)
    inner = packet.inner
    fields["inner-destination"] = (inner.at + DESTINATION_AT, 4)
    fields["inner-header-checksum"] = (inner.at + HEADER_CHECKSUM_AT, 2)
    return fields | {"inner-" + name: place for name, place in l4_fields(inner, DESTINATION_PORT_AT).items()}


def masked(data, fields):
    copy = bytearray(data)
    for at, size in fields.values():
        copy[at:at + size] = bytes(size)
    return bytes(copy)


def covered_sum(packet):
    """Checksum field plus the covered words that may change: equal modulo 0xFFFF before and after a right update.

    Serves where the checksum cannot be recounted: first fragments and cut quotations.
    """
    words = packet.data[packet.l4:packet.l4 + 4] if packet.protocol != ICMP else packet.data[packet.l4 + 4:packet.l4 + 6]
    if packet.protocol != ICMP:
        words += packet.data[packet.at + SOURCE_AT:packet.at + SOURCE_AT + 8]
    at = packet.l4 + CHECKSUM_AT[packet.protocol]
    return ones_sum(words + packet.data[at:at + 2]) % 0xFFFF


def checksum_faults(before, after, name):
    """The L4 checksum keeps its rightness: good stays good, partial stays partial, absent stays absent."""
    if before.fragment_at or before.protocol not in (TCP, UDP, ICMP):
        return
    was, now = l4_checksum_state(before), l4_checksum_state(after)
    if was != now:
        yield f"{name}-checksum", f"was {was}, is {now}"
    elif was is None and len(before.data) >= before.l4 + CHECKSUM_AT[before.protocol] + 2:
        at = before.l4 + CHECKSUM_AT[before.protocol]
        absent = before.protocol == UDP and before.data[at:at + 2] == b"\0\0"
        if absent and after.data[at:at + 2] != b"\0\0":
            yield f"{name}-checksum", "was absent, is not"
        elif not absent and covered_sum(before) != covered_sum(after):
            yield f"{name}-checksum", "its update does not match the changed words"


def faults(before_frame, after_frame):
    """(check, detail) for everything that is wrong with one rewritten frame."""
    before, after = packet_of(before_frame), packet_of(after_frame)
    if after is None or after.at != before.at or after.l4 != before.l4:
        yield "forbidden-byte", "the frame's structure changed"
        return
    fields = permitted(before)
    plain, rewritten = masked(before_frame.data, fields), masked(after_frame.data, fields)
    if plain != rewritten:
        at = next(i for i, (a, b) in enumerate(zip(plain, rewritten)) if a != b)
        yield "forbidden-byte", f"byte {at} was {plain[at]:#04x}, is {rewritten[at]:#04x}"
        return
    if after.ttl != before.ttl - 1:
        yield "ttl", f"was {before.ttl}, is {after.ttl}, expected one less: the gateway is another node"
    if header_checksum_good(before) != header_checksum_good(after):
        yield "header-checksum", "its rightness changed"
    yield from checksum_faults(before, after, "l4")
    if before.inner is not None:
        if header_checksum_good(before.inner) != header_checksum_good(after.inner):
            yield "inner-header-checksum", "its rightness changed"
        yield from checksum_faults(before.inner, after.inner, "inner-l4")


def external_tuple(before_frame, after_frame):
    """(egress IP, NAT port or echo id) that the frame shows outside; the port is None for later fragments."""
    after = packet_of(after_frame)
    port_field = permitted(packet_of(before_frame)).get("inner-port" if after.is_error else "port")
    port = struct.unpack_from("!H", after_frame.data, port_field[0])[0] if port_field else None
    return after.source, port

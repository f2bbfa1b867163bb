"""Takes out of a pcapng file what names the recording machine: hardware, operating system, comments. In place.

usage: strip.py FILE

Only section and interface blocks of little-endian files are rewritten (dumpcap on a little-endian machine writes no others);
packet blocks are copied as they are.
"""
import struct
import sys

SECTION, INTERFACE = 0x0A0D0D0A, 1
LITTLE_ENDIAN_MAGIC = b"\x4d\x3c\x2b\x1a"
FIXED_SIZE = {SECTION: 16, INTERFACE: 8}
COMMENT = 1
# Option codes: shb_hardware 2 and shb_os 3; if_filter 11 stays, if_os 12 goes, if_hardware 15 goes.
UNWANTED = {SECTION: {COMMENT, 2, 3}, INTERFACE: {COMMENT, 12, 15}}


def kept_options(options, unwanted):
    kept, at = b"", 0
    while at + 4 <= len(options):
        code, length = struct.unpack_from("<HH", options, at)
        end = at + 4 + (length + 3) // 4 * 4
        if code not in unwanted:
            kept += options[at:end]
        at = end
    return kept


def stripped(data):
    result, at = b"", 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        body = data[at + 8:at + length - 4]
        if kind == SECTION and body[:4] != LITTLE_ENDIAN_MAGIC:
            raise SystemExit("strip.py: a big-endian section, expected a little-endian one")
        if kind in UNWANTED:
            fixed = FIXED_SIZE[kind]
            body = body[:fixed] + kept_options(body[fixed:], UNWANTED[kind])
        size = struct.pack("<I", len(body) + 12)
        result += struct.pack("<I", kind) + size + body + size
        at += length
    return result


def main():
    path = sys.argv[1]
    with open(path, "rb") as file:
        data = file.read()
    with open(path, "wb") as file:
        file.write(stripped(data))


if __name__ == "__main__":
    main()

"""Classic captures (draft-ietf-opsawg-pcap) of Ethernet frames: read with microseconds or nanoseconds in either byte order, written with nanoseconds,
little-endian."""

import errno
import hashlib
import struct
from typing import NamedTuple

from sluicegate import HostError, read_bytes

_HEADER_SIZE = 24
_RECORD_SIZE = 16
_VARIANTS = {  # byte order and nanoseconds per unit, by the first bytes
    bytes.fromhex("d4c3b2a1"): ("<", 1000),
    bytes.fromhex("a1b2c3d4"): (">", 1000),
    bytes.fromhex("4d3cb2a1"): ("<", 1),
    bytes.fromhex("a1b23c4d"): (">", 1),
}
_NANOSECOND_MAGIC = 0xA1B23C4D
_ETHERNET = 1
_LINK_TYPE_MASK = 0x03FFFFFF  # the upper six bits tell of a frame check sequence
_MAX_CAPTURED = 262_144  # largest frame that a capture may hold; libpcap's limit
_SECOND = 1_000_000_000


class Captured(NamedTuple):
    data: bytes
    wire: int
    time: int


class Capture:
    """A capture in memory: gives its frames as often as it is asked, each made when its turn comes."""

    def __init__(self, file):
        self._file = file
        self._data = read_bytes(file)
        self._order, self._unit = self._read_header()
        self.count = sum(1 for _ in self)  # sees at once whether anything is wrong

    def __iter__(self):
        data = self._data
        record = struct.Struct(self._order + "IIII")
        number = 0
        at = _HEADER_SIZE
        while at < len(data):
            number += 1
            left = len(data) - at
            if left < _RECORD_SIZE:
                self._fail(at, f"frame {number}: {left} bytes are left, expected the {_RECORD_SIZE} of a record header")
            seconds, fraction, captured, wire = record.unpack_from(data, at)
            if captured > _MAX_CAPTURED:
                self._fail(at + 8, f"frame {number}: captured length is {captured}, expected at most {_MAX_CAPTURED}")
            start = at + _RECORD_SIZE
            left = len(data) - start
            if captured > left:
                self._fail(start, f"frame {number}: {left} bytes are left, expected the {captured} of the frame")
            at = start + captured
            yield Captured(data[start:at], max(wire, captured), seconds * _SECOND + fraction * self._unit)

    def _read_header(self):
        data = self._data
        if len(data) < _HEADER_SIZE:
            self._fail(0, f"{len(data)} bytes are left, expected the {_HEADER_SIZE} of a pcap header")
        if data[:4] not in _VARIANTS:
            self._fail(0, f"magic is {data[:4].hex()}, expected d4c3b2a1, a1b2c3d4, 4d3cb2a1 or a1b23c4d: classic pcap")
        order, unit = _VARIANTS[data[:4]]
        major, minor = struct.unpack_from(order + "HH", data, 4)
        if (major, minor) != (2, 4):
            self._fail(4, f"version is {major}.{minor}, expected 2.4")
        link_type = struct.unpack_from(order + "I", data, 20)[0] & _LINK_TYPE_MASK
        if link_type != _ETHERNET:
            self._fail(20, f"link type is {link_type}, expected {_ETHERNET}: Ethernet")
        return order, unit

    def _fail(self, at, what):
        raise HostError(f"{self._file}: byte {at}: {what}")


class CaptureWriter:
    """Writes a capture, or, without a file, only its SHA-256."""

    def __init__(self, file=None):
        self._file = file
        self._hash = hashlib.sha256()
        self._opened = None
        if file is not None:
            try:
                self._opened = open(file, "wb")
            except OSError as error:
                raise self._unwritable(error) from error
        self._put(struct.pack("<IHHIIII", _NANOSECOND_MAGIC, 2, 4, 0, 0, _MAX_CAPTURED, _ETHERNET))

    def write(self, data, wire, time):
        seconds, fraction = divmod(time, _SECOND)
        self._put(struct.pack("<IIII", seconds & 0xFFFFFFFF, fraction, len(data), wire))
        self._put(data)

    def close(self):
        """Gives the SHA-256 of the file."""
        if self._opened:
            try:
                self._opened.close()
            except OSError as error:
                raise self._unwritable(error) from error
        return self._hash.hexdigest()

    def _put(self, data):
        self._hash.update(data)
        if self._opened:
            try:
                self._opened.write(data)
            except OSError as error:
                raise self._unwritable(error) from error

    def _unwritable(self, error):
        return HostError(f"{self._file}: cannot be written ({errno.errorcode.get(error.errno, error)})")

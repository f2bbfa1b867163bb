import hashlib
import struct

from . import abi
from .engine import HostError, read_bytes, read_json

_SCHEMA = "sluicegate.io/compiled-policy/v1"


class Policy:
    """What `sluicegate compile` wrote: policy.bin and policy.json, which have to be of one run and of the versions that this host was written for."""

    def __init__(self, blob_file, about_file):
        self.file = blob_file
        self.about = read_json(about_file)
        schema = self.about.get("schema") if isinstance(self.about, dict) else None
        _expect(f"{about_file}: schema", schema, _SCHEMA)
        _expect(f"{about_file}: abiVersion", self.about["abiVersion"], abi.ABI_VERSION)
        _expect(f"{about_file}: blobVersion", self.about["blobVersion"], abi.BLOB_VERSION)
        self.record = bytes.fromhex(self.about["configuration"]["record"])
        _expect(f"{about_file}: bytes of configuration.record", len(self.record), abi.CONFIG_SIZE)
        self.blob = read_bytes(blob_file)
        _expect(f"{blob_file}: bytes", len(self.blob), self.about["blob"]["bytes"])
        _expect(f"{blob_file}: SHA-256", hashlib.sha256(self.blob).hexdigest(), self.about["blob"]["sha256"])

    def endpoints(self):
        """Addresses of all endpoints, 16 bytes each, of a blob that the engine took."""
        return self._addresses(abi.SECTION_ENDPOINTS, abi.ENDPOINT_SIZE, abi.ENDPOINT_ADDRESS_AT)

    def egress_ips(self):
        """All egress IPs, likewise."""
        return self._addresses(abi.SECTION_EGRESSES, abi.EGRESS_SIZE, abi.EGRESS_IPV4_AT, abi.EGRESS_IPV6_AT)

    def _addresses(self, section, size, *places):
        rows, start = struct.unpack_from("<II", self.blob, abi.BLOB_SECTIONS_AT + section * 8)
        rows_at = range(start, start + rows * size, size)
        return {self.blob[row + at : row + at + 16] for row in rows_at for at in places} - {bytes(16)}


def _expect(what, value, expected):
    if value != expected:
        quoted = [f'"{one}"' if isinstance(one, str) else one for one in (value, expected)]
        raise HostError(f"{what} is {quoted[0]}, expected {quoted[1]}")

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
        about = self.about if isinstance(self.about, dict) else {}
        if about.get("schema") != _SCHEMA:
            raise HostError(f'{about_file}: schema is "{about.get("schema")}", expected "{_SCHEMA}"')
        if about.get("abiVersion") != abi.ABI_VERSION:
            raise HostError(f"{about_file}: abiVersion is {about.get('abiVersion')}, expected {abi.ABI_VERSION}")
        if about.get("blobVersion") != abi.BLOB_VERSION:
            raise HostError(f"{about_file}: blobVersion is {about.get('blobVersion')}, expected {abi.BLOB_VERSION}")
        self.record = _unhex(about.get("configuration", {}).get("record", ""))
        if len(self.record) != abi.CONFIG_SIZE:
            raise HostError(f"{about_file}: configuration.record has {len(self.record)} bytes, expected {abi.CONFIG_SIZE}")
        self.blob = read_bytes(blob_file)
        stated = about.get("blob", {})
        if len(self.blob) != stated.get("bytes"):
            raise HostError(f"{blob_file}: has {len(self.blob)} bytes, expected {stated.get('bytes')}")
        digest = hashlib.sha256(self.blob).hexdigest()
        if digest != stated.get("sha256"):
            raise HostError(f"{blob_file}: SHA-256 is {digest}, expected {stated.get('sha256')}")

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


def _unhex(text):
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""

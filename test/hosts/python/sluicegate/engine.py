import errno
import json

import wasmtime

from . import abi


class HostError(Exception):
    """Something that was given is not as it has to be. The text says where, what it is, and what it should be."""


def read_bytes(file):
    try:
        with open(file, "rb") as opened:
            return opened.read()
    except OSError as error:
        raise HostError(f"{file}: cannot be read ({errno.errorcode.get(error.errno, error)})") from error


def read_json(file):
    try:
        return json.loads(read_bytes(file))
    except ValueError as error:
        raise HostError(f"{file}: is no JSON ({error})") from error


class Module:
    """A compiled engine; it serves any number of instances. `memory_limit`: bytes that each may grow to, None = as far as it wants."""

    def __init__(self, file, memory_limit=None):
        self.file = file
        self.memory_limit = memory_limit
        self.compiler = wasmtime.Engine()
        wasm = read_bytes(file)
        try:
            self.compiled = wasmtime.Module(self.compiler, wasm)
        except wasmtime.WasmtimeError as error:
            raise HostError(f"{file}: is no WebAssembly module ({str(error).splitlines()[0]})") from error

    def start(self):
        return Engine(self)


class Engine:
    """One instance, of one thread at a time."""

    def __init__(self, module):
        self._store = wasmtime.Store(module.compiler)
        if module.memory_limit is not None:
            self._store.set_limits(memory_size=module.memory_limit)
        try:
            self._exports = wasmtime.Instance(self._store, module.compiled, []).exports(self._store)
        except wasmtime.WasmtimeError as error:
            raise HostError(f"{module.file}: cannot be instantiated ({str(error).splitlines()[0]})") from error
        version = self._exports["abiVersion"](self._store) if "abiVersion" in self._exports else "nothing"
        if version != abi.ABI_VERSION:
            raise HostError(f"{module.file}: abiVersion() gives {version}, expected {abi.ABI_VERSION}")

    def call(self, name, *args):
        """Calls an exported function with unsigned 32-bit numbers. The result is signed, as error codes are."""
        return self._exports[name](self._store, *(arg - (1 << 32) if arg >> 31 else arg for arg in args))

    def parameters_of(self, name):
        """How many parameters an exported function has; None where there is none."""
        exported = self._exports[name] if name in self._exports else None
        return len(exported.type(self._store).params) if isinstance(exported, wasmtime.Func) else None

    def memory(self):
        """A window onto the whole memory. `configure` makes memory grow: take it afterwards, and it stays valid."""
        bytes_of_memory = self._exports["memory"].get_buffer_ptr(self._store)
        # Windows hold what they are made of, and so the instance: its memory is there as long as one of them.
        bytes_of_memory.store = self._store
        return memoryview(bytes_of_memory).cast("B")

    def place(self, region):
        """Address and size of a region, REGION_*."""
        return self.call("regionAt", region) & 0xFFFFFFFF, self.call("regionSize", region) & 0xFFFFFFFF

    def region(self, region):
        """A window onto a region."""
        at, size = self.place(region)
        return self.memory()[at : at + size]

    def configure(self, record):
        """Gives OK or an ERROR_*. The record has CONFIG_SIZE bytes."""
        at = self.call("configAt") & 0xFFFFFFFF
        self.memory()[at : at + len(record)] = record
        return self.call("configure")

    def load_policy(self, blob):
        """Gives OK or an ERROR_*. The blob is at most as large as the arena."""
        self.region(abi.REGION_ARENA)[: len(blob)] = blob
        return self.call("loadPolicy", 0, len(blob))

    def released(self):
        """The numbers of held frames that are to be given again now, in order; the list is empty afterwards."""
        words = self.region(abi.REGION_RELEASED).cast("I")
        numbers = words[1 : 1 + words[0]].tolist()
        words[0] = 0
        return numbers

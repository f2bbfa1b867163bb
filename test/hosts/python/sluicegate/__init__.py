"""engine.wasm in a Python program, with wasmtime. docs/abi.md says what each call of the engine means."""

from .engine import Engine, HostError, Module, read_bytes, read_json
from .gateway import Frame, Gateway, Verdict
from .policy import Policy

__all__ = ["Engine", "Frame", "Gateway", "HostError", "Module", "Policy", "Verdict", "read_bytes", "read_json"]

import struct
import time
from collections import deque
from itertools import islice
from typing import NamedTuple, Optional

from . import abi
from .engine import HostError

_BATCH = 256  # frames of a process call: more gain nothing, and stay in no cache
_NANOSECONDS_PER_MS = 1_000_000


def _layout(record, size):
    """The fields of a record without gaps or arrays as a struct."""
    fields = sorted(abi.FIELDS[record], key=lambda field: field.offset)
    packed = struct.Struct("<" + "".join({"u8": "B", "u16": "H", "u32": "I", "u64": "Q"}[field.type] for field in fields))
    assert packed.size == size
    return packed, [field.name for field in fields]


_FRAME, _FRAME_FIELDS = _layout("frame", abi.FRAME_SIZE)
assert _FRAME_FIELDS == ["offset", "captured", "wire", "hook", "link", "flags", "time", "tag"]


class Frame(NamedTuple):
    """A frame of Ethernet; its length on the wire, HOOK_*, and nanoseconds since 1970."""

    data: bytes
    wire: int
    hook: int
    time: int


class Verdict(NamedTuple):
    """What becomes of a frame. `data` is the frame as it leaves, `error` an ICMP error for its sender without a link header."""

    frame: Frame
    action: int
    reason: int
    egress: int
    data: memoryview
    error: Optional[bytes]


class Gateway:
    """An engine under a policy. It takes frames in any number, and keeps fragments that wait for their first one."""

    def __init__(self, module, policy):
        engine = self._engine = module.start()
        _must(policy, "configure()", engine.configure(policy.record))
        self._arena = engine.region(abi.REGION_ARENA)
        if len(policy.blob) > len(self._arena):
            most = f"at most {len(self._arena)}: the arena's"
            raise HostError(f"{policy.file}: has {len(policy.blob)} bytes, expected {most}")
        _must(policy, "loadPolicy()", engine.load_policy(policy.blob))
        for call in policy.about.get("calls", []):
            name, arguments = call["function"], call["arguments"]
            if engine.parameters_of(name) != len(arguments):
                raise HostError(f"{policy.file}: the engine has no {name}() of {len(arguments)} arguments")
            _must(policy, f"{name}()", engine.call(name, *arguments))
        self._frames = engine.region(abi.REGION_FRAMES)
        self._verdicts = engine.region(abi.REGION_VERDICTS)
        self._generated = engine.region(abi.REGION_GENERATED)
        self._batch = min(_BATCH, len(self._frames) // abi.FRAME_SIZE)
        self._held = {}
        self._now = 0
        self.busy = 0
        """Nanoseconds spent on copying frames in, writing their records, and in `process`."""

    def process(self, frames):
        """Takes frames through the engine in order. Yields the verdict of each once its fate is known, and where it is held."""
        yield from self._run(deque(), frames)

    def flush(self):
        """Ends the wait of all fragments that are still held."""
        if not self._held:
            return
        self._now += abi.FRAGMENT_MS * _NANOSECONDS_PER_MS
        self._engine.call("advance", self._now & 0xFFFFFFFF, self._now >> 32)
        yield from self._run(deque(self._again()), [])

    def _run(self, queue, frames):
        """Takes first what is in the queue, then the frames. Items are a frame and, where it was held, its number."""
        upcoming = ((frame, None) for frame in frames)  # fetched batch by batch
        while True:
            batch = [queue.popleft() for _ in range(min(self._batch, len(queue)))]
            batch.extend(islice(upcoming, self._batch - len(batch)))
            if not batch:
                return
            started = time.perf_counter_ns()
            count = self._describe(batch)
            done = self._engine.call("process", count)
            self.busy += time.perf_counter_ns() - started
            if count == 0:
                raise HostError(f"a frame has {len(batch[0][0].data)} bytes, expected at most {len(self._arena)}: the arena's")
            if done < 1:
                raise HostError(f"process({count}) gives {abi.code_text(done)}, expected 1 to {count}")
            yield from self._verdicts_of(batch[:done])
            queue.extendleft(reversed(self._again() + batch[done:]))

    def _describe(self, batch):
        """Writes the batch into arena and frame records, one frame behind the other. Gives how many fit."""
        records = []
        offset = 0
        for (data, wire, hook, when), number in batch:
            length = len(data)
            if length > len(self._arena) - offset:
                break
            if number is None:
                records.append(_FRAME.pack(offset, length, wire, hook, abi.LINK_ETHERNET, 0, when, 0))
            else:
                flags = abi.FRAME_FLAG_RELEASED
                records.append(_FRAME.pack(offset, length, wire, hook, abi.LINK_ETHERNET, flags, self._now, number))
            offset += length
        self._arena[:offset] = b"".join(item[0].data for item in batch[: len(records)])
        self._frames[: len(records) * abi.FRAME_SIZE] = b"".join(records)
        return len(records)

    def _verdicts_of(self, batch):
        offset = 0
        errors = self._errors()
        rows = bytes(self._verdicts[: len(batch) * abi.VERDICT_SIZE])
        for i, (frame, number) in enumerate(batch):
            row = i * abi.VERDICT_SIZE
            action = rows[row + abi.VERDICT_ACTION_AT]
            length, egress = struct.unpack_from("<II", rows, row + abi.VERDICT_LENGTH_AT)
            if action == abi.ACTION_HOLD:
                (held,) = struct.unpack_from("<I", rows, row + abi.VERDICT_INNER_AT)
                self._held[held] = frame
            if number is None:
                self._now = max(self._now, frame.time)
            data = self._arena[offset : offset + length]
            yield Verdict(frame, action, rows[row + abi.VERDICT_REASON_AT], egress, data, errors.get(i))
            offset += len(frame.data)

    def _again(self):
        """The held frames that the engine wants to see again now, in its order."""
        return [(self._held.pop(number), number) for number in self._engine.released()]

    def _errors(self):
        """ICMP errors of the engine's own, by the frame record that they are about."""
        if not self._generated:
            return {}
        (count,) = struct.unpack_from("<I", self._generated, abi.GENERATED_COUNT_AT)
        errors = {}
        for i in range(count):
            row = abi.GENERATED_ROWS_AT + i * abi.GENERATED_SIZE
            frame, length = struct.unpack_from("<II", self._generated, row + abi.GENERATED_FRAME_AT)
            start = row + abi.GENERATED_PACKET_AT
            errors[frame] = bytes(self._generated[start : start + length])
        return errors


def _must(policy, what, code):
    if code != abi.OK:
        raise HostError(f"{policy.file}: {what} gives {abi.code_text(code)}, expected 0 (OK)")

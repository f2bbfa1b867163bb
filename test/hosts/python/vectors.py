"""The command `vectors`: the conformance vectors of test/vectors, run as docs/vectors.md says."""

import json
import os
import struct

from sluicegate import HostError, Module, abi, read_json

_SCHEMA = "sluicegate.io/vectors/v1"
_LABELS = {"action": abi.ACTION_LABELS, "reason": abi.REASON_LABELS}
_FORMATS = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q"}


def vectors(options):
    """Gives the exit code: 0 all as expected, 1 a vector differs."""
    module = Module(options.engine)
    total = [0, 0, 0]
    for path in (file for path in options.paths for file in _files_of(path)):
        tally = _run_file(path, module)
        print(f"{os.path.basename(path)}: {_text_of(*tally)}")
        total = [one + other for one, other in zip(total, tally)]
    print(_text_of(*total))
    return 1 if total[2] else 0


def _text_of(vectors, steps, differ):
    return f"{vectors} vectors, {steps} steps: {f'{differ} vectors differ' if differ else 'as expected'}"


def _files_of(path):
    if not os.path.isdir(path):
        return [path]
    return [os.path.join(path, name) for name in sorted(os.listdir(path)) if name.endswith(".json")]


def _run_file(path, module):
    file = read_json(path)
    schema = file.get("schema") if isinstance(file, dict) else None
    if schema != _SCHEMA:
        raise HostError(f"{path}: schema is {json.dumps(schema)}, expected {json.dumps(_SCHEMA)}")
    if file["abiVersion"] != abi.ABI_VERSION:
        raise HostError(f"{path}: abiVersion is {file['abiVersion']}, expected {abi.ABI_VERSION}")
    steps = differ = 0
    for vector in file["vectors"]:
        run = _Run(file, module)
        for number, step in enumerate(vector["steps"]):
            steps += 1
            run.differences = []
            run.step(step)
            for difference in run.differences:
                print(f"{vector['name']}, step {number}, {difference}")
            if run.differences:
                differ += 1
                break
    return len(file["vectors"]), steps, differ


class _Run:
    """One vector: the instance that it is at, and what its steps have said so far."""

    def __init__(self, file, module):
        self._file = file
        self._module = module
        self._saved = {}
        self.differences = []
        self._start()

    def _start(self):
        self._engine = self._module.start()
        self._is_configured = False
        self._stated = {}

    def step(self, step):
        if step["do"] == "start":
            self._start()
            return
        if step["do"] == "save":
            self._saved[step["as"]] = bytes(self._engine.region(abi.REGION_STATE))
            return
        offsets = self._describe(step.get("frames", []))
        self._compare("returns", step["returns"], self._call(step))
        for i, row in enumerate(step.get("verdicts", [])):
            self._compare_verdict(i, row)
            self._compare_bytes(i, row, step["frames"][i]["bytes"], offsets[i])
        if "generated" in step:
            self._compare("generated", step["generated"], self._generated())
        if not self._is_configured:
            return
        self._compare("released", step.get("released", []), self._engine.released())
        self._compare_counters(_flat(step.get("counters", {})))
        for i, row in enumerate(step.get("egressStats", [])):
            self._compare_stats(i, row)

    def _compare(self, field, expected, got):
        if expected != got:
            self.differences.append(f"{field}: expected {_json(expected)}, got {_json(got)}")

    def _call(self, step):
        engine = self._engine
        what = step["do"]
        if what == "configure":
            record = bytes.fromhex(_named(self._file["configurations"], step["configuration"])["record"])
            code = engine.configure(record)
            self._is_configured = self._is_configured or code == abi.OK
            return code
        if what == "load":
            blob = bytes.fromhex(_named(self._file["policies"], step["policy"])["blob"])
            arena = engine.region(abi.REGION_ARENA)
            if len(blob) <= len(arena):
                arena[: len(blob)] = blob
            return engine.call("loadPolicy", *step.get("arguments", [0, len(blob)]))
        if what == "restore":
            state = engine.region(abi.REGION_STATE)
            state[:] = bytes([step["fill"]]) * len(state) if "fill" in step else self._saved[step["from"]]
            return engine.call("restore")
        if what == "call":
            return engine.call(step["function"], *step["arguments"])
        return engine.call(what, step.get("count", len(step["frames"])))

    def _describe(self, frames):
        """Puts frames into the arena and their records into REGION_FRAMES, as far as there is room. Gives where each lies."""
        arena = self._engine.region(abi.REGION_ARENA)
        records = self._engine.region(abi.REGION_FRAMES)
        offsets = []
        following = 0
        for i, frame in enumerate(frames):
            data = bytes.fromhex(frame["bytes"])
            offset = frame.get("offset", following)
            offsets.append(offset)
            following = offset + len(data)
            if following <= len(arena):
                arena[offset:following] = data
            at = i * abi.FRAME_SIZE
            if at + abi.FRAME_SIZE > len(records):
                continue
            record = {"captured": len(data), "wire": len(data), "tag": "0", **frame, "offset": offset}
            for field in abi.FIELDS["frame"]:
                struct.pack_into(_FORMATS[field.type], records, at + field.offset, int(record[field.name]))
        return offsets

    def _compare_verdict(self, i, row):
        record = self._engine.region(abi.REGION_VERDICTS)[i * abi.VERDICT_SIZE :]
        for field in abi.FIELDS["verdict"]:
            if field.name not in row:
                continue
            got = _get(record, field)
            if field.name in _LABELS:
                got = _LABELS[field.name].get(got, str(got))
            elif field.name == "flags":
                got &= self._file["verdictFlags"]
            self._compare(f"verdicts[{i}].{field.name}", row[field.name], got)

    def _compare_bytes(self, i, row, given, offset):
        if "outer" in row:
            rows = self._engine.region(abi.REGION_OUTER)[i * abi.OUTER_SIZE :]
            self._compare(f"verdicts[{i}].outer", row["outer"], rows[: abi.OUTER_SIZE].hex())
        name = "unchanged" if row.get("unchanged") else "out"
        expected = given if name == "unchanged" else row.get("out")
        if expected is not None:
            start = offset + row.get("skip", 0)
            got = self._engine.region(abi.REGION_ARENA)[start : start + len(expected) // 2].hex()
            self._compare(f"verdicts[{i}].{name}", expected, got)

    def _generated(self):
        region = self._engine.region(abi.REGION_GENERATED)
        (count,) = struct.unpack_from("<I", region, abi.GENERATED_COUNT_AT)
        rows = []
        for i in range(count):
            row = region[abi.GENERATED_ROWS_AT + i * abi.GENERATED_SIZE :]
            frame, length, egress = struct.unpack_from("<III", row, abi.GENERATED_FRAME_AT)
            packet = row[abi.GENERATED_PACKET_AT : abi.GENERATED_PACKET_AT + length].hex()
            rows.append({"frame": frame, "egress": egress, "packet": packet})
        return rows

    def _compare_counters(self, stated):
        """What a step states has changed to that; what it does not state is as it was, of the counters that are compared always."""
        self._stated.update(stated)
        for name, got in self._counters():
            if name.split(".")[0] in self._file["counters"]["steady"] or name in stated:
                self._compare(f"counters.{name}", self._stated.get(name, "0"), got)

    def _counters(self):
        """All of them, by `opened` or `reasons.no-policy`."""
        region = self._engine.region(abi.REGION_COUNTERS)
        for field in abi.FIELDS["counters"]:
            if field.count == 1:
                yield field.name, _get(region, field)
                continue
            for value, label in _LABELS[field.name.rstrip("s")].items():
                yield f"{field.name}.{label}", _get(region, field, value)

    def _compare_stats(self, i, row):
        record = self._engine.region(abi.REGION_EGRESS_STATS)[i * abi.EGRESS_STATS_SIZE :]
        for field in abi.FIELDS["egress_stats"]:
            if field.name in row:
                self._compare(f"egressStats[{i}].{field.name}", row[field.name], _get(record, field))


def _named(entries, name):
    for entry in entries:
        if entry["name"] == name:
            return entry
    raise HostError(f"nothing is named {name}")


def _flat(counters):
    flat = {}
    for name, value in counters.items():
        if isinstance(value, str):
            flat[name] = value
        else:
            flat.update({f"{name}.{label}": count for label, count in value.items()})
    return flat


def _get(record, field, index=0):
    """A field of a record: a number, 64 bits as decimal text, bytes as hexadecimal."""
    if field.type == "u8" and field.count > 1:
        return record[field.offset : field.offset + field.count].hex()
    form = _FORMATS[field.type]
    (value,) = struct.unpack_from(form, record, field.offset + index * struct.calcsize(form))
    return str(value) if field.type == "u64" else value


def _json(value):
    return json.dumps(value, separators=(",", ":"))

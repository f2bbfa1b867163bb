"""The command `replay`: a capture through one engine, and what leaves as another capture."""

import json
import platform
import statistics
from collections import Counter
from importlib.metadata import version

from capture import Capture, CaptureWriter
from sluicegate import Frame, Gateway, HostError, Module, Policy, abi

_TYPE_AT = 12
_TAG_SIZE = 4
_VLAN_TAGS = (b"\x81\x00", b"\x88\xa8", b"\x91\x00")
_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"
_MAPPED = bytes(10) + b"\xff\xff"


def replay(options):
    policy = Policy(options.policy, options.about)
    captured = Capture(options.capture)
    module = Module(options.engine)
    first = None
    rates = []
    for number in range(options.rounds):
        gateway = Gateway(module, policy)
        result = _run(gateway, _given(captured, policy), CaptureWriter(options.out if number == 0 else None))
        first = first or {"frames": captured.count, "skipped": captured.count - result["given"], **result}
        if result["sha256"] != first["sha256"]:
            raise HostError(f"round {number + 1}: SHA-256 is {result['sha256']}, expected {first['sha256']} as in the first")
        rates.append(result["given"] * 1e9 / gateway.busy if gateway.busy else 0)
    runtime = f"wasmtime {version('wasmtime')}, Python {platform.python_version()}"
    rate = round(statistics.median(rates))
    print(json.dumps({"host": "python", "runtime": runtime, **first, "rounds": options.rounds, "framesPerSecond": rate}))


def _given(captured, policy):
    """The frames that the engine is asked about, with the hook that each enters at; all others are left out."""
    endpoints = policy.endpoints()
    inside = endpoints | policy.egress_ips()
    for data, wire, time in captured:
        source, destination = _addresses_of(data)
        if source in endpoints:
            yield Frame(data, wire, abi.HOOK_FROM_ENDPOINT, time)
        elif destination in inside:
            yield Frame(data, wire, abi.HOOK_FROM_NETWORK, time)


def _packet_of(data):
    """The EtherType of a frame, and where its packet begins."""
    at = _TYPE_AT
    while data[at : at + 2] in _VLAN_TAGS:
        at += _TAG_SIZE
    return data[at : at + 2], at + 2


def _addresses_of(data):
    ether_type, start = _packet_of(data)
    left = len(data) - start
    if ether_type == _IPV4 and left >= 20:
        return _MAPPED + data[start + 12 : start + 16], _MAPPED + data[start + 16 : start + 20]
    if ether_type == _IPV6 and left >= 40:
        return data[start + 8 : start + 24], data[start + 24 : start + 40]
    return None, None


def _run(gateway, frames, writer):
    actions = Counter({"pass": 0, "snat": 0, "reverse": 0, "drop": 0, "hold": 0})
    reasons = Counter()
    errors = written = 0
    for verdicts in (gateway.process(frames), gateway.flush()):
        for frame, action, reason, _, data, error in verdicts:
            actions[abi.ACTION_LABELS[action]] += 1
            if action == abi.ACTION_HOLD:
                continue
            if reason != abi.REASON_NONE:
                reasons[reason] += 1
            if action != abi.ACTION_DROP:
                writer.write(data, frame.wire, frame.time)
                written += 1
            if error:
                answer = _answer_frame(frame.data, error)
                writer.write(answer, len(answer), frame.time)
                errors += 1
                written += 1
    named = {abi.REASON_LABELS.get(reason, str(reason)): reasons[reason] for reason in sorted(reasons)}
    given = sum(actions.values()) - actions["hold"]
    return {"given": given, "actions": actions, "reasons": named, "errors": errors, "written": written, "sha256": writer.close()}


def _answer_frame(data, error):
    """An ICMP error as the sender of the frame gets it: behind a copy of its link header with the addresses changed round."""
    return data[6:12] + data[:6] + data[12 : _packet_of(data)[1]] + error

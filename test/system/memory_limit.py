"""An engine under a memory limit of the host's, in wasmtime. Prints what came of it as JSON.

Usage: memory_limit.py PACKAGES ENGINE POLICY ABOUT
PACKAGES is the folder that the package `sluicegate` lies in.
"""

import gc
import json
import struct
import sys

packages, engine_file, policy_file, about_file = sys.argv[1:]
sys.path.insert(0, packages)

from sluicegate import Frame, Gateway, HostError, Module, Policy, abi  # noqa: E402

PAGE = 65536
LATER = 1_900_000_000_000_000_000  # nanoseconds: all endpoints of the manifests are there
policy = Policy(policy_file, about_file)
record = policy.record


def with_connections(count):
    """The policy's configuration record for another number of connections."""
    changed = bytearray(record)
    struct.pack_into("<II", changed, abi.CONFIG_CONNECTIONS_AT, count, 0)
    return bytes(changed)


def size(engine):
    return len(engine.memory())


unlimited = Module(engine_file).start()
assert unlimited.configure(record) == abi.OK
needed = size(unlimited)

tight = Module(engine_file, memory_limit=needed - PAGE).start()
first = size(tight)
refused = tight.configure(record)
after = size(tight)
empty = [region for region in range(abi.REGION_COUNT) if tight.place(region) == (0, 0)]
unready = [tight.call("process", 1), tight.call("loadPolicy", 0, 64), tight.call("advance", 1, 0), tight.call("restore")]
again = tight.configure(with_connections(8 << 20))
smaller = tight.configure(with_connections(1 << 16))
loaded = tight.load_policy(policy.blob)
grown = size(tight)

enough = Module(engine_file, memory_limit=needed)
frame = bytes.fromhex(sys.stdin.readline().strip())


def verdict_of(module):
    """Verdicts whose bytes are read once their gateway is gone: they keep its memory."""
    verdicts = list(Gateway(module, policy).process([Frame(frame, len(frame), abi.HOOK_FROM_ENDPOINT, LATER)]))
    gc.collect()
    return [[verdict.action, verdict.reason, bytes(verdict.data).hex()] for verdict in verdicts]


try:
    Gateway(Module(engine_file, memory_limit=needed - PAGE), policy)
    error = ""
except HostError as raised:
    error = str(raised).replace(policy_file, "FILE")

print(
    json.dumps(
        {
            "needed": needed,
            "first": first,
            "refused": refused,
            "after": after,
            "empty": len(empty),
            "unready": unready,
            "again": again,
            "smaller": smaller,
            "loaded": loaded,
            "fits": grown <= needed - PAGE,
            "limited": verdict_of(enough),
            "unlimited": verdict_of(Module(engine_file)),
            "error": error,
        }
    )
)

"""Pairs the frames of a replay's outputs with those of its inputs by packet id, and judges every one.

usage: pairing.py --capture FILE --output DIR --manifests DIR [--decapsulate] [--may-miss REASON]...

Prints {"faults": [{"check", "packet", "detail"}...], "counts": {...}} as JSON. A frame may be missing only for a reason that was
named, that holds for this very frame, and that the report counts as often as frames are missing for it.
"""
import argparse
import json
import os
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import epb
import rewrite
from expectation import ENDPOINT, EXTERNAL, NOWHERE, expectations
from manifests import Cluster

DUPLICATE = "duplicate"
# Reason: what must hold for a packet that stays out of the outputs for it. Of duplicates another copy must be there.
EXCUSES = {
    "ttl-exceeded": lambda packet: packet.ttl <= 1,
    "fragment-without-first": lambda packet: packet.fragment_at > 0,
}


@dataclass
class Judgement:
    inputs: list  # (frame, packet, expected) in capture order
    may_miss: set
    faults: list = field(default_factory=list)
    emitted: dict = field(default_factory=dict)  # packet id -> place
    mappings: dict = field(default_factory=dict)  # connection -> (gateway, egress IP, port)
    missed: Counter = field(default_factory=Counter)  # reason -> frames
    users: dict = field(default_factory=dict)  # (protocol, egress IP, port, remote) -> connection

    def fault(self, check, packet_id, detail):
        self.faults.append({"check": check, "packet": packet_id, "detail": detail})

    def judge_output(self, frame, place):
        """One frame of an output file; checks that need no other output frame."""
        identifier = frame.packet_id
        if identifier is None or not 1 <= identifier <= len(self.inputs):
            self.fault("packet-id", identifier, f"expected 1 to {len(self.inputs)}")
            return
        if identifier in self.emitted:
            self.fault("packet-id-twice", identifier, f"in {self.emitted[identifier]} and in {place}")
            return
        self.emitted[identifier] = place
        before, packet, expected = self.inputs[identifier - 1]
        for name in ("time_ns", "wire_length", "link_type"):
            if getattr(frame, name) != getattr(before, name):
                self.fault(name.replace("_", "-"), identifier, f"was {getattr(before, name)}, is {getattr(frame, name)}")
        if len(frame.data) != len(before.data):
            self.fault("captured-length", identifier, f"was {len(before.data)}, is {len(frame.data)}")
            return
        if place == ENDPOINT and frame.data != before.data:
            self.fault("bytes-changed", identifier, "a passed or restored frame differs from the captured one")
        if expected.place not in (place, NOWHERE) or (place == EXTERNAL and expected.place == NOWHERE):
            check = "leak" if expected.place == EXTERNAL else "needless-translation"
            self.fault(check, identifier, f"in {place}, expected in {expected.place}: {expected.why}")
        elif place == EXTERNAL:
            self.judge_translation(frame, before, packet, expected)

    def judge_translation(self, frame, before, packet, expected):
        identifier = frame.packet_id
        for check, detail in rewrite.faults(before, frame):
            self.fault(check, identifier, detail)
            if check == "forbidden-byte":
                return
        egress_ip, port = rewrite.external_tuple(before, frame)
        if (frame.interface, egress_ip) not in expected.pairs:
            permitted = sorted(expected.pairs)
            self.fault("gateway", identifier, f"{egress_ip} on {frame.interface}, permitted {permitted}")
        if port is None:
            mapping = self.mappings.get(expected.connection)
            if mapping is None or mapping[:2] != (frame.interface, egress_ip):
                self.fault("mapping-changed", identifier, f"fragment from {egress_ip}, its first part used {mapping}")
            return
        mapping = (frame.interface, egress_ip, port)
        known = self.mappings.setdefault(expected.connection, mapping)
        if known != mapping:
            self.fault("mapping-changed", identifier, f"was {known}, is {mapping}")
        protocol, _, remote, ports = expected.connection
        remote_port = None if protocol == 1 else ports[1]
        user = self.users.setdefault((protocol, egress_ip, port, remote, remote_port), expected.connection)
        if user != expected.connection:
            self.fault("mapping-shared", identifier, f"{mapping} to {remote}:{remote_port} serves {user} too")

    def judge_missing(self):
        """Every frame that should have come out did, or was missed for a permitted reason."""
        groups = defaultdict(list)
        for number, (_, packet, expected) in enumerate(self.inputs, 1):
            if expected.place != NOWHERE:
                groups[twin_key(packet)].append(number)
        for numbers in groups.values():
            used = [n for n in numbers if n in self.emitted]
            if DUPLICATE in self.may_miss and len(numbers) > 1 and used:
                self.judge_copies(numbers, used)
                self.missed[DUPLICATE] += len(numbers) - len(used)
                continue
            for number in numbers:
                if number not in self.emitted:
                    self.judge_absence(number)

    def judge_absence(self, number):
        _, packet, expected = self.inputs[number - 1]
        reason = next((r for r in sorted(self.may_miss - {DUPLICATE}) if EXCUSES[r](packet)), None)
        self.missed[reason] += 1
        if reason is None:
            self.fault("missing", number, f"expected in {expected.place}: {expected.why}")

    def judge_copies(self, numbers, used):
        """Of the copies of one packet only one place's is used: the nearest to the pod, by TTL.

        Packets that differ in nothing (resets with IP identification 0) share a group, so several of one place may be used.
        """
        ttls = {n: self.inputs[n - 1][1].ttl for n in numbers}
        used_ttls = {ttls[n] for n in used}
        packet, expected = self.inputs[numbers[0] - 1][1:]
        if len(used_ttls) > 1 or (packet.ident and len(used) > 1):
            self.fault("duplicate-used", used[-1], f"copies {used} of one packet were all used")
        elif expected.why != "cluster-internal":
            outbound = expected.connection is not None and expected.connection[1] == packet.source
            nearest = (max if outbound else min)(ttls.values())
            if used_ttls != {nearest}:
                self.fault("wrong-copy", used[0], f"TTL {used_ttls}, the copy nearest to the pod has {nearest}")

    def counts(self):
        """What the report must say: frames by their way."""
        seen = Counter()
        for identifier, place in self.emitted.items():
            expected = self.inputs[identifier - 1][2]
            if place == EXTERNAL:
                seen["snat"] += 1
            else:
                seen["reverse" if expected.translated else "pass"] += 1
        return {name: seen[name] for name in ("snat", "reverse", "pass")} | {"read": len(self.inputs)}

    def judge_report(self, report):
        frames = report["frames"]
        for name, value in self.counts().items():
            if frames[name] != value:
                self.fault("report", None, f"frames.{name} is {frames[name]}, counted {value}")
        ways = ("pass", "snat", "reverse", "drop", "lost", "skipped")
        if frames["read"] != sum(frames[name] for name in ways):
            self.fault("report", None, f"frames.read is {frames['read']}, its ways add up to {sum(frames[n] for n in ways)}")
        for reason in sorted(self.may_miss):
            if report["reasons"].get(reason, 0) != self.missed[reason]:
                said = report["reasons"].get(reason, 0)
                self.fault("report", None, f"reasons.{reason} is {said}, {self.missed[reason]} frames are missing for it")
        gateways = Counter(node for node, _, _ in self.mappings.values())
        for gateway in report["gateways"]:
            if gateway["connections"] != gateways.get(gateway["node"], 0) and gateway_is_alone(report, gateway):
                found, counted = gateway["connections"], gateways.get(gateway["node"], 0)
                self.fault("report", None, f"{gateway['node']} has {found} connections, counted {counted}")


def gateway_is_alone(report, gateway):
    """A node with two egress IPs has two rows; only the nodes with one can be compared by name."""
    return sum(row["node"] == gateway["node"] for row in report["gateways"]) == 1


def twin_key(packet):
    """Equal for the copies of one packet at several places, different for retransmissions (new IP identification)."""
    payload = packet.data[packet.l4:packet.at + packet.length]
    return packet.source, packet.destination, packet.protocol, packet.ident, packet.fragment_at, payload


def judge(capture, output, manifests, decapsulate, may_miss):
    cluster = Cluster(manifests)
    judgement = Judgement(list(expectations(epb.read(capture), cluster, decapsulate)), set(may_miss))
    for place in (EXTERNAL, ENDPOINT):
        for frame in epb.read(os.path.join(output, place + ".pcapng")):
            judgement.judge_output(frame, place)
    judgement.judge_missing()
    with open(os.path.join(output, "report.json"), encoding="utf-8") as file:
        judgement.judge_report(json.load(file))
    return judgement


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--capture", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--manifests", required=True)
    parser.add_argument("--decapsulate", action="store_true")
    parser.add_argument("--may-miss", action="append", default=[])
    arguments = parser.parse_args()
    judgement = judge(**vars(arguments))
    print(json.dumps({"faults": judgement.faults, "counts": judgement.counts()}))


if __name__ == "__main__":
    main()

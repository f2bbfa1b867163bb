"""A naive reading of pcaps/manifests: who owns an address, which policy selects a packet, which gateways may translate it.

Knows no more of the manifests than those files use, and refuses what it does not know.
"""
import glob
import ipaddress
import json
import os
from dataclasses import dataclass

import yaml


def documents(folder):
    for path in sorted(glob.glob(os.path.join(folder, "*.yaml"))):
        with open(path, encoding="utf-8") as file:
            yield from (document for document in yaml.safe_load_all(file) if document)


def matches(selector, labels):
    if selector is None:
        return True
    if not set(selector) <= {"matchLabels", "matchExpressions"}:
        raise ValueError(f"selector {selector}, expected matchLabels or matchExpressions")
    for expression in selector.get("matchExpressions", []):
        if expression["operator"] != "In":
            raise ValueError(f"operator {expression['operator']}, expected In")
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def fnv1a(text):
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


@dataclass
class Choice:
    """What a policy says about a packet: the permitted (gateway, egress IP) pairs, or None for "leave it alone" and why."""

    why: str
    pairs: set | None = None


class Cluster:
    def __init__(self, folder):
        self.nodes, self.pods, self.policies, self.namespaces, self.services = {}, {}, [], {}, set()
        self.endpoint_uids = {}
        for document in documents(folder):
            getattr(self, "read_" + document["kind"])(document)

    def read_ConfigMap(self, document):
        """Its values are what a replay assumes by default."""

    def read_Node(self, document):
        metadata = document["metadata"]
        devices = json.loads(metadata.get("annotations", {}).get("sluicegate.io/interfaces", "{}"))
        default = devices.pop("default", None)
        address = next(a["address"] for a in document["status"]["addresses"] if a["type"] == "InternalIP")
        self.nodes[metadata["name"]] = {
            "address": address,
            "labels": metadata["labels"],
            "devices": {name: [a.split("/")[0] for a in list_] for name, list_ in devices.items()},
            "default": default,
            "pod_cidrs": [ipaddress.ip_network(c) for c in document["spec"].get("podCIDRs", [])],
        }

    def read_Namespace(self, document):
        self.namespaces[document["metadata"]["name"]] = document["metadata"].get("labels", {})

    def read_Pod(self, document):
        if document["spec"].get("hostNetwork") or document["status"]["phase"] in ("Succeeded", "Failed"):
            return
        for entry in document["status"]["podIPs"]:
            self.pods[entry["ip"]] = document["metadata"]

    def read_CiliumIdentity(self, document):
        """The labels of pods and namespaces say the same in these manifests."""

    def read_CiliumEndpoint(self, document):
        for entry in document["status"]["networking"]["addressing"]:
            self.endpoint_uids[entry["ipv4"]] = document["metadata"]["uid"]

    def read_Service(self, document):
        self.services.update(document["spec"]["clusterIPs"])

    def read_IsovalentEgressGatewayPolicy(self, document):
        self.policies.append(document)

    read_CiliumEgressGatewayPolicy = read_IsovalentEgressGatewayPolicy

    def reserved(self, destination):
        """Why no policy ever selects this destination, or None."""
        address = ipaddress.ip_address(destination)
        if address.is_multicast:
            return "multicast"
        if address.is_link_local:
            return "link-local"
        if address.is_loopback or destination == "255.255.255.255":
            return "loopback-or-broadcast"
        if destination in self.pods or destination in self.services:
            return "cluster-internal"
        if any(destination == node["address"] for node in self.nodes.values()):
            return "cluster-internal"
        if any(address in cidr for node in self.nodes.values() for cidr in node["pod_cidrs"]):
            return "cluster-internal"
        return None

    def selects(self, policy, pod):
        namespace_labels = self.namespaces[pod["namespace"]]
        return any(
            matches(s.get("namespaceSelector"), namespace_labels) and matches(s.get("podSelector"), pod.get("labels", {}))
            for s in policy["spec"]["selectors"]
        )

    def choose(self, source, destination):
        """The policy decision for one packet that a pod sends in a connection of its own."""
        pod = self.pods.get(source)
        if pod is None:
            return Choice("endpoint-unknown")
        why = self.reserved(destination)
        if why:
            return Choice(why)
        best = None
        for policy in self.policies:
            if not self.selects(policy, pod):
                continue
            for kind in ("destinationCIDRs", "excludedCIDRs"):
                for cidr in policy["spec"].get(kind, []):
                    network = ipaddress.ip_network(cidr)
                    if ipaddress.ip_address(destination) in network:
                        key = (network.prefixlen, kind == "excludedCIDRs")
                        best = max(best or (key, policy), (key, policy), key=lambda entry: entry[0])
        if best is None:
            return Choice("no-policy")
        if best[0][1]:
            return Choice("excluded")
        return Choice("selected", self.pairs(best[1], self.endpoint_uids[source]))

    def nodes_of(self, entry):
        chosen = entry["nodeSelector"]
        return [name for name in sorted(self.nodes) if matches(chosen, self.nodes[name]["labels"])]

    def egress_ip(self, node, entry):
        devices = self.nodes[node]["devices"]
        if "egressIP" in entry:
            known = [a for addresses in devices.values() for a in addresses]
            return entry["egressIP"] if entry["egressIP"] in known else None
        return devices[entry.get("interface", self.nodes[node]["default"])][0]

    def pairs(self, policy, uid):
        spec = policy["spec"]
        if policy["kind"] == "IsovalentEgressGatewayPolicy":
            return {(n, self.egress_ip(n, g)) for g in spec["egressGroups"] for n in self.nodes_of(g)}
        entries = spec.get("egressGateways") or [spec["egressGateway"]]
        resolved = [(self.nodes_of(entry)[0], entry) for entry in entries]
        resolved.sort(key=lambda pair: ipaddress.ip_address(self.nodes[pair[0]]["address"]))
        node, entry = resolved[fnv1a(uid) % len(resolved)]
        return {(node, self.egress_ip(node, entry))}

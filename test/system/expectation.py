"""What must become of each input frame, from the manifests and from who opened a connection. Knows nothing of the product."""
from dataclasses import dataclass

from packets import decapsulated, packet_of

EXTERNAL, ENDPOINT, NOWHERE = "external", "endpoint", "nowhere"


@dataclass
class Expected:
    """`place` is the output file. `translated` holds for replies of translated connections too; `pairs` are the permitted
    (gateway, egress IP); `connection` is the five-tuple as the pod sees its own side first, None where it cannot be told."""

    place: str
    why: str
    translated: bool = False
    pairs: set | None = None
    connection: tuple | None = None


class Walk:
    """Goes through a capture once, in order; captures here begin before their connections."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.opened_by_pod = {}
        self.datagrams = {}

    def expect(self, packet):
        if packet is None:
            return Expected(NOWHERE, "not-ipv4")
        from_pod = packet.source in self.cluster.pods
        to_pod = packet.destination in self.cluster.pods
        if not from_pod and not to_pod:
            return Expected(NOWHERE, "no-endpoint")
        connection = self.connection_of(packet, from_pod)
        if from_pod and to_pod:
            return Expected(ENDPOINT, "cluster-internal", connection=connection)
        if connection is None:
            return Expected(ENDPOINT, "unknown-connection")
        if not self.opened_by_pod.setdefault(connection, from_pod):
            return Expected(ENDPOINT, "inbound", connection=connection)
        if self.from_inside(packet, from_pod):
            return Expected(ENDPOINT, "cluster-internal", connection=connection)
        choice = self.cluster.choose(connection[1], connection[2])
        translated = choice.pairs is not None
        place = EXTERNAL if translated and from_pod else ENDPOINT
        return Expected(place, choice.why, translated, choice.pairs, connection)

    def from_inside(self, packet, from_pod):
        """A cluster's own router or node answers with an ICMP error: it saw the untranslated packet."""
        return not from_pod and self.cluster.reserved(packet.source) is not None

    def connection_of(self, packet, from_pod):
        datagram = (packet.source, packet.destination, packet.protocol, packet.ident)
        if packet.fragment_at:
            return self.datagrams.get(datagram)
        if packet.is_error:
            if packet.inner is None:
                return None
            return packet.inner.reversed_tuple if from_pod else packet.inner.tuple
        connection = packet.tuple if from_pod else packet.reversed_tuple
        if packet.more:
            self.datagrams[datagram] = connection
        return connection


def expectations(frames, cluster, decapsulate):
    """For each frame: (the frame as replay takes it, its packet, what is expected)."""
    walk = Walk(cluster)
    for frame in frames:
        inner = decapsulated(frame) if decapsulate else frame
        packet = packet_of(inner)
        yield inner, packet, walk.expect(packet)

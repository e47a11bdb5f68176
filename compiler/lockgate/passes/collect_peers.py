"""Collect every peer that rules could tell apart, as points; and the tree of prefixes.

Before: the snapshot, its identities, and what rules can see.
After:  the peer space.  Endpoints that rules cannot tell apart share their points.

The order of points keeps together what selectors select together (a namespace, then a
workload), so that pages of verdict tables are mostly empty or equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.labels import Label
from lockgate.ir.prefixes import Prefix, PrefixTree
from lockgate.ir.resolution import (
    HOST,
    KUBE_API_SERVER,
    REMOTE_NODE,
    NodePoints,
    PeerSpace,
    Point,
    PointKind,
    reserved,
)

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from lockgate.ir.cluster import Cluster, Node
    from lockgate.ir.labels import Labels
    from lockgate.ir.resolution import Census, Vocabulary

    Address = IPv4Address | IPv6Address

NO_COVER = -1


def collect_peers(
    cluster: Cluster, census: Census, vocabulary: Vocabulary
) -> PeerSpace:
    """Return the space of all peers of a cluster."""
    external = _external_api_servers(cluster)
    named = filter(None, map(Prefix.of_label_key, vocabulary.keys))
    grouped = (Prefix.of(n) for group in cluster.cidr_groups for n in group.networks)
    tree = PrefixTree.of(
        (
            *vocabulary.every,
            *vocabulary.world,
            *external,
            *named,
            *(grouped if vocabulary.sees_groups else ()),
        )
    )
    collector = _Collector(vocabulary, tree)
    nodes = collector.add_nodes(cluster)
    hosts = {
        cover: collector.hosts(cover, ()) for cover in sorted(set(collector.every_of))
    }
    endpoints = collector.add_endpoints(cluster, census)
    return PeerSpace(
        points=tuple(collector.points),
        tree=tree,
        every_of=tuple(collector.every_of),
        endpoints=endpoints,
        nodes=nodes,
        hosts=hosts,
        external_api_servers=frozenset(tree.numbers[prefix] for prefix in external),
    )


class _Collector:
    """Points so far, each distinct one once."""

    def __init__(self, vocabulary: Vocabulary, tree: PrefixTree) -> None:
        self._vocabulary = vocabulary
        self._tree = tree
        self.points: dict[Point, int] = {}
        self.every_of: list[int] = []
        for number, prefix in enumerate(tree.prefixes):
            parent = tree.parents[number]
            inherited = self.every_of[parent] if parent >= 0 else NO_COVER
            own = prefix in vocabulary.every
            self.every_of.append(number if own else inherited)

    def add(self, point: Point) -> int:
        """Return the number of a point."""
        return self.points.setdefault(point, len(self.points))

    def cover(self, address: Address | None) -> int:
        """Return the longest prefix of scope EVERY that holds an address."""
        if address is None or not self._vocabulary.every:
            return NO_COVER
        return self.every_of[self._tree.find(address.version, int(address))]

    def hosts(self, cover: int, node_labels: Labels) -> tuple[int, int]:
        """Return the points of a host's own address, without and with the API server."""
        plain = (*node_labels, reserved("host"))
        serving = (*node_labels, reserved("host"), reserved("kube-apiserver"))
        return (
            self.add(Point(PointKind.HOST, HOST, plain, cover, ())),
            self.add(Point(PointKind.HOST, HOST, serving, cover, ())),
        )

    def add_nodes(self, cluster: Cluster) -> tuple[tuple[NodePoints, ...], ...]:
        """Add a point for each address of each node, and for the same as a host's own."""
        api_servers = set(cluster.api_server_addresses)
        found = []
        for node in cluster.nodes:
            labels = self._node_labels(node)
            if api_servers.isdisjoint(node.addresses):
                identity, shown = REMOTE_NODE, labels
            else:
                identity, shown = KUBE_API_SERVER, (*labels, reserved("kube-apiserver"))
            shown = (*shown, reserved("remote-node"))
            points = []
            for address in node.addresses:
                cover = self.cover(address)
                point = self.add(Point(PointKind.NODE, identity, shown, cover, ()))
                points.append(NodePoints(point, *self.hosts(cover, labels)))
            found.append(tuple(points))
        return tuple(found)

    def _node_labels(self, node: Node) -> Labels:
        keys = self._vocabulary.keys
        return tuple(
            Label("node", x.key, x.value) for x in node.labels if x.key in keys
        )

    def add_endpoints(
        self, cluster: Cluster, census: Census
    ) -> tuple[tuple[int, ...], ...]:
        """Add the points of all endpoints."""
        keys, ports = self._vocabulary.keys, self._vocabulary.peer_ports
        # By identity: label sets and ports of many endpoints are one object.
        known: dict[tuple[int, int, int], int] = {}
        found = []
        for endpoint, number in zip(cluster.endpoints, census.numbers, strict=True):
            labels, named = endpoint.labels, endpoint.named_ports
            points = []
            for cover in map(self.cover, endpoint.addresses or (None,)):
                key = id(labels), id(named), cover
                point = known.get(key)
                if point is None:
                    seen = [
                        x for x in labels if x.key in keys or x.source == "reserved"
                    ]
                    asked = tuple([p for p in named if p.name in ports])
                    point = known[key] = self.add(
                        Point(PointKind.ENDPOINT, number, tuple(seen), cover, asked)
                    )
                points.append(point)
            found.append(tuple(points))
        return tuple(found)


def _external_api_servers(cluster: Cluster) -> list[Prefix]:
    """Return the API server's addresses that are no node's and no endpoint's."""
    inside = {a for node in cluster.nodes for a in node.addresses}
    outside = [a for a in cluster.api_server_addresses if a not in inside]
    if outside:
        pods = {a for endpoint in cluster.endpoints for a in endpoint.addresses}
        outside = [a for a in outside if a not in pods]
    return [Prefix.of_address(address) for address in outside]

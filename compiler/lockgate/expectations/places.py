"""Who can stand at an end of a flow: pods, nodes, and every kind of address outside.

A :class:`Place` is one of them at one address.  What tables cannot tell apart need not be
judged twice, so places are grouped by what hooks know of them; and the addresses outside
are one place for each peer that some of them lead to.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, NamedTuple

from lockgate.ir.prefixes import WIDTH, Prefix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockgate.ir.cluster import Cluster
    from lockgate.ir.tables import Tables
    from lockgate_runtime.tables import Endpoint, Host, PackedTables

Address = IPv4Address | IPv6Address


class PlaceKind(StrEnum):
    """What stands at a place."""

    POD = "pod"
    NODE = "node"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Place:
    """An end of a flow at one address.

    ``name`` is ``namespace/name`` of a pod, the name of a node, or the address.  ``subject``
    is who judges there (None: nobody), ``peer`` what the address leads to, ``node`` the node
    that it is or runs on.
    """

    kind: PlaceKind
    name: str
    address: Address
    subject: Endpoint | Host | None
    node: str | None
    peer: int

    @property
    def family(self) -> int:
        """The version of IP."""
        return self.address.version

    @property
    def who(self) -> tuple[PlaceKind, str]:
        """Who stands there, at whichever address."""
        return self.kind, self.name

    def __str__(self) -> str:
        return f"node {self.name}" if self.kind is PlaceKind.NODE else self.name


class Span(NamedTuple):
    """Addresses from ``first`` to ``last``, both included, of one version of IP."""

    version: int
    first: int
    last: int


EVERYWHERE = tuple(Span(version, 0, (1 << WIDTH[version]) - 1) for version in (4, 6))

_USUAL = {
    4: ((0x0100_0000, 0x7EFF_FFFF), (0x8000_0000, 0xDFFF_FFFF)),
    6: ((0x2000 << 112, (0x4000 << 112) - 1),),
}
"""Unicast addresses (IANA); an example should be one of them where any is in question."""


class Population:
    """All places of a snapshot under some tables."""

    def __init__(self, cluster: Cluster, tables: Tables, packed: PackedTables) -> None:
        self.cluster = cluster
        self.packed = packed
        self.pods = [place for e in packed.endpoints for place in self._pod(e)]
        self._api_servers = {h.node for h in packed.hosts if h.is_api_server}
        self.nodes = [place for host in packed.hosts for place in self._node(host)]
        self.by_address = {place.address: place for place in (*self.nodes, *self.pods)}
        self.host_pods = {
            f"{pod.namespace}/{pod.name}": pod.node for pod in cluster.host_pods
        }
        services = (a for service in cluster.services for a in service.addresses)
        self._edges_of: dict[
            tuple[Span, ...], dict[tuple[int, int], list[Address]]
        ] = {}
        self._edges = _edges(tables, [*self.by_address, *services])

    def outside(self, spans: Iterable[Span]) -> list[Place]:
        """Return a place for each kind of address in ``spans`` that is of no pod or node."""
        found: dict[tuple[int, int], Address] = {}
        for segment in self.segments(spans):
            address = _address(segment.version, segment.first)
            key = segment.version, self.packed.peer_of(address)
            if key not in found or (not _usual(found[key]) and _usual_in(segment)):
                found[key] = _usual_in(segment) or address
        return [
            Place(PlaceKind.OUTSIDE, str(address), address, None, None, peer)
            for (_, peer), address in sorted(found.items())
        ]

    def edges(self, spans: tuple[Span, ...], place: Place) -> list[Address]:
        """Return the first and last addresses of all that ``place`` stands for."""
        if spans not in self._edges_of:
            found: dict[tuple[int, int], dict[Address, None]] = defaultdict(dict)
            for segment in self.segments(spans):
                first, last = (_address(segment.version, n) for n in segment[1:])
                key = segment.version, self.packed.peer_of(first)
                found[key] |= dict.fromkeys((first, last))
            self._edges_of[spans] = {key: list(some) for key, some in found.items()}
        return self._edges_of[spans].get((place.family, place.peer), [])

    def segments(self, spans: Iterable[Span]) -> Iterator[Span]:
        """Yield pieces of ``spans`` outside, each of which leads to one peer."""
        for span in spans:
            starts, is_outside = self._edges[span.version]
            at = max(bisect_right(starts, span.first) - 1, 0)
            while at < len(starts) and starts[at] <= span.last:
                end = starts[at + 1] - 1 if at + 1 < len(starts) else span.last
                if is_outside[at]:
                    first = max(starts[at], span.first)
                    yield Span(span.version, first, min(end, span.last))
                at += 1

    def seen_from(self, place: Place, judging: Place) -> int:
        """Return the peer that ``place`` is for the hook at ``judging``."""
        if place.kind is not PlaceKind.NODE or place.node != judging.node:
            return place.peer
        peer = self.packed.peer(place.peer)
        is_api_server = place.node in self._api_servers
        return peer.api_server_host if is_api_server else peer.host

    # ------------------------------------------------------------ inside

    def _pod(self, endpoint: Endpoint) -> Iterator[Place]:
        for address in endpoint.addresses:
            peer = self.packed.peer_of(address)
            yield Place(
                PlaceKind.POD, endpoint.key, address, endpoint, endpoint.node, peer
            )

    def _node(self, host: Host) -> Iterator[Place]:
        subject = host if host.is_enforced else None
        for address in host.addresses:
            peer = self.packed.peer_of(address)
            yield Place(PlaceKind.NODE, host.node, address, subject, host.node, peer)


def without(spans: Iterable[Span], holes: Iterable[Span]) -> list[Span]:
    """Return spans without some holes."""
    found = list(spans)
    for hole in holes:
        found = [piece for span in found for piece in _cut(span, hole)]
    return found


def _cut(span: Span, hole: Span) -> Iterator[Span]:
    if hole.version != span.version or hole.last < span.first or hole.first > span.last:
        yield span
        return
    if span.first < hole.first:
        yield span._replace(last=hole.first - 1)
    if span.last > hole.last:
        yield span._replace(first=hole.last + 1)


def _edges(
    tables: Tables, known: Iterable[Address]
) -> dict[int, tuple[list[int], list[bool]]]:
    """Return for each family where the peer can change, and what from there is outside."""
    edges: dict[int, set[int]] = {4: {0}, 6: {0}}
    inside: dict[int, set[int]] = defaultdict(set)
    for entry in tables.addresses:
        prefix = Prefix(entry.version, entry.value, entry.length)
        edges[entry.version] |= {prefix.value, prefix.last + 1}
    for address in known:
        number = int(address)
        inside[address.version].add(number)
        edges[address.version] |= {number, number + 1}
    found = {}
    for version, some in edges.items():
        starts = sorted(n for n in some if n < 1 << WIDTH[version])
        found[version] = starts, [n not in inside[version] for n in starts]
    return found


def _usual(address: Address) -> bool:
    ranges = _USUAL[address.version]
    return any(first <= int(address) <= last for first, last in ranges)


def _usual_in(segment: Span) -> Address | None:
    """Return the first unicast address of a segment."""
    for first, last in _USUAL[segment.version]:
        low, high = max(first, segment.first), min(last, segment.last)
        if low <= high:
            return _address(segment.version, low)
    return None


def _address(version: int, number: int) -> Address:
    return IPv4Address(number) if version == 4 else IPv6Address(number)  # IP version

"""Choose packets that visit a bundle's tables: whoever judges, whomever they meet, every edge.

What a packet may be is a product: one subject for each verdict table, direction, family and
kind of hook; one remote address for each peer that an address leads to; both edges of each run
of ports that no rule tells apart.  Small products are taken whole; of a large one as many as
asked for, spread so evenly that each subject, peer and edge has its share.  There is no chance
in it: the same tables give the same packets.

The tables say what is expected, so this proves that a kernel's programs obey them; whether they
are what the policies mean is for ``lockgate prove``.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import accumulate
from math import gcd
from typing import TYPE_CHECKING

from lockgate.flows import Flow
from lockgate.ir.policy import Protocol
from lockgate.simulation import Question, Simulation, TableJudge
from lockgate_runtime.tables import Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockgate_runtime.tables import Host, PackedTables

    Address = IPv4Address | IPv6Address

_PROTOCOLS = {
    4: (Protocol.TCP, Protocol.UDP, Protocol.SCTP, Protocol.ICMP),
    6: (Protocol.TCP, Protocol.UDP, Protocol.SCTP, Protocol.ICMPV6),
}
"""Protocols that a frame can be built of."""

_OUTSIDE = tuple(
    map(ip_address, ("192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1"))
)
"""Addresses of documentation: they stand for the world where no prefix names it."""

_UNFIT_FIRST_BYTES = (0, *range(224, 240))
"""Of IPv4: "this network" and multicast."""

_BROADCAST = IPv4Address("255.255.255.255")

_GOLDEN_RATIO = 0.6180339887


@dataclass(frozen=True, slots=True)
class PacketSet:
    """The chosen questions, sorted by node; ``possible`` is how many there were to choose from."""

    questions: tuple[Question, ...]
    possible: int


@dataclass(frozen=True, slots=True)
class _Subject:
    """One end that judges, at one of its addresses, in one direction."""

    entry: Endpoint | Host
    local: Address
    direction: str


def choose_packets(tables: PackedTables, budget: int) -> PacketSet:
    """Return at most ``budget`` questions; see the module for which."""
    simulation = Simulation(tables, TableJudge(tables))
    remotes = _remotes(tables)
    ports = {
        version: [(p, port) for p in protocols for port in tables.edges(p)]
        for version, protocols in _PROTOCOLS.items()
    }
    subjects = _subjects(tables)
    others = [
        [each for each in remotes[one.local.version] if each != one.local]
        for one in subjects
    ]
    ends = list(
        accumulate(
            len(peers) * len(ports[one.local.version])
            for one, peers in zip(subjects, others, strict=True)
        )
    )
    possible = ends[-1] if ends else 0
    questions = []
    for place in _spread(possible, budget):
        index = bisect_right(ends, place)
        edges = ports[subjects[index].local.version]
        at = place - (ends[index - 1] if index else 0)
        remote, (protocol, port) = (
            others[index][at // len(edges)],
            edges[at % len(edges)],
        )
        questions += _ask(simulation, subjects[index], remote, protocol, port)
    return PacketSet(tuple(questions), possible)


def _ask(
    simulation: Simulation,
    subject: _Subject,
    remote: Address,
    protocol: Protocol,
    port: int,
) -> list[Question]:
    """Let the simulation make the question: it knows what an address is to whom."""
    ends = str(remote), str(subject.local)
    if subject.direction == "egress":
        ends = ends[1], ends[0]
    flow = Flow(*ends, protocol, port, {})
    return simulation.questions(flow)[subject.direction]


def _spread(count: int, wanted: int) -> Iterable[int]:
    """Return ``wanted`` places below ``count``, in order and evenly far from periods."""
    if count <= wanted:
        return range(count)
    step = int(count * _GOLDEN_RATIO) | 1
    while gcd(step, count) > 1:
        step += 2
    return sorted(n * step % count for n in range(wanted))


def _subjects(tables: PackedTables) -> list[_Subject]:
    """Return one subject for each table, direction, family and kind, on few nodes."""
    by_node: dict[str, list[_Subject]] = {}
    entries: list[Endpoint | Host] = [*tables.endpoints]
    entries += (host for host in tables.hosts if host.is_enforced)
    for entry in entries:
        for local in entry.addresses:
            for direction in ("ingress", "egress"):
                subject = _Subject(entry, local, direction)
                by_node.setdefault(entry.node or "", []).append(subject)
    # First the nodes that have the most tables: each has programs of its own to load.
    nodes = sorted(
        by_node, key=lambda name: (-len(set(map(_kind, by_node[name]))), name)
    )
    chosen: dict[object, _Subject] = {}
    for node in nodes:
        for subject in by_node[node]:
            chosen.setdefault(_kind(subject), subject)
    return list(chosen.values())


def _kind(subject: _Subject) -> object:
    entry = subject.entry
    is_ingress = subject.direction == "ingress"
    policy = entry.ingress_policy if is_ingress else entry.egress_policy
    is_cgroup = isinstance(entry, Endpoint) and entry.cgroup is not None
    return policy, subject.direction, subject.local.version, type(entry), is_cgroup


def _remotes(tables: PackedTables) -> dict[int, list[Address]]:
    """Return for each family an address or two of each peer, and each node's first."""
    found: dict[tuple[int, int], list[Address]] = {}
    for address in _addresses(tables):
        key = address.version, tables.peer_of(address)
        known = found.setdefault(key, [])
        if len(known) < 2 and address not in known:
            known.append(address)
    result: dict[int, list[Address]] = {4: [], 6: []}
    for (version, _), known in sorted(found.items()):
        result[version] += known
    return result


def _addresses(tables: PackedTables) -> Iterator[Address]:
    for endpoint in tables.endpoints:
        yield from endpoint.addresses
    for host in tables.hosts:
        yield from host.addresses
    yield from _OUTSIDE
    for address in tables.prefix_edges():
        if _is_fit(address):
            yield address


def _is_fit(address: Address) -> bool:
    """Whether a packet from or to an address is a matter of policy at all."""
    if isinstance(address, IPv4Address):
        if address.packed[0] in _UNFIT_FIRST_BYTES or address == _BROADCAST:
            return False
        return not address.is_loopback
    return not (
        address.is_multicast
        or address.is_unspecified
        or address.is_loopback
        or address.is_link_local
        or address.ipv4_mapped is not None
    )

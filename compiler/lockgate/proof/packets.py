"""Which packets to send, and what must become of them.

A *lane* is an end that judges, a direction and an address family.  Its dimensions are the
peer (an address), the protocol and the port.  The first packets of a lane have every atom of
every dimension, both edges among them; the next ones every pair of dimensions; all of them
are the product.  What no packet can ask (nobody may send from 224.0.0.1) is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from lockgate.proof.reference.atoms import OWN, OWN_WITH_API_SERVER, SEEN
from lockgate.proof.reference.flow import Kind
from lockgate.proof.reference.opinion import DIRECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lockgate.proof.compare import Comparison
    from lockgate.proof.expectation import Expectation
    from lockgate.proof.reference.addresses import Address
    from lockgate.proof.reference.tribunal import Verdict
    from lockgate.proof.subjects import Subject

_ICMP_OF = {4: "ICMP", 6: "ICMPv6"}
_WITH_PORTS = ("TCP", "UDP", "SCTP")
_NEIGHBOUR_DISCOVERY = range(133, 138)
"""Types of ICMPv6 that are no matter of policy (RFC 4861)."""

_EXTENSION_HEADERS = frozenset({0, 43, 44, 51, 60, 135, 139, 140, 253, 254})
"""Protocol numbers that are headers before another in IPv6 (RFC 8200, IANA)."""

_PIECE = 200_000
"""So many packets are in memory at once."""

Verdicts = frozenset["Verdict"]


class Fate(NamedTuple):
    """What must become of packets: the decisions that they meet, and whether they pass.

    Two ends judge what an endpoint sends to its own node: ``second`` is the node's.
    """

    first: Verdicts
    second: Verdicts
    passes: bool


class Planned(NamedTuple):
    """One packet, by its atoms."""

    peer: int
    traffic: int


@dataclass
class Coverage:
    """How much of what could be asked is asked: atoms of the dimensions, and pairs."""

    atoms: int = 0
    all_atoms: int = 0
    pairs: int = 0
    all_pairs: int = 0

    def add(self, other: Coverage) -> None:
        """Add that of another lane."""
        self.atoms += other.atoms
        self.all_atoms += other.all_atoms
        self.pairs += other.pairs
        self.all_pairs += other.all_pairs


@dataclass(frozen=True)
class Lane:
    """One end, direction and family: what can be asked there."""

    subject: Subject
    direction: str
    family: int
    local: Address
    peers: Sequence[int]
    traffic: Sequence[int]
    ports: Sequence[Sequence[int]]
    """The atoms of each port number (one for each protocol), then those of one type."""

    @property
    def product(self) -> int:
        """How many packets there are."""
        return len(self.peers) * len(self.traffic)

    @property
    def least(self) -> int:
        """How many packets have every atom at least once (see ``plan``)."""
        return max(len(self.peers), len(self.traffic))


def find_lanes(comparison: Comparison, subjects: Sequence[Subject]) -> Iterator[Lane]:
    """Yield the lanes of some subjects of one node that can be asked anything."""
    peers: dict[tuple[str, int], list[int]] = {}
    traffic = {family: _askable_traffic(comparison, family) for family in (4, 6)}
    ports = {family: _by_port(comparison, some) for family, some in traffic.items()}
    for subject in subjects:
        for direction in DIRECTIONS:
            for family in (4, 6):
                addresses = [a for a in subject.row.addresses if a.version == family]
                key = direction, family
                if addresses and key not in peers:
                    peers[key] = _askable_peers(comparison, subject, *key)
                if addresses and peers[key] and traffic[family]:
                    yield Lane(
                        subject,
                        direction,
                        family,
                        addresses[0],
                        peers[key],
                        traffic[family],
                        ports[family],
                    )


def plan(
    lane: Lane, share: int | None, start: int
) -> tuple[Iterable[list[Planned]], Coverage]:
    """Choose the packets of one lane, at most ``share`` (None: all), and what they cover.

    They come in pieces, since all of them may be millions.  ``start`` turns the order, so
    that lanes with small shares do not all ask the same.
    """
    if share is None or share >= lane.product:
        return _product(lane), _whole(lane)
    chosen: dict[Planned, None] = {}
    for packet in _in_order(lane, start):
        if len(chosen) >= share:
            break
        chosen[packet] = None
    return [list(chosen)], _coverage(lane, chosen)


def fate(
    lane: Lane, expectation: Expectation, host: Expectation | None, packet: Planned
) -> Fate:
    """Return what must become of a packet.

    ``host``: what the node expects, where it judges what its endpoints send to it.
    """
    first = expectation.of(packet.peer, packet.traffic)
    passes = _passes(first)
    second: Verdicts = frozenset()
    if host is not None and passes:
        second = host.of_address(lane.local, packet.traffic)
        passes = _passes(second)
    return Fate(first, second, passes)


# ---------------------------------------------------------------- what can be asked


def _askable_peers(
    comparison: Comparison, subject: Subject, direction: str, family: int
) -> list[int]:
    """Return the atoms of addresses, in the role that each has at the subject's node."""
    evaluator = comparison.evaluator
    node = evaluator.cluster.nodes.get(subject.row.node or "")
    own = set(node.addresses) if node else set()
    role = SEEN
    if node is not None:
        serves = evaluator.ends.has_api_server(node.addresses)
        role = OWN_WITH_API_SERVER if serves else OWN
    return [
        index
        for index, atom in enumerate(comparison.peers)
        if atom.address.version == family
        and atom.role == (role if atom.address in own and not _is_pod(atom) else SEEN)
        and _can_be(atom.address, is_source=direction == "ingress")
    ]


def _is_pod(atom: object) -> bool:
    end = getattr(atom, "end", None)
    return end is not None and end.kind is Kind.POD


def _can_be(address: Address, *, is_source: bool) -> bool:
    """Tell whether packets go from or to an address (RFC 1122, 3.2.1.3; RFC 4291)."""
    packed = address.packed
    if address.version == 6:
        is_group = packed[0] == 255
        return any(packed[:8]) and not (is_group and is_source)
    first = packed[0]
    is_for_many = 224 <= first < 240 or packed == b"\xff" * 4
    return first not in (0, 127) and not (is_for_many and is_source)


def _askable_traffic(comparison: Comparison, family: int) -> list[int]:
    found = []
    for index, atom in enumerate(comparison.traffic):
        if atom.protocol in _ICMP_OF.values():
            if atom.protocol != _ICMP_OF[family]:
                continue
            if family == 6 and atom.port in _NEIGHBOUR_DISCOVERY:
                continue
        elif family == 6 and atom.number in _EXTENSION_HEADERS:
            continue
        found.append(index)
    return found


def _by_port(comparison: Comparison, traffic: Sequence[int]) -> list[list[int]]:
    ports: dict[int, list[int]] = {}
    others = []
    for index in traffic:
        atom = comparison.traffic[index]
        if atom.protocol in _WITH_PORTS:
            ports.setdefault(atom.port, []).append(index)
        else:
            others.append([index])
    return [*ports.values(), *others]


# ---------------------------------------------------------------- the order


def _in_order(lane: Lane, start: int) -> Iterator[Planned]:
    """Yield packets: every atom once, then the pairs of dimensions, diagonal by diagonal.

    Along a diagonal peer and port advance together, and the protocol with both: so every
    peer meets every port, every port every protocol, and every protocol every peer.
    """
    peers, traffic, ports = lane.peers, lane.traffic, lane.ports
    for step in range(max(len(peers), len(traffic))):
        at = start + step
        yield Planned(peers[at % len(peers)], traffic[at % len(traffic)])
    for port in ports:
        for turn, atom in enumerate(port):  # where there are fewer peers than protocols
            yield Planned(peers[(start + turn) % len(peers)], atom)
    for shift in range(len(ports)):
        for place, peer in enumerate(peers):
            column = (start + place + shift) % len(ports)
            atoms = ports[column]
            yield Planned(peer, atoms[(place + column) % len(atoms)])


def _product(lane: Lane) -> Iterator[list[Planned]]:
    size = max(1, _PIECE // len(lane.traffic))
    for first in range(0, len(lane.peers), size):
        peers = lane.peers[first : first + size]
        yield [Planned(p, t) for p in peers for t in lane.traffic]


def _whole(lane: Lane) -> Coverage:
    """Count all atoms, and all pairs of dimensions (peer and port; peer and protocol)."""
    atoms = len(lane.peers) + len(lane.traffic)
    protocols = max((len(port) for port in lane.ports if len(port) > 1), default=0)
    pairs = len(lane.peers) * (len(lane.ports) + protocols)
    return Coverage(atoms, atoms, pairs, pairs)


def _coverage(lane: Lane, chosen: dict[Planned, None]) -> Coverage:
    port_of = {atom: n for n, port in enumerate(lane.ports) for atom in port}
    protocol_of = {
        atom: n for port in lane.ports if len(port) > 1 for n, atom in enumerate(port)
    }
    by_protocol = {
        (p.peer, protocol_of[p.traffic]) for p in chosen if p.traffic in protocol_of
    }
    whole = _whole(lane)
    return Coverage(
        len({p.peer for p in chosen}) + len({p.traffic for p in chosen}),
        whole.all_atoms,
        len({(p.peer, port_of[p.traffic]) for p in chosen}) + len(by_protocol),
        whole.all_pairs,
    )


def _passes(verdicts: Verdicts) -> bool:
    return all(verdict.outcome in ("allow", "audit") for verdict in verdicts)

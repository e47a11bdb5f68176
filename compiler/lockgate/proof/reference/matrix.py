"""All verdicts of a subject at once: rules against atoms, in sets.

Each test of a rule is asked about each atom once, and the answers are kept as sets (bits of
a number, one for each atom).  Atoms that no test tells apart, and that whoever compares does
not tell apart either, are one group; a subject's verdicts are worked out for groups.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from lockgate.proof.reference.addresses import edges
from lockgate.proof.reference.flow import End, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

    from lockgate.proof.reference.atoms import PeerAtom, TrafficAtom
    from lockgate.proof.reference.opinion import PeerTest, Rule, Statement, TrafficTest
    from lockgate.proof.reference.tribunal import Tribunal, Verdict

Bits = int
Ports = tuple[tuple[str, str, int], ...]
"""Named ports of a pod."""

_NOBODY = End(Kind.WORLD, None)


class Part(NamedTuple):
    """Part of a rule (by index): the peers and the traffic, as groups, that it speaks of."""

    rule: int
    peers: Bits
    traffic: Bits


class Block(NamedTuple):
    """Groups of peers that a subject's rules do not tell apart, and their verdicts."""

    peers: Bits
    verdicts: tuple[tuple[Bits, Verdict], ...]


class _Answers:
    """What the tests say of all atoms; each is asked once."""

    def __init__(
        self, peers: Sequence[PeerAtom], traffic: Sequence[TrafficAtom]
    ) -> None:
        self._packets = [atom.packet for atom in traffic]
        self._peers = peers
        self._known: dict[Hashable, Bits] = {}
        self._by_protocol: dict[str, list[int]] = {}
        for index, packet in enumerate(self._packets):
            self._by_protocol.setdefault(packet.protocol, []).append(index)
        alike: dict[Hashable, list[int]] = {}
        for index, atom in enumerate(peers):
            alike.setdefault(looks(atom.end), []).append(index)
        self._alike = [(peers[some[0]].end, _bits(some)) for some in alike.values()]
        self._positions = [atom.end.position for atom in peers]
        self.everyone = (1 << len(peers)) - 1
        self.everything = (1 << len(traffic)) - 1

    def peers(self, tests: Iterable[PeerTest]) -> Bits:
        """Return the atoms that some test matches."""
        bits = 0
        for test in tests:
            known = self._known.get(test.key)
            if known is None:
                known = self._known[test.key] = self._ask(test)
            bits |= known
        return bits

    def traffic(self, tests: Iterable[TrafficTest] | None, listener: End) -> Bits:
        """Return the atoms that some test matches where ``listener`` has named ports."""
        if tests is None:
            return self.everything
        bits = 0
        for test in tests:
            key = (test.key, _ports(listener) if test.is_named else None)
            known = self._known.get(key)
            if known is None:
                known = self._known[key] = self._ask_traffic(test, listener)
            bits |= known
        return bits

    def _inside(self, prefixes: Iterable[str]) -> set[int]:
        """Return the atoms in some prefixes; atoms are sorted by their addresses."""
        found: set[int] = set()
        for text in dict.fromkeys(prefixes):
            version, first, last = edges(text)
            start = bisect_left(self._positions, (version, first))
            found.update(range(start, bisect_right(self._positions, (version, last))))
        return found

    def _ask_traffic(self, test: TrafficTest, listener: End) -> Bits:
        packets = self._packets
        return _bits(
            index
            for protocol in test.protocols
            for index in self._by_protocol.get(protocol, ())
            if test.matches(listener, packets[index])
        )

    def _ask(self, test: PeerTest) -> Bits:
        bits = 0
        if test.within is not None:
            for index in self._inside(test.within):
                if test.matches(self._peers[index].end):
                    bits |= 1 << index
            return bits
        for end, some in self._alike:
            if test.matches(end):
                bits |= some
        return bits


@dataclass
class _Groups:
    """Atoms in groups: ``members`` as bits of atoms, ``of`` the group of an atom.

    ``firsts``: one atom of each group.
    """

    members: list[Bits]

    def __post_init__(self) -> None:
        self.of = {a: g for g, bits in enumerate(self.members) for a in members(bits)}
        self.firsts = [next(members(bits)) for bits in self.members]

    def within(self, atoms: Bits) -> Bits:
        """Return the groups of a set of atoms, which holds whole groups only."""
        return _bits(g for g, bits in enumerate(self.members) if bits & atoms)


class Matrix:
    """The rules of all statements against all atoms.

    ``peer_mark`` and ``traffic_mark`` say by what whoever compares tells atoms apart.
    """

    def __init__(
        self,
        statements: Iterable[Statement],
        peers: Sequence[PeerAtom],
        traffic: Sequence[TrafficAtom],
        peer_mark: Callable[[int], Hashable],
        traffic_mark: Callable[[int], Hashable],
    ) -> None:
        self.peers, self.traffic = peers, traffic
        self._answers = answers = _Answers(peers, traffic)
        self._listeners: dict[Ports, tuple[End, Bits]] = {}
        for index, atom in enumerate(peers):
            ports = _ports(atom.end)
            end, bits = self._listeners.get(ports, (atom.end, 0))
            self._listeners[ports] = end, bits | 1 << index
        rules = [r for s in statements for some in s.rules.values() for r in some]
        self._named = {
            rule.reason: any(test.is_named for test in rule.traffic or ())
            for rule in rules
        }
        services = _bits(i for i, atom in enumerate(peers) if atom.is_service)
        hosts = _bits(i for i, a in enumerate(peers) if a.end.kind is Kind.HOST)
        peer_sets = {answers.peers(rule.peers) for rule in rules} | {services, hosts}
        traffic_sets = {
            answers.traffic((test,), _NOBODY)
            for rule in rules
            for test in rule.traffic or ()
        }
        if any(self._named.values()):
            peer_sets |= {bits for _, bits in self._listeners.values()}
            named = {t for r in rules for t in r.traffic or () if t.is_named}
            for end, _ in self._listeners.values():
                traffic_sets |= {answers.traffic((test,), end) for test in named}
        by_mark = _by_mark(len(peers), peer_mark)
        self.peer_groups = _Groups(_refine(by_mark, sorted(peer_sets)))
        by_mark = _by_mark(len(traffic), traffic_mark)
        self.traffic_groups = _Groups(_refine(by_mark, sorted(traffic_sets)))
        self.services = self.peer_groups.within(services)
        self._hosts = self.peer_groups.within(hosts)
        self._every_peer = (1 << len(self.peer_groups.members)) - 1
        self._all_traffic = (1 << len(self.traffic_groups.members)) - 1
        self._peers_of: dict[Hashable, Bits] = {}
        self._traffic_of: dict[Hashable, Bits] = {}

    def judge(self, tribunal: Tribunal, direction: str, subject: End) -> Judgement:
        """Return all verdicts of one subject in one direction."""
        parts = tuple(self._parts(tribunal.rules, direction, subject))
        return Judgement(
            tribunal, parts, self._every_peer, self._all_traffic, self._hosts
        )

    # ------------------------------------------------------------ inside

    def _parts(
        self, rules: Sequence[Rule], direction: str, subject: End
    ) -> Iterator[Part]:
        for index, rule in enumerate(rules):
            peers = self._peer_groups_of(rule)
            if direction == "ingress" or not self._named[rule.reason]:
                listener = subject if direction == "ingress" else _NOBODY
                traffic = self._traffic_groups_of(rule, listener)
                if peers and traffic:
                    yield Part(index, peers, traffic)
                continue
            for ports, (listener, bits) in self._listeners.items():
                having = self._within(ports, bits)
                traffic = self._traffic_groups_of(rule, listener)
                if peers & having and traffic:
                    yield Part(index, peers & having, traffic)

    def _peer_groups_of(self, rule: Rule) -> Bits:
        bits = self._peers_of.get(rule.reason)
        if bits is None:
            atoms = self._answers.peers(rule.peers)
            bits = self._peers_of[rule.reason] = self._within(rule.reason, atoms)
        return bits

    def _within(self, key: Hashable, atoms: Bits) -> Bits:
        known = self._peers_of.get((key, atoms))
        if known is None:
            known = self._peers_of[key, atoms] = self.peer_groups.within(atoms)
        return known

    def _traffic_groups_of(self, rule: Rule, listener: End) -> Bits:
        key = rule.reason, _ports(listener) if self._named[rule.reason] else None
        bits = self._traffic_of.get(key)
        if bits is None:
            atoms = self._answers.traffic(rule.traffic, listener)
            bits = self._traffic_of[key] = self.traffic_groups.within(atoms)
        return bits


class Judgement:
    """The verdicts of one subject in one direction."""

    def __init__(
        self,
        tribunal: Tribunal,
        parts: Sequence[Part],
        everyone: Bits,
        everything: Bits,
        hosts: Bits,
    ) -> None:
        self.tribunal = tribunal
        self._parts = parts
        self._hosts = hosts
        self._known: dict[tuple[tuple[int, ...], bool], Verdict] = {}
        self._columns: dict[Bits, tuple[tuple[Bits, Verdict], ...]] = {}
        spared = hosts if tribunal.spares_own_host else 0
        self._host_mark = 1 << len(parts)
        self._blocks = _split(everyone, [*(part.peers for part in parts), spared])
        self._traffic = _split(everything, [part.traffic for part in parts])

    def blocks(self) -> Iterator[Block]:
        """Yield every group of peers once, with a verdict for every group of traffic."""
        for bits, marks in self._blocks:
            column = self._columns.get(marks)
            if column is None:
                column = self._columns[marks] = self._column(marks)
            yield Block(bits, column)

    def verdict(self, peer: int, traffic: int) -> Verdict:
        """Return the verdict of one group of peers on one group of traffic."""
        rules = [
            part.rule
            for part in self._parts
            if part.peers >> peer & 1 and part.traffic >> traffic & 1
        ]
        return self._decide(rules, bool(self._hosts >> peer & 1))

    def _column(self, marks: Bits) -> tuple[tuple[Bits, Verdict], ...]:
        """Return what peers meet of whom the parts in ``marks`` speak."""
        alike: dict[Bits, Bits] = {}
        for bits, speaking in self._traffic:
            both = marks & speaking
            alike[both] = alike.get(both, 0) | bits
        is_own_host = bool(marks & self._host_mark)
        found: dict[Verdict, Bits] = {}
        for both, bits in alike.items():
            rules = [self._parts[place].rule for place in members(both)]
            verdict = self._decide(rules, is_own_host)
            found[verdict] = found.get(verdict, 0) | bits
        return tuple((bits, verdict) for verdict, bits in found.items())

    def _decide(self, rules: Iterable[int], is_own_host: bool) -> Verdict:
        key = tuple(sorted(set(rules))), is_own_host
        verdict = self._known.get(key)
        if verdict is None:
            verdict = self.tribunal.decide(key[0], is_own_host=is_own_host)
            self._known[key] = verdict
        return verdict


# ---------------------------------------------------------------- sets


def _bits(members: Iterable[int]) -> Bits:
    bits = 0
    for member in members:
        bits |= 1 << member
    return bits


def members(bits: Bits) -> Iterator[int]:
    """Yield the members of a set, in order."""
    text = bin(bits)[:1:-1]
    at = text.find("1")
    while at >= 0:
        yield at
        at = text.find("1", at + 1)


def _refine(blocks: Sequence[Bits], sets: Iterable[Bits]) -> list[Bits]:
    """Split blocks until each lies inside or outside of every set."""
    found = [bits for bits in blocks if bits]
    for some in dict.fromkeys(sets):
        parts = []
        for bits in found:
            inside = bits & some
            if inside and inside != bits:
                parts += [inside, bits ^ inside]
            else:
                parts.append(bits)
        found = parts
    return found


def _split(everything: Bits, sets: Iterable[Bits]) -> list[tuple[Bits, Bits]]:
    """Split a set as :func:`_refine` does, and mark each block with the sets it is in."""
    found = [(everything, 0)] if everything else []
    for place, some in enumerate(sets):
        if not some:
            continue
        parts = []
        for bits, marks in found:
            inside = bits & some
            if inside:
                parts.append((inside, marks | 1 << place))
            if inside != bits:
                parts.append((bits ^ inside, marks))
        found = parts
    return found


def _by_mark(count: int, mark: Callable[[int], Hashable]) -> list[Bits]:
    found: dict[Hashable, list[int]] = {}
    for index in range(count):
        found.setdefault(mark(index), []).append(index)
    return [_bits(some) for some in found.values()]


def looks(end: End) -> Hashable:
    """Return all that tests see of an end besides its address."""
    pod = end.pod
    looks = None
    if pod is not None:
        looks = (
            pod.namespace,
            tuple(pod.labels.items()),
            tuple(pod.namespace_labels.items()),
        )
    node = None if end.node is None else end.node.name
    return end.kind, looks, node, tuple(end.labels)


def _ports(end: End) -> Ports:
    return tuple(end.pod.ports) if end.pod else ()

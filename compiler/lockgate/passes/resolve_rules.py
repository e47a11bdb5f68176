"""Resolve the peers and the traffic of every rule to sets, and put all rules in order.

Before: rules without groups; the peer space, the atoms, and a resolver of selectors.
After:  the resolution: each rule as terms (peer set, traffic set).  A named port of an
        egress rule has become one term for each number that some peers give the name;
        those of ingress rules wait for the subject.

A name that nobody has is a warning: that part of the rule matches nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING

from lockgate.bitset import from_members, from_ranges
from lockgate.diagnostics import did_you_mean, quote
from lockgate.ir.policy import (
    Action,
    AnyPeer,
    Direction,
    Entity,
    EntityPeer,
    IcmpMatch,
    LabelPeer,
    NamedPortMatch,
    NetworkPeer,
    PortMatch,
    Scope,
    Tier,
)
from lockgate.ir.prefixes import Prefix
from lockgate.ir.resolution import Resolution, ResolvedRule, Term
from lockgate.ir.tables import AXES, AXIS_SIZES, OTHER_AXIS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Protocol as Interface

    from lockgate.bitset import Bits
    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.labels import Selector
    from lockgate.ir.policy import Peer, Policy, Protocol, Rule, TrafficMatch
    from lockgate.ir.resolution import PeerSpace
    from lockgate.ir.tables import PortAtoms

    class Resolver(Interface):
        """What answers for selectors and entities (``resolve_selectors``)."""

        def resolve(self, selector: Selector) -> Bits: ...  # noqa: D102  # see there
        def resolve_entity(self, entity: Entity) -> Bits: ...  # noqa: D102  # see there


def resolve_rules(
    policies: tuple[Policy, ...],
    audited: frozenset[str],
    space: PeerSpace,
    atoms: PortAtoms,
    resolver: Resolver,
    named_ports: frozenset[tuple[str, Protocol]],
    diagnostics: Diagnostics,
) -> Resolution:
    """Return all rules as sets, in order.

    ``audited`` are keys of policies besides those that say so themselves; ``named_ports``
    all that endpoints of the snapshot have.
    """
    peers = _Peers(space, resolver)
    traffic = _Traffic(space, atoms)
    ports = _NamedPorts(named_ports, diagnostics)
    peers.number(resolver.resolve_entity(Entity.HOST))  # HOST_SET
    rules: dict[tuple[int, Direction], list[ResolvedRule]] = {}
    keys = tuple(policy.key for policy in policies)
    ordered = _in_order(policies, keys)
    for place, (policy_number, direction, rule) in enumerate(ordered):
        policy = policies[policy_number]
        names = ports.check(rule) if rule.traffic else ()
        bits = peers.of(rule)
        terms = [Term(peers.number(bits), traffic.of(rule))]
        if names and direction is Direction.EGRESS:
            terms += [
                Term(peers.number(bits & having), atom)
                for having, atom in traffic.named(names)
            ]
        resolved = ResolvedRule(
            policy,
            rule,
            direction,
            place,
            name=f"{keys[policy_number]}#{rule.path}",
            is_audited=policy.is_audited or keys[policy_number] in audited,
            terms=tuple([t for t in terms if t.traffic and peers.sets[t.peers]]),
            named_ports=names if direction is Direction.INGRESS else (),
            named_peers=terms[0].peers,
        )
        rules.setdefault((policy_number, direction), []).append(resolved)
    return Resolution(
        policies=policies,
        space=space,
        atoms=atoms,
        peer_sets=tuple(peers.sets),
        rules={key: tuple(some) for key, some in rules.items()},
        keys=keys,
    )


# ---------------------------------------------------------------- order

_DIRECTIONS = tuple(Direction)  # going through the class itself is slow
_DENY_RANK = -1
_PLAIN_RANK = 1000


def _in_order(
    policies: tuple[Policy, ...], keys: tuple[str, ...]
) -> Iterator[tuple[int, Direction, Rule]]:
    """Yield all rules in the order in which they are asked.

    In ADMIN and BASELINE that is priority, then the policy's key, then the rule's place.
    In NORMAL denials come first, then rules with L7 by the rank of their parser, then
    plain ones, so that the first match is always the rule that decides.
    """
    keyed = []
    for number, policy in enumerate(policies):
        if not policy.ingress.rules and not policy.egress.rules:
            continue
        head = (policy.tier, policy.order) if policy.tier is not Tier.NORMAL else None
        key = (keys[number], policy.part, number)
        for direction in _DIRECTIONS:
            for place, rule in enumerate(policy.section(direction).rules):
                front = head or (policy.tier, _rank(rule))
                keyed.append(((*front, *key, place), number, direction, rule))
    keyed.sort(key=lambda item: item[0])
    for _, number, direction, rule in keyed:
        yield number, direction, rule


def _rank(rule: Rule) -> int:
    if rule.action is Action.DENY:
        return _DENY_RANK
    return _PLAIN_RANK if rule.l7 is None else rule.l7.rank


# ---------------------------------------------------------------- peers


class _Peers:
    """Peer sets so far, each distinct one once."""

    def __init__(self, space: PeerSpace, resolver: Resolver) -> None:
        self._space = space
        self._resolver = resolver
        self.sets: list[Bits] = []
        self._numbers: dict[Bits, int] = {}
        covered: dict[int, list[int]] = {}
        for number, point in enumerate(space.points):
            if point.cover >= 0:
                covered.setdefault(point.cover, []).append(number)
        self._covers = sorted(covered)
        self._covered = {
            cover: from_members(points, space.size) for cover, points in covered.items()
        }

    def number(self, bits: Bits) -> int:
        """Return the number of a peer set."""
        number = self._numbers.setdefault(bits, len(self.sets))
        if number == len(self.sets):
            self.sets.append(bits)
        return number

    def of(self, rule: Rule) -> Bits:
        """Return all points that some peer of a rule selects."""
        bits = 0
        networks = []
        for peer in rule.peers:
            if isinstance(peer, NetworkPeer):
                networks.append(peer)
            else:
                bits |= self._one(peer)
        return bits | self._networks(networks) if networks else bits

    def _one(self, peer: Peer) -> Bits:
        if isinstance(peer, LabelPeer):
            return self._resolver.resolve(peer.selector)
        if isinstance(peer, EntityPeer):
            return self._resolver.resolve_entity(peer.entity)
        if isinstance(peer, AnyPeer):
            return self._space.everything
        return 0  # NamePeer: nothing learns addresses of names yet

    def _networks(self, peers: Iterable[NetworkPeer]) -> Bits:
        """Return the points in some prefixes: those of the world, and by scope others."""
        first = self._space.first_prefix
        ranges, every = [], []
        for peer in peers:
            parts = self._ranges(peer)
            ranges += parts
            if peer.scope is Scope.EVERY:
                every += parts
        bits = from_ranges(ranges, self._space.size - first) << first
        covers = self._covers
        for start, end in every:
            for place in range(bisect_left(covers, start), bisect_left(covers, end)):
                bits |= self._covered[covers[place]]
        return bits

    def _ranges(self, peer: NetworkPeer) -> list[tuple[int, int]]:
        """Return the prefixes of the tree within a peer, without its exceptions."""
        tree = self._space.tree
        start = tree.numbers[Prefix.of(peer.network)]
        end = tree.ends[start]
        ranges = []
        for number in sorted(tree.numbers[Prefix.of(e)] for e in peer.excepts):
            if number > start and number < end:
                ranges.append((start, number))
                start = tree.ends[number]
            elif number <= start < tree.ends[number]:
                start = tree.ends[number]
        if start < end:
            ranges.append((start, end))
        return ranges


# ---------------------------------------------------------------- traffic


class _Traffic:
    """Matches as sets of atoms."""

    def __init__(self, space: PeerSpace, atoms: PortAtoms) -> None:
        firsts = [0, *accumulate(map(len, atoms.starts))]
        self._everything = (1 << atoms.count) - 1
        self._atoms = atoms
        self._place = tuple(
            {start: first + place for place, start in enumerate((*starts, size))}
            for starts, size, first in zip(
                atoms.starts, AXIS_SIZES, firsts, strict=False
            )
        )
        having: dict[tuple[str, Protocol, int], list[int]] = {}
        for number, point in enumerate(space.points):
            for port in point.named_ports:
                having.setdefault(port, []).append(number)
        self._having = {
            port: from_members(points, space.size) for port, points in having.items()
        }

    def of(self, rule: Rule) -> Bits:
        """Return the atoms that some match of a rule holds, named ports apart."""
        if rule.traffic is None:
            return self._everything
        bits = 0
        for match in rule.traffic:
            bits |= self._one(match)
        return bits

    def named(self, names: Iterable[NamedPortMatch]) -> Iterator[tuple[Bits, Bits]]:
        """Yield which points give a name which number: (points, atom)."""
        for match in names:
            for (name, protocol, port), points in self._having.items():
                if name == match.name and protocol in match.protocols:
                    yield points, 1 << self._atoms.find(protocol, port)

    def _one(self, match: TrafficMatch) -> Bits:
        if isinstance(match, PortMatch):
            bits = 0
            first, last = match.ports.first, match.ports.last
            for protocol in match.protocols:
                bits |= self._range(AXES[protocol], first, last)
            return bits
        if isinstance(match, NamedPortMatch):
            return 0
        if isinstance(match, IcmpMatch) and match.type is not None:
            return self._range(AXES[match.protocol], match.type, match.type)
        if match.protocol in AXES:
            axis = AXES[match.protocol]
            return self._range(axis, 0, AXIS_SIZES[axis] - 1)
        return self._range(OTHER_AXIS, match.protocol, match.protocol)

    def _range(self, axis: int, first: int, last: int) -> Bits:
        place = self._place[axis]
        return (1 << place[last + 1]) - (1 << place[first])


class _NamedPorts:
    """The named ports of the snapshot, and complaints about names that nobody has."""

    def __init__(
        self, known: frozenset[tuple[str, Protocol]], diagnostics: Diagnostics
    ) -> None:
        self._known = known
        self._diagnostics = diagnostics

    def check(self, rule: Rule) -> tuple[NamedPortMatch, ...]:
        """Return the named ports of a rule."""
        names = tuple(m for m in rule.traffic or () if isinstance(m, NamedPortMatch))
        for match in names:
            if all((match.name, p) not in self._known for p in match.protocols):
                protocols = "/".join(protocol.name for protocol in match.protocols)
                self._diagnostics.warning(
                    "W2052",
                    f"no endpoint has a {protocols} port named {quote(match.name)}: "
                    "this port matches nothing",
                    rule.span,
                    help=did_you_mean(match.name, {name for name, _ in self._known}),
                )
        return names

"""Rules to boxes: what each condition of the policy language says of which variable.

A variable must be a function of the packet, its subject and its peer, and each condition
must say exactly what the rule says; then whatever is found about boxes is true of rules.
Labels of one source and key have one value, so they are variables; what may have several
(labels of CIDR groups) and what is not decided by labels (entities, named ports) becomes a
*fact* of its own, which only the same condition is known to meet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lockgate.ir.labels import NAMESPACE, Operator
from lockgate.ir.policy import (
    AnyPeer,
    CidrGroupPeer,
    Direction,
    Entity,
    EntityPeer,
    IcmpMatch,
    LabelPeer,
    NamedPortMatch,
    NamePeer,
    NetworkPeer,
    PortMatch,
    Scope,
    ServicePeer,
    SubjectKind,
)
from lockgate.ir.prefixes import Prefix
from lockgate.ir.resolution import RESERVED
from lockgate.ir.tables import AXES, AXIS_SIZES, OTHER_AXIS
from lockgate.lint.algebra.boxes import Box, join
from lockgate.lint.algebra.value_sets import ABSENT, Ranges, Words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.labels import Requirement, Selector
    from lockgate.ir.policy import Peer, Policy, Protocol, Rule, TrafficMatch

_YES = Words(frozenset({"yes"}))
_POD = Words(frozenset({"pod"}))
_WORLD_4, _WORLD_6 = "world-ipv4", "world-ipv6"
_REGIONS = {
    Entity.WORLD: Words(frozenset({_WORLD_4, _WORLD_6})),
    Entity.WORLD_IPV4: Words(frozenset({_WORLD_4})),
    Entity.WORLD_IPV6: Words(frozenset({_WORLD_6})),
    Entity.HOST: Words(frozenset({"host"})),
    Entity.REMOTE_NODE: Words(frozenset({"node"})),
}
"""Entities that are a part of the peer space which no other part meets."""

_NOT_WORLD = Words(frozenset({_WORLD_4, _WORLD_6}), True)
_CLUSTER = frozenset({Entity.CLUSTER, Entity.CLUSTER_MESH})
_POSITIVE = frozenset({Operator.IN, Operator.EXISTS})
_SINGLE = frozenset({"k8s", "node", "reserved"})
"""Sources of which a peer has at most one label of a key."""

_V6 = 1 << 32


class RuleBoxes(NamedTuple):
    """A rule as boxes: those that it must lie in, and those that it surely fills.

    They differ only where something cannot be said exactly; ``covers`` is never too large,
    ``boxes`` never too small.
    """

    boxes: tuple[Box, ...]
    covers: tuple[Box, ...]


class BoxMaker:
    """Makes the boxes of rules; each distinct selector is worked out once."""

    def __init__(self) -> None:
        self._subjects: dict[tuple[SubjectKind, Selector], Box | None] = {}
        self._peers: dict[Selector, Box | None] = {}

    def subject(self, policy: Policy) -> Box | None:
        """Return whom a policy selects; None where its requirements exclude each other."""
        key = policy.subject_kind, policy.subject
        if key not in self._subjects:
            kind = Words(frozenset({policy.subject_kind.value}))
            self._subjects[key] = _subject_box(policy.subject, {("kind",): kind})
        return self._subjects[key]

    def rule(self, policy: Policy, rule: Rule, direction: Direction) -> RuleBoxes:
        """Return the boxes of a rule, its subject among their conditions."""
        subject = self.subject(policy)
        if subject is None:
            return RuleBoxes((), ())
        traffic = _traffic_boxes(rule.traffic, direction)
        boxes: list[Box] = []
        covers: list[Box] = []
        for peer in rule.peers:
            outer, inner = self._peer(peer)
            product = _product(subject, outer, traffic)
            boxes += product
            covers += product if inner is outer else _product(subject, inner, traffic)
        return RuleBoxes(tuple(boxes), tuple(covers))

    def _peer(self, peer: Peer) -> tuple[list[Box], list[Box]]:
        """Return the boxes that hold a peer, and those that it fills."""
        if isinstance(peer, AnyPeer):
            found: list[Box] = [{}]
            return found, found
        if isinstance(peer, LabelPeer):
            box = self._label_peer(peer.selector)
            found = [] if box is None else [box]
            return found, found
        if isinstance(peer, EntityPeer):
            return _entity_boxes(peer.entity)
        if isinstance(peer, NetworkPeer):
            found = [_network_box(peer)]
            return found, found
        assert isinstance(peer, CidrGroupPeer | ServicePeer | NamePeer)  # noqa: S101  # all
        found = [{("fact", repr(peer)): _YES}]
        return found, found

    def _label_peer(self, selector: Selector) -> Box | None:
        if selector not in self._peers:
            self._peers[selector] = _peer_box(selector)
        return self._peers[selector]


def _product(subject: Box, peers: list[Box], traffic: list[Box]) -> list[Box]:
    found = []
    for peer in peers:
        for some in traffic:
            joined = join(peer, some)
            if joined is not None:
                # A subject's variables are its own, and those of peers are theirs.
                found.append({**subject, **joined})
    return found


# ---------------------------------------------------------------- labels


def _subject_box(selector: Selector, box: Box) -> Box | None:
    """Narrow a box to a subject: pods and nodes have labels of source k8s."""
    for requirement in selector.requirements:
        source = requirement.source
        if source == "any":
            source = "reserved" if requirement.key in RESERVED else "k8s"
        condition: Box = {("subject", source, requirement.key): _words(requirement)}
        joined = join(box, condition)
        if joined is None:
            return None
        box = joined
    return box


def _peer_box(selector: Selector) -> Box | None:
    requirements = selector.requirements
    is_pod = any(
        r.key == NAMESPACE and r.source == "k8s" and r.operator in _POSITIVE
        for r in requirements
    )
    box: Box = {("region",): _POD} if is_pod else {}
    for requirement in requirements:
        joined = join(box, _peer_condition(requirement, is_pod=is_pod))
        if joined is None:
            return None
        box = joined
    return box


def _peer_condition(requirement: Requirement, *, is_pod: bool) -> Box:
    source, key = requirement.source, requirement.key
    if source == "any" and is_pod and key not in RESERVED:
        source = "k8s"  # pods have labels of no other source
    if source in _SINGLE:
        return {("peer", source, key): _words(requirement)}
    return {("fact", str(requirement)): _YES}


def _words(requirement: Requirement) -> Words:
    match requirement.operator:
        case Operator.IN:
            return Words(frozenset(requirement.values))
        case Operator.NOT_IN:
            return Words(frozenset(requirement.values), True)
        case Operator.EXISTS:
            return Words(frozenset({ABSENT}), True)
        case Operator.DOES_NOT_EXIST:
            return Words(frozenset({ABSENT}))


# ---------------------------------------------------------------- other peers


def _entity_boxes(entity: Entity) -> tuple[list[Box], list[Box]]:
    found: list[Box]
    if entity is Entity.ALL:
        found = [{}]
    elif entity is Entity.NONE:
        found = []
    elif entity in _REGIONS:
        found = [{("region",): _REGIONS[entity]}]
    else:
        found = [{("fact", "entity", entity.value): _YES}]
        if entity in _CLUSTER:
            # All that is not the world, and the API server wherever it is.
            return found, [*found, {("region",): _NOT_WORLD}]
    return found, found


def _network_box(peer: NetworkPeer) -> Box:
    addresses = Ranges((_span(Prefix.of(peer.network)),))
    excepts = Ranges.of([_span(Prefix.of(network)) for network in peer.excepts])
    box: Box = {("address",): addresses.without(excepts)}
    if peer.scope is Scope.WORLD:
        region = _WORLD_4 if peer.network.version == 4 else _WORLD_6  # IP version
        box["region",] = Words(frozenset({region}))
    return box


def _span(prefix: Prefix) -> tuple[int, int]:
    offset = 0 if prefix.version == 4 else _V6  # IP version
    return offset + prefix.value, offset + prefix.last + 1


# ---------------------------------------------------------------- traffic


def _traffic_boxes(
    traffic: tuple[TrafficMatch, ...] | None, direction: Direction
) -> list[Box]:
    if traffic is None:
        return [{}]
    ranges: list[tuple[int, int]] = []
    found: list[Box] = []
    for match in traffic:
        if isinstance(match, NamedPortMatch):
            found += _named(match, direction)
        else:
            ranges += _ranges(match)
    if ranges:
        found.append({("traffic",): Ranges.of(ranges)})
    return found


def _named(match: NamedPortMatch, direction: Direction) -> Iterator[Box]:
    """Yield the ports of a protocol for which it is a fact that they have this name."""
    for protocol in match.protocols:
        yield {
            ("traffic",): Ranges((_axis(AXES[protocol]),)),
            ("fact", "port", direction.value, protocol.name, match.name): _YES,
        }


def _ranges(match: TrafficMatch) -> Iterator[tuple[int, int]]:
    if isinstance(match, PortMatch):
        first, last = match.ports.first, match.ports.last
        for protocol in match.protocols:
            start = AXES[protocol] << 16
            yield start + first, start + last + 1
    elif isinstance(match, IcmpMatch) and match.type is not None:
        start = (AXES[match.protocol] << 16) + match.type
        yield start, start + 1
    elif not isinstance(match, NamedPortMatch):
        yield _protocol(match.protocol)


def _protocol(protocol: Protocol) -> tuple[int, int]:
    if protocol in AXES:
        return _axis(AXES[protocol])
    start = (OTHER_AXIS << 16) + protocol
    return start, start + 1


def _axis(axis: int) -> tuple[int, int]:
    start = axis << 16
    return start, start + AXIS_SIZES[axis]


def conflict(selector: Selector) -> tuple[Requirement, Requirement] | None:
    """Return two requirements of a selector that no label set meets together."""
    seen: dict[tuple[str, str], tuple[Requirement, Words]] = {}
    for requirement in selector.requirements:
        key = requirement.source, requirement.key
        words = _words(requirement)
        before = seen.get(key)
        if before is not None:
            words = words.meet(before[1])
            if words.is_empty:
                return before[0], requirement
        seen[key] = requirement, words
    return None

"""When two sets of policies mean the same, whatever kinds and words they are written in.

The normal form of a policy keeps what can change a verdict, for every snapshot, and nothing
else: rules are taken apart to one peer and one kind of traffic each, and in the NORMAL tier
their order and the number of policies do not count.  It uses these facts:

- A label without a source means any; pods have labels of source ``k8s`` only, and whoever has a
  namespace is a pod (``ir/labels.py``).
- Every pod of a snapshot has the label of its cluster.
- A rule without peers or without traffic matches nothing.
- A pattern of DNS names without ``*`` is a name.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lockgate.ir.labels import (
    CLUSTER,
    NAMESPACE,
    NAMESPACE_LABELS,
    Operator,
    Requirement,
    Selector,
)
from lockgate.ir.policy import (
    Action,
    AnyPeer,
    CidrGroupPeer,
    Direction,
    Entity,
    EntityPeer,
    LabelPeer,
    NamedPortMatch,
    NamePeer,
    NetworkPeer,
    PortMatch,
    SubjectKind,
    Tier,
)
from lockgate.ir.resolution import RESERVED

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    from lockgate.ir.l7 import L7Rules
    from lockgate.ir.policy import Peer, Policy, Rule, TrafficMatch

_POSITIVE = (Operator.IN, Operator.EXISTS)
_ANY_NAMESPACE = Requirement("k8s", NAMESPACE, Operator.EXISTS)


def normal_form(policies: Iterable[Policy], cluster: str) -> Hashable:
    """Return what the policies mean; equal for policies that mean the same."""
    rules: defaultdict[Hashable, set[Hashable]] = defaultdict(set)
    ordered: list[Hashable] = []
    for policy in policies:
        subject = _subject(policy, cluster)
        if policy.tier is not Tier.NORMAL:
            for direction in Direction:
                listed = _ordered_rules(policy.section(direction).rules, cluster)
                if listed:
                    tier = (policy.tier, policy.order, policy.is_audited, subject)
                    ordered.append((*tier, direction, listed))
            continue
        head = (policy.subject_kind, subject, policy.is_audited)
        for direction in Direction:
            section = policy.section(direction)
            if section.isolates:
                rules[head].add((direction, "isolates"))
            for rule in section.rules:
                for term in _terms(rule, cluster):
                    rules[head].add((direction, *term))
    normal = frozenset((head, frozenset(found)) for head, found in rules.items())
    return normal, tuple(sorted(ordered, key=repr))


def _subject(policy: Policy, cluster: str) -> Hashable:
    requirements = set(policy.subject.requirements)
    if policy.subject_kind is SubjectKind.HOST:
        return frozenset(requirements)
    # Whoever can be a subject has labels of pods, and else reserved ones only.
    requirements = {
        r if r.source != "any" or r.key in RESERVED else replace(r, source="k8s")
        for r in requirements
    }
    return normal_selector(Selector(tuple(requirements)), cluster)


# ---------------------------------------------------------------- rules


def _terms(rule: Rule, cluster: str) -> Iterator[tuple[Hashable, ...]]:
    """Yield a rule's parts, each of one peer and one kind of traffic."""
    peers = _peers(rule.peers, cluster)
    traffic: frozenset[Any] = _traffic(rule.traffic)
    l7 = _layer_seven(rule.l7)
    for peer in peers:
        for match in traffic:
            yield rule.action, peer, match, l7, rule.log


def _ordered_rules(rules: Iterable[Rule], cluster: str) -> tuple[Hashable, ...]:
    """Return rules whose order counts; neighbours that differ in their peers only are one."""
    found: list[tuple[Action, frozenset[Any], frozenset[Any], Hashable]] = []
    for rule in rules:
        peers, traffic = _peers(rule.peers, cluster), _traffic(rule.traffic)
        if not peers or not traffic:
            continue
        rest = (rule.action, traffic, (_layer_seven(rule.l7), rule.log))
        if found and (found[-1][0], found[-1][2], found[-1][3]) == rest:
            peers |= found.pop()[1]
        found.append((rest[0], peers, rest[1], rest[2]))
    return tuple(found)


def _peers(peers: Iterable[Peer], cluster: str) -> frozenset[Any]:
    forms = {_peer(peer, cluster) for peer in peers}
    forms.discard(EntityPeer(Entity.NONE))
    return frozenset({AnyPeer()}) if AnyPeer() in forms else frozenset(forms)


def _peer(peer: Peer, cluster: str) -> Hashable:
    match peer:
        case EntityPeer(Entity.ALL):
            return AnyPeer()
        case LabelPeer(selector):
            return normal_selector(selector, cluster)
        case NetworkPeer(network, excepts, scope):
            return network, frozenset(excepts), scope
        case CidrGroupPeer(name, selector, excepts):
            wanted = selector and frozenset(selector.requirements)
            return "group", name, wanted, frozenset(excepts)
        case NamePeer(name, pattern):
            return "name", name or pattern
        case _:
            return peer


def normal_selector(selector: Selector, cluster: str) -> frozenset[Requirement]:
    """Return the requirements that matter."""
    requirements = set(selector.requirements)
    if not any(map(_means_pods, requirements)):
        return frozenset(requirements)
    own = Requirement("k8s", CLUSTER, Operator.IN, (cluster,))
    found = {replace(r, source="k8s") if r.source == "any" else r for r in requirements}
    found.discard(own)
    others = found - {_ANY_NAMESPACE}
    return frozenset(others if any(map(_means_pods, others)) else found)


def _means_pods(r: Requirement) -> bool:
    is_of_namespace = r.key == NAMESPACE or r.key.startswith(NAMESPACE_LABELS)
    is_pods = r.source == "k8s" or (r.source == "any" and is_of_namespace)
    return is_pods and r.operator in _POSITIVE


def _traffic(traffic: Iterable[TrafficMatch] | None) -> frozenset[Any]:
    if traffic is None:
        return frozenset({None})
    found: set[Hashable] = set()
    for match in traffic:
        if isinstance(match, PortMatch):
            found |= {PortMatch((p,), match.ports) for p in match.protocols}
        elif isinstance(match, NamedPortMatch):
            found |= {NamedPortMatch((p,), match.name) for p in match.protocols}
        else:
            found.add(match)
    return frozenset(found)


def _layer_seven(l7: L7Rules | None) -> Hashable:
    if l7 is None or l7.is_plain:
        return None
    return (
        l7.parser,
        frozenset(
            (
                h.method,
                h.path,
                h.host,
                frozenset(h.headers),
                frozenset(h.header_matches),
            )
            for h in l7.http
        ),
        frozenset(d.match_name or d.match_pattern for d in l7.dns),
        frozenset(c.fields for c in l7.custom),
        frozenset(l7.server_names),
        (l7.listener, l7.listener_priority, l7.terminates_tls, l7.originates_tls),
        l7.authentication,
        l7.allows_all,
    )

"""What the passes must come to, judged rule by rule from the same IR: slow and obvious.

No bitsets, no classes, no atoms; one packet at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate.ir.cluster import Endpoint
from lockgate.ir.labels import Label, Operator
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
    SubjectKind,
    Tier,
)
from lockgate.options import EnforcementMode, Options, Semantics

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from lockgate.ir.cluster import Cluster, NamedPort, Node, Service
    from lockgate.ir.labels import Labels, Requirement, Selector
    from lockgate.ir.policy import Peer, Policy, Rule, TrafficMatch

    Address = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Other:
    """The other end: ``kind`` is endpoint, node, host, world or service."""

    kind: str
    address: Address
    labels: Labels
    named_ports: tuple[NamedPort, ...] = ()
    service: Service | None = None


def other_at(cluster: Cluster, address: Address, judging_node: str | None) -> Other:
    """Find out what an address is, as seen from a node."""
    api = address in cluster.api_server_addresses
    reserved = [Label("reserved", "kube-apiserver")] if api else []
    for endpoint in cluster.endpoints:
        if address in endpoint.addresses:
            return Other("endpoint", address, endpoint.labels, endpoint.named_ports)
    for node in cluster.nodes:
        if address in node.addresses:
            api_node = set(cluster.api_server_addresses) & set(node.addresses)
            kind = "host" if node.name == judging_node else "node"
            found = [Label("node", x.key, x.value) for x in node.labels]
            found.append(Label("reserved", "host" if kind == "host" else "remote-node"))
            found += [Label("reserved", "kube-apiserver")] if api_node else []
            return Other(kind, address, tuple(found))
    for service in cluster.services:
        if address in service.addresses:
            return Other("service", address, _world(address), service=service)
    return Other("world", address, (*_world(address), *reserved))


def judge(
    cluster: Cluster,
    policies: list[Policy],
    options: Options,
    subject: Endpoint | Node,
    direction: Direction,
    other: Other,
    protocol: int,
    port: int,
) -> str:
    """Return the name of the outcome."""
    if options.enforcement_mode is EnforcementMode.NEVER:
        return "ALLOW"
    mine = [
        p
        for p in policies
        if _selects(p, subject)
        and (p.section(direction).isolates or p.section(direction).rules)
    ]
    if other.service is not None and direction is Direction.EGRESS:
        if not mine and not _is_forced(subject, options):
            return "ALLOW"
        return _service(
            cluster, mine, policies, options, subject, other, protocol, port
        )
    return _audited(mine, options, subject, direction, other, protocol, port)[0]


def _audited(
    mine: list[Policy],
    options: Options,
    subject: Endpoint | Node,
    direction: Direction,
    other: Other,
    protocol: int,
    port: int,
) -> tuple[str, frozenset[tuple[str, str]]]:
    """Judge by all policies, then without the power of the audited to deny.

    Returns also which rules allow, where a parser judges on.
    """

    def decide(
        audited: set[str], *, with_parsers: bool = True
    ) -> tuple[str, frozenset[tuple[str, str]]]:
        found: set[tuple[str, str]] = set()
        outcome = _decide(
            mine,
            options,
            subject,
            direction,
            other,
            protocol,
            port,
            audited,
            with_parsers,
            found,
        )
        return outcome, frozenset(found)

    strict = decide(set())
    audited = {p.key for p in mine if p.is_audited or p.key in options.audit}
    if strict[0] == "ALLOW" or not audited:
        return strict
    lenient = decide(audited)
    if lenient[0] in ("REDIRECT", "AUTHENTICATE"):
        plain = decide(audited, with_parsers=False)
        lenient = plain if plain[0] == "ALLOW" else lenient
    return ("AUDIT", lenient[1]) if lenient[0] == "ALLOW" else lenient


def _service(
    cluster: Cluster,
    mine: list[Policy],
    policies: list[Policy],
    options: Options,
    subject: Endpoint | Node,
    other: Other,
    protocol: int,
    port: int,
) -> str:
    assert other.service is not None
    judged = []
    for service_port in other.service.ports:
        if (service_port.protocol, service_port.port) == (protocol, port):
            for backend in service_port.backends:
                if backend.address.version == other.address.version:
                    # One table judges pods of all nodes: a node may be their own.
                    homes = {
                        n.name for n in cluster.nodes if backend.address in n.addresses
                    }
                    judged += [
                        _audited(
                            mine,
                            options,
                            subject,
                            Direction.EGRESS,
                            other_at(cluster, backend.address, home),
                            protocol,
                            backend.port,
                        )
                        for home in (None, *homes)
                    ]
    order = ["DENY", "AUTHENTICATE", "REDIRECT", "AUDIT", "ALLOW"]
    worst = min((outcome for outcome, _ in judged), key=order.index, default="")
    parsed = ("REDIRECT", "AUTHENTICATE")
    by = {rules for outcome, rules in judged if outcome in parsed}
    if not judged or (worst in parsed and len(by) > 1):
        audited = all(p.is_audited or p.key in options.audit for p in mine)
        isolating = [p for p in mine if p.egress.isolates]
        reports = all(p.is_audited or p.key in options.audit for p in isolating)
        if _is_forced(subject, options):
            return "DENY"
        return "AUDIT" if audited or (isolating and reports) else "DENY"
    return worst


def _decide(
    policies: list[Policy],
    options: Options,
    subject: Endpoint | Node,
    direction: Direction,
    other: Other,
    protocol: int,
    port: int,
    audited: set[str],
    with_parsers: bool,
    found: set[tuple[str, str]],
) -> str:
    """Judge; policies whose keys are in ``audited`` cannot deny.

    Without ``with_parsers`` their L7 rules are left out, too.  ``found`` takes the names of
    the rules that match in the NORMAL tier.
    """

    def matching(tier: Tier) -> list[tuple[Policy, Rule]]:
        return [
            (policy, rule)
            for policy in sorted(policies, key=lambda p: (p.order, p.key, p.part))
            if policy.tier is tier
            for rule in policy.section(direction).rules
            if not _is_powerless(policy, rule, audited, with_parsers)
            and any(_is_peer(peer, other) for peer in rule.peers)
            and _is_traffic(rule, subject, direction, other, protocol, port)
        ]

    for _, rule in matching(Tier.ADMIN):
        if rule.action is Action.PASS:
            break
        return "DENY" if rule.action is Action.DENY else _allowed([rule])
    isolated = _is_forced(subject, options) or any(
        policy.section(direction).isolates and policy.key not in audited
        for policy in policies
    )
    normal = [rule for _, rule in matching(Tier.NORMAL)]
    found |= {(policy.key, rule.path) for policy, rule in matching(Tier.NORMAL)}
    found |= set() if isolated else {("", "not isolated")}
    if any(rule.action is Action.DENY for rule in normal):
        return "DENY"
    if normal:
        return _allowed(normal)
    own_host = (
        direction is Direction.INGRESS
        and isinstance(subject, Endpoint)
        and other.kind == "host"
    )
    if isolated and own_host:
        return "ALLOW"
    if isolated and options.semantics is Semantics.KUBERNETES:
        return "DENY"
    for _, rule in matching(Tier.BASELINE):
        if rule.action is Action.PASS:
            break
        return "DENY" if rule.action is Action.DENY else _allowed([rule])
    return "DENY" if isolated else "ALLOW"


def _is_powerless(
    policy: Policy, rule: Rule, audited: set[str], with_parsers: bool
) -> bool:
    if policy.key not in audited:
        return False
    has_parser = rule.l7 is not None and not rule.l7.is_plain
    return rule.action is Action.DENY or (has_parser and not with_parsers)


def _allowed(rules: list[Rule]) -> str:
    judged = [rule.l7 for rule in rules if rule.l7 is not None]
    if any(l7.authentication not in (None, "disabled") for l7 in judged):
        return "AUTHENTICATE"
    return (
        "REDIRECT"
        if any(l7.parser.value != "authentication" for l7 in judged)
        else "ALLOW"
    )


def _is_forced(subject: Endpoint | Node, options: Options) -> bool:
    if not isinstance(subject, Endpoint):
        return False
    is_init = Label("reserved", "init") in subject.labels
    return is_init or options.enforcement_mode is EnforcementMode.ALWAYS


def _selects(policy: Policy, subject: Endpoint | Node) -> bool:
    is_endpoint = isinstance(subject, Endpoint)
    if is_endpoint is not (policy.subject_kind is SubjectKind.ENDPOINT):
        return False
    if is_endpoint:
        return _matches(policy.subject, subject.labels)
    return _matches(policy.subject, (*subject.labels, Label("reserved", "host")))


def _matches(selector: Selector, labels: Labels) -> bool:
    return all(_holds(requirement, labels) for requirement in selector.requirements)


def _holds(requirement: Requirement, labels: Labels) -> bool:
    values = [
        x.value
        for x in labels
        if x.key == requirement.key and requirement.source in ("any", x.source)
    ]
    match requirement.operator:
        case Operator.IN:
            return any(value in requirement.values for value in values)
        case Operator.NOT_IN:
            return not any(value in requirement.values for value in values)
        case Operator.EXISTS:
            return bool(values)
        case Operator.DOES_NOT_EXIST:
            return not values


def _is_peer(peer: Peer, other: Other) -> bool:
    if isinstance(peer, AnyPeer):
        return True
    if isinstance(peer, LabelPeer):
        return _matches(peer.selector, other.labels)
    if isinstance(peer, EntityPeer):
        return _is_entity(peer.entity, other)
    if isinstance(peer, NetworkPeer):
        if peer.scope is Scope.WORLD and other.kind not in ("world", "service"):
            return False
        inside = other.address in peer.network
        return inside and not any(other.address in e for e in peer.excepts)
    return False


def _is_entity(entity: Entity, other: Other) -> bool:
    outside = other.kind in ("world", "service")
    match entity:
        case Entity.ALL:
            return True
        case Entity.NONE:
            return False
        case Entity.CLUSTER | Entity.CLUSTER_MESH:
            # An API server outside is of the cluster, too.
            return not outside or Label("reserved", "kube-apiserver") in other.labels
        case _:
            return Label("reserved", entity.value) in other.labels


def _is_traffic(
    rule: Rule,
    subject: Endpoint | Node,
    direction: Direction,
    other: Other,
    protocol: int,
    port: int,
) -> bool:
    if rule.traffic is None:
        return True
    if direction is Direction.EGRESS:
        listening = other.named_ports
    else:
        listening = subject.named_ports if isinstance(subject, Endpoint) else ()
    return any(_is_match(m, listening, protocol, port) for m in rule.traffic)


def _is_match(
    match: TrafficMatch, listening: tuple[NamedPort, ...], protocol: int, port: int
) -> bool:
    if isinstance(match, PortMatch):
        return (
            protocol in match.protocols
            and match.ports.first <= port <= match.ports.last
        )
    if isinstance(match, NamedPortMatch):
        return any(
            named.name == match.name
            and named.protocol == protocol
            and protocol in match.protocols
            and named.port == port
            for named in listening
        )
    if isinstance(match, IcmpMatch):
        return protocol == match.protocol and match.type in (None, port)
    return protocol == match.protocol


def _world(address: Address) -> Labels:
    return (
        Label("reserved", "world"),
        Label("reserved", f"world-ipv{address.version}"),
    )

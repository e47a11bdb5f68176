"""Policies to NetworkPolicy and ClusterNetworkPolicy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lockgate.ir import policy as ir
from lockgate.ir.labels import NAMESPACE, Operator, Requirement
from lockgate.language.yaml_selectors import (
    label_selector,
    split_kubernetes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.labels import Selector
    from lockgate.source import Span

Object = dict[str, Any]

_REMOTE = Requirement("reserved", "remote-node", Operator.EXISTS)
_HOST = Requirement("reserved", "host", Operator.EXISTS)
_ACTIONS = {
    ir.Action.ALLOW: "Accept",
    ir.Action.DENY: "Deny",
    ir.Action.PASS: "Pass",
}
_CURE = "keep this policy in the native language; -f takes files of both"


class _Refusals:
    """What a kind has no words for."""

    def __init__(self, kind: str, diagnostics: Diagnostics) -> None:
        self._kind = kind
        self._diagnostics = diagnostics

    def add(self, what: str, span: Span, cure: str = _CURE) -> None:
        message = f"{self._kind} has no words for {what}"
        self._diagnostics.error("E1831", message, span, help=cure)


# ---------------------------------------------------------------- NetworkPolicy


def network_object(
    policy: ir.Policy, name: str, cluster: str, diagnostics: Diagnostics
) -> Object:
    """Return a NetworkPolicy; what it has no words for is told."""
    refusals = _Refusals("NetworkPolicy", diagnostics)
    namespace = policy.namespace
    own = Requirement("k8s", NAMESPACE, Operator.IN, (namespace,))
    subject = split_kubernetes({*policy.subject.requirements, own}, namespace, cluster)
    if subject is None:
        refusals.add("this subject", policy.span)
    spec: Object = {"podSelector": subject[1] if subject else {}, "policyTypes": []}
    for direction in ir.Direction:
        section = policy.section(direction)
        if section.isolates:
            spec["policyTypes"].append(direction.value.title())
        elif section.rules:
            what = f"rules that do not isolate {direction.value}"
            refusals.add(what, section.rules[0].span)
        rules = [
            _network_rule(rule, direction, namespace, cluster, refusals)
            for rule in section.rules
        ]
        if rules:
            spec[direction.value] = rules
    if not spec["policyTypes"]:
        refusals.add("a policy that isolates nothing", policy.span)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def _network_rule(
    rule: ir.Rule,
    direction: ir.Direction,
    namespace: str,
    cluster: str,
    refusals: _Refusals,
) -> Object:
    if rule.action is not ir.Action.ALLOW:
        refusals.add("denials", rule.span)
    if rule.l7 is not None or rule.log is not None:
        refusals.add("layer 7, authentication and comments for the log", rule.span)
    made: Object = {}
    if not any(isinstance(peer, ir.AnyPeer) for peer in rule.peers):
        name = "from" if direction is ir.Direction.INGRESS else "to"
        made[name] = [
            _network_peer(peer, namespace, cluster, rule.span, refusals)
            for peer in rule.peers
        ]
    if rule.traffic is not None:
        made["ports"] = [
            port
            for match in rule.traffic
            for port in _network_ports(match, rule.span, refusals)
        ]
    if not rule.peers or rule.traffic == ():
        refusals.add("a rule that matches nothing", rule.span)
    return made


def _network_peer(
    peer: ir.Peer, namespace: str, cluster: str, span: Span, refusals: _Refusals
) -> Object:
    if isinstance(peer, ir.NetworkPeer) and peer.scope is ir.Scope.EVERY:
        block: Object = {"cidr": str(peer.network)}
        if peer.excepts:
            block["except"] = [str(e) for e in peer.excepts]
        return {"ipBlock": block}
    found = None
    if isinstance(peer, ir.LabelPeer):
        found = split_kubernetes(peer.selector.requirements, namespace, cluster)
    if found is None:
        refusals.add("this peer", span)
        return {}
    where, pods = found
    if where is None:
        return {"podSelector": pods}
    return {"namespaceSelector": where, **({"podSelector": pods} if pods else {})}


def _network_ports(
    match: ir.TrafficMatch, span: Span, refusals: _Refusals
) -> Iterator[Object]:
    if not isinstance(match, ir.PortMatch | ir.NamedPortMatch):
        refusals.add("ICMP, nor protocols without ports", span)
        return
    for protocol in match.protocols:
        if isinstance(match, ir.NamedPortMatch):
            yield {"protocol": protocol.name, "port": match.name}
        elif match.ports == ir.ALL_PORTS:
            yield {"protocol": protocol.name}
        elif match.ports.first == match.ports.last:
            yield {"protocol": protocol.name, "port": match.ports.first}
        else:
            first, last = match.ports.first, match.ports.last
            yield {"protocol": protocol.name, "port": first, "endPort": last}


# ---------------------------------------------------------------- ClusterNetworkPolicy


def cluster_object(
    policy: ir.Policy, name: str, cluster: str, diagnostics: Diagnostics
) -> Object:
    """Return a ClusterNetworkPolicy; what it has no words for is told."""
    refusals = _Refusals("ClusterNetworkPolicy", diagnostics)
    spec: Object = {
        "tier": policy.tier.name.title(),
        "priority": policy.order,
        "subject": _pods(policy.subject, cluster, policy.span, refusals),
    }
    for direction in ir.Direction:
        rules = [
            _cluster_rule(rule, direction, cluster, refusals)
            for rule in policy.section(direction).rules
            if rule.peers and rule.traffic != ()
        ]
        if rules:
            spec[direction.value] = rules
    return {
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": name},
        "spec": spec,
    }


def _cluster_rule(
    rule: ir.Rule, direction: ir.Direction, cluster: str, refusals: _Refusals
) -> Object:
    if rule.log is not None:
        refusals.add("comments for the log", rule.span)
    name = "from" if direction is ir.Direction.INGRESS else "to"
    peers = list(_cluster_peers(rule, direction, cluster, refusals))
    made: Object = {"action": _ACTIONS[rule.action], name: peers}
    if rule.traffic is not None:
        made["protocols"] = [
            protocol
            for match in rule.traffic
            for protocol in _cluster_protocols(match, rule.span, refusals)
        ]
    return made


def _cluster_peers(
    rule: ir.Rule, direction: ir.Direction, cluster: str, refusals: _Refusals
) -> Iterator[Object]:
    peers = list(rule.peers)
    is_egress = direction is ir.Direction.EGRESS
    while peers:
        peer = peers.pop(0)
        match peer:
            case ir.NetworkPeer(network, (), ir.Scope.EVERY) if is_egress:
                yield {"networks": [str(network)]}
            case ir.NamePeer(str(name), _) if is_egress:
                yield {"domainNames": [name]}
            case ir.NamePeer(_, str(pattern)) if is_egress and pattern[:3] == "**.":
                yield {"domainNames": [pattern[1:]]}
            case ir.LabelPeer(selector) if is_egress and _is_node(selector):
                fellow = _fellow(selector)
                if fellow not in peers:
                    refusals.add("only some of the nodes", rule.span, "write 'nodes'")
                    continue
                peers.remove(fellow)
                labels = [r for r in selector.requirements if r.source == "node"]
                yield {"nodes": label_selector((r.key, r) for r in labels)}
            case ir.LabelPeer(selector):
                yield _pods(selector, cluster, rule.span, refusals)
            case _:
                refusals.add("this peer", rule.span)


def _is_node(selector: Selector) -> bool:
    requirements = set(selector.requirements)
    others = requirements - {_HOST, _REMOTE}
    return len(requirements - others) == 1 and all(r.source == "node" for r in others)


def _fellow(selector: Selector) -> ir.LabelPeer:
    from lockgate.frontend.selectors import make_selector

    requirements = set(selector.requirements)
    return ir.LabelPeer(make_selector(requirements ^ {_HOST, _REMOTE}))


def _pods(selector: Selector, cluster: str, span: Span, refusals: _Refusals) -> Object:
    found = split_kubernetes(selector.requirements, None, cluster)
    if found is None or found[0] is None:
        refusals.add("these pods", span, "select namespaces by label: ns.env=prod")
        return {}
    where, pods = found
    if not pods:
        return {"namespaces": where}
    return {"pods": {"namespaceSelector": where, "podSelector": pods}}


def _cluster_protocols(
    match: ir.TrafficMatch, span: Span, refusals: _Refusals
) -> Iterator[Object]:
    if isinstance(match, ir.NamedPortMatch):
        if len(match.protocols) != 3:
            refusals.add("a named port of one protocol", span, "write any/NAME")
        yield {"destinationNamedPort": match.name}
    elif isinstance(match, ir.PortMatch) and match.ports != ir.ALL_PORTS:
        first, last = match.ports.first, match.ports.last
        port: Object = {"number": first}
        if first != last:
            port = {"range": {"start": first, "end": last}}
        for protocol in match.protocols:
            yield {protocol.name.lower(): {"destinationPort": port}}
    else:
        refusals.add("traffic without a port", span)

"""Policies to CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lockgate.ir import policy as ir
from lockgate.ir.labels import NAMESPACE, Operator, Requirement
from lockgate.language.to_cilium_l7 import add_layer_seven
from lockgate.language.yaml_selectors import (
    ANY_NAMESPACE,
    cilium_key,
    is_of_namespace,
    label_selector,
    own_cluster,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.labels import Selector
    from lockgate.source import Span

Object = dict[str, Any]

MOST_PORTS = 40
"""Most items of ``ports`` in one element of ``toPorts`` (Cilium's CRD)."""

_REMOTE = Requirement("reserved", "remote-node", Operator.EXISTS)
_SUFFIX = {ir.Action.ALLOW: "", ir.Action.DENY: "Deny"}


def cilium_object(
    policy: ir.Policy, name: str, cluster: str, diagnostics: Diagnostics
) -> Object:
    """Return the object; what it has no words for is told."""
    writer = _Writer(policy, cluster, diagnostics)
    specs = list(writer.specs())
    kind = (
        "CiliumNetworkPolicy" if policy.namespace else "CiliumClusterwideNetworkPolicy"
    )
    metadata = {"name": name}
    if policy.namespace:
        metadata["namespace"] = policy.namespace
    made: Object = {"apiVersion": "cilium.io/v2", "kind": kind, "metadata": metadata}
    if len(specs) == 1:
        made["spec"] = specs[0]
    else:
        made["specs"] = specs
    return made


class _Writer:
    """One policy."""

    def __init__(
        self, policy: ir.Policy, cluster: str, diagnostics: Diagnostics
    ) -> None:
        self._policy = policy
        self._cluster = cluster
        self._diagnostics = diagnostics

    def specs(self) -> Iterator[Object]:
        """Yield a spec for each comment for the log, since a spec has one."""
        logs = {
            rule.log: None
            for direction in ir.Direction
            for rule in self._policy.section(direction).rules
        }
        for i, log in enumerate(logs or {None: None}):
            spec = self._spec(log, is_first=i == 0)
            if log is not None:
                spec["log"] = {"value": log}
            yield spec

    def _spec(self, log: str | None, *, is_first: bool) -> Object:
        spec: Object = self._subject()
        wishes: Object = {}
        for direction in ir.Direction:
            section, word = self._policy.section(direction), direction.value
            rules = [rule for rule in section.rules if rule.log == log]
            for action, suffix in _SUFFIX.items():
                elements = [
                    element
                    for rule in rules
                    if rule.action is action
                    for element in self._elements(rule, direction)
                ]
                if elements:
                    spec[f"{word}{suffix}"] = elements
            has_rules = word in spec or f"{word}Deny" in spec
            if section.isolates and not has_rules and is_first:
                spec[word] = [{}]
            elif has_rules and not section.isolates:
                wishes[word] = False
        if wishes:
            spec["enableDefaultDeny"] = wishes
        return spec

    def _subject(self) -> Object:
        policy = self._policy
        requirements = set(policy.subject.requirements)
        if policy.namespace:
            requirements.discard(_in(policy.namespace))
        selector = label_selector((cilium_key(r), r) for r in requirements)
        is_host = policy.subject_kind is ir.SubjectKind.HOST
        return {"nodeSelector" if is_host else "endpointSelector": selector}

    # ------------------------------------------------------------ rules

    def _elements(self, rule: ir.Rule, direction: ir.Direction) -> Iterator[Object]:
        """Yield one element for each kind of peers, and for ports and ICMP apart."""
        peers = list(self._peers(rule, direction))
        for traffic in self._traffic(rule):
            for peer in peers:
                if not peer and not traffic:
                    peer = {_field(direction, "Entities"): ["all"]}
                element = {**peer, **traffic}
                mode = rule.l7.authentication if rule.l7 else None
                if mode is not None:
                    element["authentication"] = {"mode": mode}
                yield element

    def _peers(self, rule: ir.Rule, direction: ir.Direction) -> Iterator[Object]:
        if any(isinstance(peer, ir.AnyPeer) for peer in rule.peers):
            yield {}
            return
        found: dict[str, list[Any]] = {}
        for peer in rule.peers:
            kind, value = self._peer(peer, rule.span)
            is_egress = direction is ir.Direction.EGRESS
            if kind in ("Services", "FQDNs") and not is_egress:
                self._refuse("services and names as those who come in", rule.span)
            found.setdefault(kind, []).append(value)
        for kind, values in found.items():
            yield {_field(direction, kind): values}

    def _peer(self, peer: ir.Peer, span: Span) -> tuple[str, Any]:
        match peer:
            case ir.EntityPeer(entity):
                return "Entities", entity.value
            case ir.LabelPeer(selector):
                return self._labels(selector)
            case ir.NetworkPeer():
                return self._network(peer, span)
            case ir.CidrGroupPeer():
                return "CIDRSet", _group(peer)
            case ir.ServicePeer():
                return "Services", _service(peer)
            case ir.NamePeer(name, pattern):
                field = "matchName" if name else "matchPattern"
                return "FQDNs", {field: name or pattern}
            case ir.AnyPeer():
                raise AssertionError("said by no peers at all")

    def _network(self, peer: ir.NetworkPeer, span: Span) -> tuple[str, Any]:
        if peer.scope is ir.Scope.EVERY:
            self._refuse("addresses that pods and nodes have ('address')", span)
        if not peer.excepts:
            return "CIDR", str(peer.network)
        return "CIDRSet", {"cidr": str(peer.network), "except": _texts(peer.excepts)}

    def _labels(self, selector: Selector) -> tuple[str, Object]:
        requirements = set(selector.requirements)
        if _REMOTE in requirements:
            others = requirements - {_REMOTE}
            if all(r.source == "node" for r in others):
                return "Nodes", label_selector((r.key, r) for r in others)
        if not any(r.source == "reserved" for r in requirements):
            requirements.discard(own_cluster(self._cluster))
            own = {r for r in requirements if is_of_namespace(r)}
            if self._policy.namespace and own == {_in(self._policy.namespace)}:
                requirements -= own
            if not self._policy.namespace and own == {ANY_NAMESPACE}:
                requirements -= own
        return "Endpoints", label_selector((cilium_key(r), r) for r in requirements)

    # ------------------------------------------------------------ traffic

    def _traffic(self, rule: ir.Rule) -> Iterator[Object]:
        """Yield ``toPorts`` and ``icmps``, which exclude each other, or neither."""
        if rule.traffic is None:
            if rule.l7 is not None:
                ports: Object = {}
                add_layer_seven(ports, rule.l7, self._diagnostics)
                if ports:
                    self._refuse("layer 7 without ports", rule.span)
            yield {}
            return
        ports_ = [p for m in rule.traffic for p in _ports(m)]
        types = [m for m in rule.traffic if isinstance(m, ir.IcmpMatch)]
        parts = []
        for i in range(0, len(ports_), MOST_PORTS):
            part: Object = {"ports": ports_[i : i + MOST_PORTS]}
            if rule.l7 is not None:
                add_layer_seven(part, rule.l7, self._diagnostics)
            parts.append(part)
        if parts:
            yield {"toPorts": parts}
        if types:
            yield {"icmps": [self._icmp(types, rule.span)]}

    def _icmp(self, types: Iterable[ir.IcmpMatch], span: Span) -> Object:
        fields = []
        for match in types:
            if match.type is None:
                self._refuse("ICMP without a type", span, "name the types: icmp/8")
            family = "IPv4" if match.protocol is ir.Protocol.ICMP else "IPv6"
            fields.append({"family": family, "type": match.type})
        return {"fields": fields}

    def _refuse(self, what: str, span: Span, cure: str | None = None) -> None:
        message = f"Cilium's kinds have no words for {what}"
        cure = cure or "keep this policy in the native language; -f takes files of both"
        self._diagnostics.error("E1831", message, span, help=cure)


def _field(direction: ir.Direction, kind: str) -> str:
    return f"{'from' if direction is ir.Direction.INGRESS else 'to'}{kind}"


def _in(namespace: str) -> Requirement:
    return Requirement("k8s", NAMESPACE, Operator.IN, (namespace,))


def _texts(values: Iterable[object]) -> list[str]:
    return [str(value) for value in values]


def _plain(selector: Selector) -> Object:
    return label_selector((r.key, r) for r in selector.requirements)


def _group(peer: ir.CidrGroupPeer) -> Object:
    group: Object = {"cidrGroupRef": peer.name}
    if peer.selector is not None:
        group = {"cidrGroupSelector": _plain(peer.selector)}
    if peer.excepts:
        group["except"] = _texts(peer.excepts)
    return group


def _service(peer: ir.ServicePeer) -> Object:
    where = {} if peer.namespace is None else {"namespace": peer.namespace}
    if peer.name is not None:
        return {"k8sService": {"serviceName": peer.name, **where}}
    selector = _plain(peer.selector) if peer.selector else {}
    return {"k8sServiceSelector": {"selector": selector, **where}}


def _ports(match: ir.TrafficMatch) -> Iterator[Object]:
    match match:
        case ir.PortMatch(protocols, ports):
            for protocol in _protocols(protocols):
                if ports == ir.ALL_PORTS:
                    yield {"port": "0", "protocol": protocol}
                elif ports.first == ports.last:
                    yield {"port": str(ports.first), "protocol": protocol}
                else:
                    first, last = str(ports.first), ports.last
                    yield {"port": first, "endPort": last, "protocol": protocol}
        case ir.NamedPortMatch(protocols, name):
            for protocol in _protocols(protocols):
                yield {"port": name, "protocol": protocol}
        case ir.ProtocolMatch(protocol):
            yield {"protocol": protocol.name}
        case ir.IcmpMatch():
            pass


def _protocols(protocols: tuple[ir.Protocol, ...]) -> list[str]:
    if len(protocols) == 3:
        return ["ANY"]
    return [protocol.name for protocol in protocols]

"""Policies of the language to the IR: what a selector leaves unsaid is said here.

- A selection is always of pods.  Without a namespace the policy's own is meant, in the kinds
  without one any; and this cluster, unless the label ``io.cilium.k8s.policy.cluster`` is named.
- The subject of a policy is not narrowed to this cluster: whoever is selected is here.
- Layer 7 follows ``isolate``: where a direction is not isolated, other requests pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.frontend.pod_selectors import ANY_NAMESPACE, in_namespace
from lockgate.frontend.selectors import make_selector
from lockgate.ir import policy as ir
from lockgate.ir.cluster import CidrGroup
from lockgate.ir.labels import (
    CLUSTER,
    NAMESPACE,
    NAMESPACE_LABELS,
    Label,
    Operator,
    Requirement,
    Selector,
)
from lockgate.language import ast
from lockgate.language.layer_seven import lower_layer_seven

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.options import Options
    from lockgate.source import Span

KINDS = {
    ast.PolicyKind.NAMESPACED: "Policy",
    ast.PolicyKind.CLUSTER: "ClusterPolicy",
    ast.PolicyKind.HOST: "HostPolicy",
    ast.PolicyKind.ADMIN: "AdminPolicy",
    ast.PolicyKind.BASELINE: "BaselinePolicy",
}
"""Kinds as keys of policies name them: ``Policy/shop/web``."""

TIERS = {
    ast.PolicyKind.ADMIN: ir.Tier.ADMIN,
    ast.PolicyKind.BASELINE: ir.Tier.BASELINE,
}
PATHS = {ir.Direction.INGRESS: "in", ir.Direction.EGRESS: "out"}
"""What rules' names begin with: ``in[0]``, counted within the direction."""

_REMOTE = Requirement("reserved", "remote-node", Operator.EXISTS)
_HOST = Requirement("reserved", "host", Operator.EXISTS)
_POSITIVE = (Operator.IN, Operator.EXISTS)
_POD_SOURCES = ("any", "k8s")


def lower_policy(policy: ast.Policy, options: Options) -> ir.Policy:
    """Return the policy in the IR."""
    lowering = _Lowering(policy, options)
    sections = {d: lowering.section(d) for d in ir.Direction}
    is_host = policy.kind is ast.PolicyKind.HOST
    namespace = policy.namespace.text if policy.namespace else ""
    key = "/".join(filter(None, (KINDS[policy.kind], namespace, policy.name.text)))
    return ir.Policy(
        kind=KINDS[policy.kind],
        namespace=namespace,
        name=policy.name.text,
        span=policy.name.span,
        subject=lowering.subject(policy.subject),
        subject_kind=ir.SubjectKind.HOST if is_host else ir.SubjectKind.ENDPOINT,
        tier=TIERS.get(policy.kind, ir.Tier.NORMAL),
        order=policy.priority or 0,
        ingress=sections[ir.Direction.INGRESS],
        egress=sections[ir.Direction.EGRESS],
        is_audited=policy.is_audited or key in options.audit,
    )


def lower_group(group: ast.CidrGroup) -> CidrGroup:
    """Return the group in the IR."""
    labels = tuple(Label("k8s", *label) for label in group.labels)
    return CidrGroup(group.name.text, labels, group.networks, group.name.span)


class _Lowering:
    """One policy."""

    def __init__(self, policy: ast.Policy, options: Options) -> None:
        self._policy = policy
        self._namespace = policy.namespace.text if policy.namespace else None
        self._cluster = options.cluster_name
        self._isolated = {item.direction for item in policy.isolates}

    def section(self, direction: ir.Direction) -> ir.Section:
        """Return the rules of a direction."""
        rules = [rule for rule in self._policy.rules if rule.direction is direction]
        is_isolated = direction in self._isolated
        lowered = (
            self._rule(rule, f"{PATHS[direction]}[{i}]", is_isolated=is_isolated)
            for i, rule in enumerate(rules)
        )
        return ir.Section(is_isolated, tuple(lowered))

    def subject(self, subject: ast.PolicySubject) -> Selector:
        """Return whom the policy is for."""
        match subject:
            case ast.Endpoints():
                return Selector()
            case ast.ExactSelection(requirements):
                own = self._own_namespace()
                return make_selector({*requirements, *own})
            case ast.Nodes(_, terms):
                return make_selector({requirement(term) for term in terms})
            case ast.Selection(namespace, terms):
                wanted = {requirement(term) for term in terms} | self._own_namespace()
                if namespace is not None:
                    wanted.add(in_namespace(namespace.text))
                return make_selector(wanted or {ANY_NAMESPACE})

    def _own_namespace(self) -> set[Requirement]:
        return set() if self._namespace is None else {in_namespace(self._namespace)}

    def _rule(self, rule: ast.Rule, path: str, *, is_isolated: bool) -> ir.Rule:
        traffic = None
        if rule.traffic is not None and all(t.match for t in rule.traffic):
            traffic = tuple(t.match for t in rule.traffic if t.match)
        return ir.Rule(
            path,
            rule.span,
            rule.action,
            tuple(peer for end in rule.peers for peer in self._peers(end)),
            traffic,
            lower_layer_seven(rule, is_isolated=is_isolated),
            rule.log.value if rule.log else None,
        )

    def _peers(self, end: ast.End) -> Iterable[ir.Peer]:  # noqa: C901  # one case each
        match end:
            case ast.Everything():
                return (ir.AnyPeer(),)
            case ast.EntityName(entity):
                return (ir.EntityPeer(entity),)
            case ast.Selection():
                selector = lower_selection(end, self._namespace, self._cluster)
                return (ir.LabelPeer(selector),)
            case ast.ExactSelection(requirements):
                return (ir.LabelPeer(make_selector(set(requirements))),)
            case ast.Nodes(which, terms):
                return _nodes(which, terms)
            case ast.Addresses(network, excepts, scope):
                return (ir.NetworkPeer(network, excepts, scope),)
            case ast.DomainName(pattern):
                return (_name(pattern, end.span),)
            case ast.Groups():
                return (_group(end),)
            case ast.Services():
                return (self._service(end),)
            case ast.Pod() | ast.Node():
                raise AssertionError("only tests name pods and nodes")

    def _service(self, service: ast.Services) -> ir.ServicePeer:
        namespace = service.namespace.text if service.namespace else self._namespace
        if service.is_anywhere:
            namespace = service.namespace.text if service.namespace else None
        if service.name is not None:
            return ir.ServicePeer(namespace, service.name.text, None)
        return ir.ServicePeer(namespace, None, _of_any_source(service.terms))


def lower_selection(
    selection: ast.Selection, own: str | None, cluster: str
) -> Selector:
    """Return the pods of a selection, as a peer in a policy of namespace ``own`` (or none)."""
    wanted = {requirement(term) for term in selection.terms}
    if selection.namespace is not None:
        wanted.add(in_namespace(selection.namespace.text))
    elif own is not None and not any(map(_is_of_namespace, wanted)):
        wanted.add(in_namespace(own))
    if not any(_is_of_namespace(r) and r.operator in _POSITIVE for r in wanted):
        wanted.add(ANY_NAMESPACE)
    if not any(r.key == CLUSTER and r.source in _POD_SOURCES for r in wanted):
        wanted.add(Requirement("k8s", CLUSTER, Operator.IN, (cluster,)))
    return make_selector(wanted)


def requirement(term: ast.Term) -> Requirement:
    """Return what a term requires of the labels of a pod or node."""
    match term.subject:
        case ast.Subject.LABEL:
            source, key = "any", term.key
        case ast.Subject.NAMESPACE:
            source, key = "k8s", NAMESPACE
        case ast.Subject.NAMESPACE_LABEL:
            source, key = "k8s", NAMESPACE_LABELS + term.key
    return Requirement(source, key, term.operator, term.values)


def _is_of_namespace(r: Requirement) -> bool:
    is_named = r.key == NAMESPACE or r.key.startswith(NAMESPACE_LABELS)
    return is_named and r.source in _POD_SOURCES


def _name(pattern: ast.Text, span: Span) -> ir.NamePeer:
    if pattern.form is ast.Form.GLOB:
        return ir.NamePeer(None, pattern.value, span=span)
    return ir.NamePeer(pattern.value, None, span=span)


def _group(group: ast.Groups) -> ir.CidrGroupPeer:
    if group.name is not None:
        return ir.CidrGroupPeer(group.name.text, None, group.excepts)
    return ir.CidrGroupPeer(None, _of_any_source(group.terms), group.excepts)


def _of_any_source(terms: Iterable[ast.Term]) -> Selector:
    """Return a selector of objects whose labels have one source only."""
    return make_selector(
        {Requirement("any", term.key, term.operator, term.values) for term in terms}
    )


def _nodes(which: ast.Which, terms: Iterable[ast.Term]) -> tuple[ir.Peer, ...]:
    """Return the nodes with these labels: the judging one itself, and the others."""
    wanted = {Requirement("node", t.key, t.operator, t.values) for t in terms}
    kinds = (_REMOTE,) if which is ast.Which.REMOTE else (_HOST, _REMOTE)
    return tuple(ir.LabelPeer(make_selector(wanted | {kind})) for kind in kinds)

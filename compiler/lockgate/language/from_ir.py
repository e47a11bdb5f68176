"""Policies of the IR to the language: the inverse of ``to_ir.py``.

What the language has no words for is refused where it stands.  Whoever writes the text reads
it again and compares (``conversion.py``); here the nearest words are chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir import policy as ir
from lockgate.ir.labels import (
    CLUSTER,
    NAMESPACE,
    NAMESPACE_LABELS,
    Operator,
    Requirement,
    Selector,
)
from lockgate.language import ast
from lockgate.language.equivalence import normal_selector
from lockgate.language.from_layer_seven import raise_layer_seven
from lockgate.language.to_ir import lower_selection

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.cluster import CidrGroup
    from lockgate.source import Span

_TIERS = {
    ir.Tier.ADMIN: ast.PolicyKind.ADMIN,
    ir.Tier.BASELINE: ast.PolicyKind.BASELINE,
}
_POD_SOURCES = ("any", "k8s")
_ANY_NAMESPACE = Requirement("k8s", NAMESPACE, Operator.EXISTS)
_REMOTE = Requirement("reserved", "remote-node", Operator.EXISTS)
_HOST = Requirement("reserved", "host", Operator.EXISTS)


def raise_policy(
    policy: ir.Policy, name: str, cluster: str, diagnostics: Diagnostics
) -> ast.Policy:
    """Return a policy as the language says it, under a name of its own."""
    kind = kind_of(policy)
    writer = _Writer(policy, cluster, diagnostics)
    isolates = tuple(
        ast.Isolation(direction, policy.span)
        for direction in ir.Direction
        if policy.section(direction).isolates
    )
    return ast.Policy(
        kind,
        ast.Name(name, policy.span),
        ast.Name(policy.namespace, policy.span) if policy.namespace else None,
        policy.order if policy.tier in _TIERS else None,
        writer.subject(),
        isolates,
        policy.is_audited,
        tuple(writer.rules()),
        policy.span,
    )


def kind_of(policy: ir.Policy) -> ast.PolicyKind:
    """Return the words that stand before ``policy``."""
    if policy.subject_kind is ir.SubjectKind.HOST:
        return ast.PolicyKind.HOST
    if policy.tier in _TIERS:
        return _TIERS[policy.tier]
    return ast.PolicyKind.NAMESPACED if policy.namespace else ast.PolicyKind.CLUSTER


def raise_group(group: CidrGroup) -> ast.CidrGroup:
    """Return a group as the language says it."""
    labels = tuple((label.key, label.value) for label in group.labels)
    return ast.CidrGroup(
        ast.Name(group.name, group.span), labels, group.networks, group.span
    )


class _Writer:
    """One policy."""

    def __init__(
        self, policy: ir.Policy, cluster: str, diagnostics: Diagnostics
    ) -> None:
        self._policy = policy
        self._cluster = cluster
        self._diagnostics = diagnostics

    def subject(self) -> ast.PolicySubject:
        policy, span = self._policy, self._policy.span
        requirements = set(policy.subject.requirements)
        if policy.subject_kind is ir.SubjectKind.HOST:
            if all(r.source == "any" for r in requirements):
                return ast.Nodes(ast.Which.EVERY, _terms(requirements, span), span)
            return ast.ExactSelection(policy.subject.requirements, span)
        if policy.namespace:
            own = Requirement("k8s", NAMESPACE, Operator.IN, (policy.namespace,))
            requirements.discard(own)
        if not policy.namespace and not requirements:
            return ast.Endpoints(span)
        if not policy.namespace and requirements == {_ANY_NAMESPACE}:
            return ast.Selection(None, (), span)
        if all(r.source in _POD_SOURCES for r in requirements):
            return ast.Selection(None, _terms(requirements, span), span)
        exact = tuple(sorted(requirements, key=str))
        return ast.ExactSelection(exact, span)

    def rules(self) -> Iterator[ast.Rule]:
        for direction in ir.Direction:
            for rule in self._policy.section(direction).rules:
                raised = self._rule(rule, direction)
                if raised is not None:
                    yield raised

    def _rule(self, rule: ir.Rule, direction: ir.Direction) -> ast.Rule | None:
        ends = tuple(self._ends(rule))
        if not ends or rule.traffic == ():
            return None  # it matches nothing
        traffic = None
        if rule.traffic is not None:
            traffic = tuple(ast.Traffic(match, rule.span) for match in rule.traffic)
        asked = raise_layer_seven(rule, self._diagnostics)
        mode = rule.l7.authentication if rule.l7 else None
        return ast.Rule(
            rule.action,
            direction,
            ends,
            traffic,
            asked,
            ast.Name(mode, rule.span) if mode and mode != "disabled" else None,
            ast.Text(rule.log, ast.Form.PLAIN, rule.span) if rule.log else None,
            rule.span,
        )

    def _ends(self, rule: ir.Rule) -> Iterator[ast.End]:
        """Yield the peers of a rule; a host and its fellow nodes are nodes."""
        peers = list(rule.peers)
        while peers:
            peer = peers.pop(0)
            if isinstance(peer, ir.LabelPeer):
                other = _fellow(peer.selector)
                if other is not None and ir.LabelPeer(other) in peers:
                    peers.remove(ir.LabelPeer(other))
                    terms = {r for r in other.requirements if r.source == "node"}
                    found = _terms(terms, rule.span)
                    yield ast.Nodes(ast.Which.EVERY, found, rule.span)
                    continue
            yield self._end(peer, rule.span)

    def _end(self, peer: ir.Peer, span: Span) -> ast.End:
        match peer:
            case ir.AnyPeer():
                return ast.Everything(span)
            case ir.EntityPeer(entity):
                return ast.EntityName(entity, span)
            case ir.LabelPeer(selector):
                return self._selection(selector, span)
            case ir.NetworkPeer(network, excepts, scope):
                return ast.Addresses(network, excepts, scope, span)
            case ir.CidrGroupPeer(name, selector, excepts):
                terms = _terms(selector.requirements, span) if selector else ()
                return ast.Groups(_name(name, span), terms, excepts, span)
            case ir.ServicePeer():
                return self._service(peer, span)
            case ir.NamePeer(name, pattern):
                text = name or pattern or ""
                form = ast.Form.GLOB if "*" in text else ast.Form.PLAIN
                return ast.DomainName(ast.Text(text, form, span), span)

    def _service(self, peer: ir.ServicePeer, span: Span) -> ast.Services:
        is_anywhere = peer.namespace is None
        is_own = peer.namespace == self._policy.namespace
        namespace = None if is_own else _name(peer.namespace, span)
        terms = _terms(peer.selector.requirements, span) if peer.selector else ()
        name = _name(peer.name, span)
        return ast.Services(namespace, name, terms, is_anywhere, span)

    def _selection(self, selector: Selector, span: Span) -> ast.End:
        """Return pods or nodes in few words where they mean the same, else exact labels."""
        requirements = set(selector.requirements)
        if _REMOTE in requirements:
            others = requirements - {_REMOTE}
            if all(r.source == "node" for r in others):
                return ast.Nodes(ast.Which.REMOTE, _terms(others, span), span)
        wanted = normal_selector(selector, self._cluster)
        own = self._policy.namespace or None
        for candidate in self._candidates(requirements, span):
            lowered = lower_selection(candidate, own, self._cluster)
            if normal_selector(lowered, self._cluster) == wanted:
                return candidate
        return ast.ExactSelection(selector.requirements, span)

    def _candidates(
        self, requirements: set[Requirement], span: Span
    ) -> Iterator[ast.Selection]:
        """Yield how pods could be written, the shortest first."""
        here = Requirement("k8s", CLUSTER, Operator.IN, (self._cluster,))
        if any(r.source not in _POD_SOURCES for r in requirements):
            return
        kept = requirements - {here}
        of_namespace = [r for r in kept if r.key == NAMESPACE]
        bare = {r for r in kept if r.key != NAMESPACE}
        yield ast.Selection(None, _terms(bare, span), span)
        single = [r for r in of_namespace if r.operator is Operator.IN]
        if len(of_namespace) == 1 and single and len(single[0].values) == 1:
            name = _name(single[0].values[0], span)
            yield ast.Selection(name, _terms(bare, span), span)
        yield ast.Selection(None, _terms(kept, span), span)


def _fellow(selector: Selector) -> Selector | None:
    """Return the other half of what ``nodes`` stands for; None for other selectors."""
    requirements = set(selector.requirements)
    kind = {_HOST, _REMOTE} & requirements
    others = requirements - kind
    if len(kind) != 1 or not all(r.source == "node" for r in others):
        return None
    from lockgate.frontend.selectors import make_selector

    return make_selector(others | ({_HOST, _REMOTE} - kind))


def _terms(requirements: Iterable[Requirement], span: Span) -> tuple[ast.Term, ...]:
    """Return requirements as terms, those about the namespace first."""
    terms = [_term(r, span) for r in requirements]
    return tuple(sorted(terms, key=_order))


def _order(term: ast.Term) -> tuple[bool, str, str, str, tuple[str, ...]]:
    is_label = term.subject is ast.Subject.LABEL
    subject = term.subject.value
    return is_label, subject, term.key, term.operator.value, term.values


def _term(r: Requirement, span: Span) -> ast.Term:
    subject, key = ast.Subject.LABEL, r.key
    if r.key == NAMESPACE:
        subject, key = ast.Subject.NAMESPACE, ""
    elif r.key.startswith(NAMESPACE_LABELS):
        subject, key = ast.Subject.NAMESPACE_LABEL, r.key.removeprefix(NAMESPACE_LABELS)
    return ast.Term(subject, key, r.operator, r.values, span)


def _name(text: str | None, span: Span) -> ast.Name | None:
    return None if text is None else ast.Name(text, span)

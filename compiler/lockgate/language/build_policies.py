"""Policies and groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lockgate.diagnostics import quote
from lockgate.frontend.cidr import parse_prefixes
from lockgate.ir.policy import Action, Direction
from lockgate.language.ast import (
    CidrGroup,
    Endpoints,
    ExactSelection,
    Isolation,
    LayerSeven,
    Name,
    Nodes,
    Policy,
    PolicyKind,
    PolicySubject,
    Rule,
    Selection,
    Text,
    Traffic,
)
from lockgate.language.build import Children, Place, first, of_type, only, token
from lockgate.language.build_clauses import RULES as CLAUSES
from lockgate.language.build_clauses import Authentication, Log
from lockgate.language.build_ends import RULES as ENDS
from lockgate.language.build_ends import Prefix
from lockgate.language.build_labels import RULES as LABELS
from lockgate.language.build_labels import Label, Namespace, check_name
from lockgate.language.build_services import RULES as SERVICES
from lockgate.language.build_tests import RULES as TESTS
from lockgate.language.build_traces import RULES as TRACES
from lockgate.language.check_rules import check_rule
from lockgate.language.grammar import Token

if TYPE_CHECKING:
    from lockgate.language.ast import End
    from lockgate.language.build import Rules
    from lockgate.source import Span

LAST_PRIORITY = 1000
"""Largest priority of ClusterNetworkPolicy."""

_DIRECTIONS = {"IN": Direction.INGRESS, "OUT": Direction.EGRESS}
_SUBJECTS = (Selection, ExactSelection, Endpoints, Nodes)


class _Priority(NamedTuple):
    """``priority 10``."""

    number: int | None
    span: Span


class _Isolate(NamedTuple):
    """``isolate in, out``."""

    directions: tuple[Isolation, ...]


class _Audit(NamedTuple):
    """``audit``."""

    span: Span


class _Kind(NamedTuple):
    """The word before ``policy``."""

    kind: PolicyKind


class _Ends(tuple["End", ...]):
    __slots__ = ()


# ---------------------------------------------------------------- the head


def _kind(children: Children, place: Place) -> _Kind:
    return _Kind(PolicyKind(str(children[0])))


def _priority(children: Children, place: Place) -> _Priority:
    number = int(children[-1], 0)
    if 0 <= number <= LAST_PRIORITY:
        return _Priority(number, place.span)
    message = f"a priority is a number from 0 to {LAST_PRIORITY}"
    place.refuse("E1808", message, place.span, "smaller ones are asked first")
    return _Priority(None, place.span)


def _endpoints(children: Children, place: Place) -> Endpoints:
    return Endpoints(place.span)


def _policy(children: Children, place: Place) -> Policy | None:
    found = first(children, _Kind)
    kind = found.kind if found else PolicyKind.NAMESPACED
    name = check_name(first(children, Name), place)
    namespace = first(children, Namespace)
    priority = first(children, _Priority)
    subject: PolicySubject = first(children, *_SUBJECTS)
    isolates = [d for item in of_type(children, _Isolate) for d in item.directions]
    audits = of_type(children, _Audit)
    rules = tuple(of_type(children, Rule))
    policy = Policy(
        kind,
        name,
        namespace and namespace.name,
        priority and priority.number,
        subject,
        tuple({item.direction: item for item in isolates}.values()),
        bool(audits),
        rules,
        place.span,
    )
    _check_head(policy, priority, place)
    _check_statements(policy, place)
    return policy


def _check_head(policy: Policy, priority: _Priority | None, place: Place) -> None:
    kind, word = policy.kind, policy.kind.value
    if kind is PolicyKind.NAMESPACED and policy.namespace is None:
        message = f"the policy {quote(policy.name.text)} needs its namespace"
        cure = (
            f"policy {policy.name.text} in NAMESPACE for ...; or 'cluster policy ...'"
        )
        place.refuse("E1808", message, policy.name.span, cure)
    elif kind is not PolicyKind.NAMESPACED and policy.namespace is not None:
        message = f"a {word} policy is of no namespace"
        cure = "take 'in ...' away; to select pods of one: for ns shop"
        place.refuse("E1808", message, policy.namespace.span, cure)
    has_tier = kind in (PolicyKind.ADMIN, PolicyKind.BASELINE)
    if has_tier and priority is None:
        message = f"a policy of the {word} tier needs its priority"
        cure = f"{word} policy {policy.name.text} priority 10 for ..."
        place.refuse("E1808", message, policy.name.span, cure)
    elif priority is not None and not has_tier:
        message = "only admin and baseline policies have a priority"
        cure = "in other policies deny wins over allow, whatever their order"
        place.refuse("E1808", message, priority.span, cure)
    _check_subject(policy, place)


def _check_subject(policy: Policy, place: Place) -> None:
    kind, subject = policy.kind, policy.subject
    is_of_nodes = isinstance(subject, Nodes)
    is_exact = isinstance(subject, ExactSelection)
    if (kind is PolicyKind.HOST) != is_of_nodes and not is_exact:
        message = "a host policy is for nodes, every other for pods"
        cure = (
            "such as 'for nodes role=worker'"
            if kind is PolicyKind.HOST
            else "to concern nodes, write 'host policy NAME for nodes ...'"
        )
        place.refuse("E1808", message, subject.span, cure)
    if kind is PolicyKind.NAMESPACED and isinstance(subject, Endpoints):
        message = "'endpoints' is for cluster policies"
        place.refuse("E1808", message, subject.span, "write 'pods'")
    if kind is not PolicyKind.NAMESPACED or not isinstance(subject, Selection):
        return
    if subject.namespace is not None and subject.namespace != policy.namespace:
        message = "a policy selects pods of its own namespace"
        cure = "take the namespace away here, or write 'cluster policy ...'"
        place.refuse("E1808", message, subject.namespace.span, cure)


def _check_statements(policy: Policy, place: Place) -> None:
    has_tier = policy.kind in (PolicyKind.ADMIN, PolicyKind.BASELINE)
    is_empty = not policy.rules and not policy.isolates
    if is_empty and not place.is_refused:
        message = f"the policy {quote(policy.name.text)} does nothing"
        cure = "write a rule; 'isolate in' alone denies all ingress"
        place.refuse("E1809", message, policy.name.span, cure)
    if has_tier:
        for isolation in policy.isolates:
            message = f"a policy of the {policy.kind.value} tier isolates nobody"
            cure = "write a last rule 'deny in from everything', or an ordinary policy"
            place.refuse("E1808", message, isolation.span, cure)
    for rule in policy.rules:
        check_rule(rule, policy.kind, place)


# ---------------------------------------------------------------- statements


def _isolate(children: Children, place: Place) -> _Isolate:
    return _Isolate(tuple(of_type(children, Isolation)))


def _direction(children: Children, place: Place) -> Isolation:
    return Isolation(_DIRECTIONS[children[0].type], place.span)


def _audit(children: Children, place: Place) -> _Audit:
    return _Audit(place.span)


def _make_rule(children: Children, place: Place) -> Rule | None:
    word = token(children, "ACTION")
    direction = token(children, "IN", "OUT")
    peers = first(children, _Ends)
    if word is None or direction is None or not peers:
        return None  # one of them was refused
    clauses = _Clauses(children, place)
    return Rule(
        Action(str(word)),
        _DIRECTIONS[direction.type],
        tuple(peers),
        clauses.traffic,
        first(children, LayerSeven),
        clauses.authentication,
        clauses.log,
        place.span,
    )


class _Clauses:
    """What follows the ends of a rule; each of it once."""

    def __init__(self, children: Children, place: Place) -> None:
        self.traffic: tuple[Traffic, ...] | None = None
        self.authentication: Name | None = None
        self.log: Text | None = None
        seen: set[type] = set()
        for child in children:
            if isinstance(child, Token | _Ends):
                continue
            if type(child) in seen:
                message = "this stands twice in one rule"
                place.refuse("E1808", message, place.span, "write a rule for each")
            seen.add(type(child))
            if isinstance(child, Authentication):
                self.authentication = child.mode
            elif isinstance(child, Log):
                self.log = child.text
            elif type(child) is tuple:
                self.traffic = child


# ---------------------------------------------------------------- groups


def _cidr_group(children: Children, place: Place) -> CidrGroup:
    prefixes = of_type(children, Prefix)
    networks = parse_prefixes(prefixes, place.diagnostics)
    labels = tuple(sorted({tuple(label) for label in of_type(children, Label)}))
    name = check_name(first(children, Name), place)
    return CidrGroup(name, labels, networks, place.span)


RULES: Rules = {
    **LABELS,
    **ENDS,
    **CLAUSES,
    **TESTS,
    **TRACES,
    **SERVICES,
    "start": only,
    "policy": _policy,
    "kind": _kind,
    "priority": _priority,
    "endpoints": _endpoints,
    "isolate": _isolate,
    "direction": _direction,
    "audit": _audit,
    "rule": only,
    "ingress_rule": _make_rule,
    "egress_rule": _make_rule,
    "ends": lambda children, place: _Ends(c for c in children if c is not None),
    "cidr_group": _cidr_group,
}

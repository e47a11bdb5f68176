"""Filters of flows to a predicate in JSON, which the runtime evaluates without a grammar.

The form is that of ``lockgate_runtime/observe/predicates.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lockgate.diagnostics import did_you_mean, quote
from lockgate.ir.labels import NAMESPACE, NAMESPACE_LABELS, Operator
from lockgate.ir.policy import Entity, IcmpMatch, NamedPortMatch, PortMatch
from lockgate.language import ast
from lockgate.language.ast import Name
from lockgate.language.build import Children, Place, first, of_type, token
from lockgate.language.build_ends import RULES as ENDS
from lockgate.language.build_labels import RULES as LABELS
from lockgate.language.predicates import Predicate, compile_predicate, joined, negation

if TYPE_CHECKING:
    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.policy import TrafficMatch
    from lockgate.language.build import Rules
    from lockgate.source import Source

VERSION = 1
FIELDS: dict[str, tuple[str, ...] | None] = {
    "verdict": ("allowed", "audit", "authenticate", "denied", "redirected"),
    "direction": ("egress", "ingress"),
    "event": ("flow_end", "verdict"),
    "effect": None,
    "endpoint": None,
    "hook": None,
    "policy": None,
    "reason": None,
}
"""Fields of a flow, and the words of those that have only some."""

_SIDES = {"src": "source", "dst": "destination", "end": "either"}


def compile_filter(source: Source, diagnostics: Diagnostics) -> Predicate | None:
    """Return the predicate of a filter; None where it is mistaken, which is told."""
    predicate = compile_predicate("filter", RULES, source, diagnostics)
    return None if predicate is None else {"version": VERSION, "flow": predicate}


# ---------------------------------------------------------------- conditions


def _field(*, is_negated: bool) -> Any:  # noqa: ANN401  # a rule
    def make(children: Children, place: Place) -> Predicate | None:
        key = token(children, "KEY")
        name = str(key)
        if key is None or name not in FIELDS:
            message = f"flows have no field {quote(name)}"
            cure = f"known: {', '.join(FIELDS)}; labels stand after src, dst or end"
            near = did_you_mean(name, FIELDS)
            place.refuse("E1840", message, place.span, near or cure)
            return None
        values = of_type(children, Name)
        for listed in of_type(children, list):
            values += listed
        for value in values:
            _check_word(name, value, place)
        words = sorted({value.text for value in values})
        condition: Predicate = {"field": name, "in": words}
        return {"not": condition} if is_negated else condition

    return make


def _check_word(field: str, value: Name, place: Place) -> None:
    words = FIELDS[field]
    if words is not None and value.text not in words:
        message = f"{quote(value.text)} is no {field} of a flow"
        cure = did_you_mean(value.text, words) or f"known: {', '.join(words)}"
        place.refuse("E1840", message, value.span, cure)


def _traffic_condition(children: Children, place: Place) -> Predicate | None:
    traffic = first(children, ast.Traffic)
    if traffic is None:
        return None
    if isinstance(traffic.match, NamedPortMatch):
        message = "packets have no names of ports"
        place.refuse("E1806", message, traffic.span, "write the number")
        return None
    return _traffic(traffic.match)


def _traffic(match: TrafficMatch | None) -> Predicate:
    if match is None:
        return {"all": []}
    if isinstance(match, PortMatch):
        protocols = [protocol.name for protocol in match.protocols]
        return {
            "protocols": protocols,
            "ports": [match.ports.first, match.ports.last],
        }
    if isinstance(match, IcmpMatch):
        found: Predicate = {"protocols": [match.protocol.name]}
        return found if match.type is None else {**found, "type": match.type}
    if isinstance(match, NamedPortMatch):
        raise AssertionError("refused before")
    return {"protocols": [match.protocol.name]}


# ---------------------------------------------------------------- ends


def _side(children: Children, place: Place) -> Predicate | None:
    word = token(children, "SIDE")
    ends = [child for child in children if child is not word]
    if word is None or not ends:
        return None
    return {"end": _SIDES[str(word)], "is": _end(ends[0])}


def _end(end: ast.End) -> Predicate:
    match end:
        case ast.EntityName(entity):
            return _entity(entity)
        case ast.Addresses(network, excepts):
            inside = {"network": str(network)}
            outside = [{"not": {"network": str(e)}} for e in excepts]
            return {"all": [inside, *outside]} if outside else inside
        case ast.Pod(namespace, name):
            return {"name": f"{namespace.text}/{name.text}"}
        case ast.Node(name):
            return {"name": f"node {name.text}"}
        case ast.Selection(namespace, terms):
            wanted = [_term(term) for term in terms]
            if namespace is not None:
                wanted.insert(0, _label(NAMESPACE, Operator.IN, (namespace.text,)))
            return wanted[0] if len(wanted) == 1 else {"all": wanted}
        case _:
            return {"all": []}


def _entity(entity: Entity) -> Predicate:
    match entity:
        case Entity.ALL:
            return {"all": []}
        case Entity.NONE:
            return {"any": []}
        case Entity.CLUSTER | Entity.CLUSTER_MESH:
            return {"not": {"reserved": Entity.WORLD.value}}
        case _:
            return {"reserved": entity.value}


def _term(term: ast.Term) -> Predicate:
    match term.subject:
        case ast.Subject.LABEL:
            key = term.key
        case ast.Subject.NAMESPACE:
            key = NAMESPACE
        case ast.Subject.NAMESPACE_LABEL:
            key = NAMESPACE_LABELS + term.key
    return _label(key, term.operator, term.values)


def _label(key: str, operator: Operator, values: tuple[str, ...]) -> Predicate:
    match operator:
        case Operator.IN:
            return {"label": key, "in": list(values)}
        case Operator.NOT_IN:
            return {"not": {"label": key, "in": list(values)}}
        case Operator.EXISTS:
            return {"label": key}
        case Operator.DOES_NOT_EXIST:
            return {"not": {"label": key}}


RULES: Rules = {
    **LABELS,
    **ENDS,
    "start": lambda children, place: first(children, dict),
    "any_of": joined("any"),
    "all_of": joined("all"),
    "negation": negation,
    "side": _side,
    "word": lambda children, place: place.name(children[0]),
    "word_set": lambda children, place: of_type(children, Name),
    "field_is": _field(is_negated=False),
    "field_is_not": _field(is_negated=True),
    "traffic_condition": _traffic_condition,
}

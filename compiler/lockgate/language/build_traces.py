"""Traces and their predicates, from the tree of the parser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.language.ast import Everything, Name, Selection
from lockgate.language.ast_traces import (
    And,
    Arm,
    Call,
    Comparison,
    Field,
    Not,
    Number,
    Or,
    Parameter,
    Probe,
    Trace,
    TraceAction,
    TracedHost,
    TracedPods,
)
from lockgate.language.build import Children, Place, first, of_type, token
from lockgate.language.build_labels import Namespace, Terms, check_name
from lockgate.language.grammar import Token

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockgate.language.ast_traces import Predicate, Value
    from lockgate.language.build import Rules

_WORDS = ("STRING", "REGEX")


def _values(children: Children, place: Place) -> list[Value]:
    """Return operands, quoted texts among them, in their order."""
    return [
        place.text(child) if isinstance(child, Token) else child
        for child in children
        if not isinstance(child, Token) or child.type in _WORDS
    ]


def _field(children: Children, place: Place) -> Field:
    return Field(tuple(str(children[0]).split(".")), place.span)


def _number(children: Children, place: Place) -> Number:
    text = str(children[0])
    base = 16 if "0x" in text else 8 if "0o" in text else 10
    return Number(int(text, base), place.span)


def _call(children: Children, place: Place) -> Call:
    function = place.name(children[0])
    arguments = _values(children[1:], place)
    return Call(function, tuple(arguments), place.span)


def _comparison(children: Children, place: Place) -> Comparison:
    left, right = _values(children, place)
    operator = token(children, "OPERATOR")
    return Comparison(left, str(operator), (right,), place.span)


def _membership(operator: str) -> Callable[[Children, Place], Comparison]:
    def make(children: Children, place: Place) -> Comparison:
        listed = next(child for child in children if type(child) is tuple)
        left = _values([c for c in children if c is not listed], place)[0]
        return Comparison(left, operator, listed, place.span)

    return make


def _joined(make: type[And] | type[Or]) -> Callable[[Children, Place], Predicate]:
    def join(children: Children, place: Place) -> Predicate:
        parts = _values(children, place)
        return parts[0] if len(parts) == 1 else make(tuple(parts), place.span)  # type: ignore[return-value,arg-type]  # operands are predicates here

    return join


def _negation(children: Children, place: Place) -> Not:
    return Not(_values(children, place)[0], place.span)  # type: ignore[arg-type]  # an operand alone is a predicate


def _parameter(children: Children, place: Place) -> Parameter:
    names = [place.name(t) for t in children if _is_token(t, "PARAMETER")]
    before, index, size = "", None, None
    for child in children:
        if _is_token(child, "NUMBER"):
            number = int(str(child), 0)
            index, size = (number, size) if before == "AT" else (index, number)
        before = child.type if isinstance(child, Token) else ""
    way = token(children, "FIELD")
    return Parameter(
        names[0],
        names[1] if len(names) > 1 else None,
        index,
        size,
        Field(tuple(str(way).split(".")), place.span_of(way)) if way else None,
        place.span,
    )


def _is_token(child: object, kind: str) -> bool:
    return isinstance(child, Token) and child.type == kind


class _Target(tuple[Name, ...]):
    __slots__ = ()


class _Returned(tuple[Parameter, ...]):
    __slots__ = ()


class _Monitor:
    """The word ``monitor``."""


def _action(children: Children, place: Place) -> TraceAction:
    names = [place.name(word) for word in children]
    return TraceAction(names[0], tuple(names[1:]), place.span)


def _arm(children: Children, place: Place) -> Arm:
    actions = tuple(of_type(children, TraceAction))
    others = [c for c in children if not isinstance(c, TraceAction)]
    predicates = [] if token(children, "WHERE") is None else _values(others, place)
    return Arm(predicates[0] if predicates else None, actions, place.span)  # type: ignore[arg-type]  # an operand alone is a predicate


def _probe(children: Children, place: Place) -> Probe:
    kind = token(children, "PROBE_KIND")
    assert kind is not None  # noqa: S101  # the grammar has it in every probe
    returned = first(children, _Returned)
    parameters = next((c for c in children if type(c) is tuple), ())
    return Probe(
        place.name(kind),
        tuple(target[0] for target in of_type(children, _Target)),
        parameters,
        returned[0] if returned else None,
        tuple(of_type(children, Arm)),
        place.span,
    )


def _pods(children: Children, place: Place) -> TracedPods:
    terms = tuple(first(children, Terms) or ())
    return TracedPods(first(children, Selection), terms, place.span)


def _trace(children: Children, place: Place) -> Trace:
    name = check_name(first(children, Name), place)
    namespace = first(children, Namespace)
    return Trace(
        name,
        namespace and namespace.name,
        tuple(of_type(children, Everything, TracedHost, TracedPods)),
        first(children, _Monitor) is not None,
        tuple(of_type(children, Probe)),
        place.span,
    )


RULES: Rules = {
    "field": _field,
    "number": _number,
    "call": _call,
    "comparison": _comparison,
    "membership": _membership("in"),
    "no_membership": _membership("not in"),
    "operand_set": lambda children, place: tuple(_values(children, place)),
    "any_of": _joined(Or),
    "all_of": _joined(And),
    "negation": _negation,
    "parameter": _parameter,
    "parameters": lambda children, place: tuple(of_type(children, Parameter)),
    "returned": lambda children, place: _Returned([_parameter(children, place)]),
    "trace_action": _action,
    "arm": _arm,
    "probe_target": lambda children, place: _Target([place.name(children[0])]),
    "probe": _probe,
    "traced_host": lambda children, place: TracedHost(place.span),
    "traced_pods": _pods,
    "monitor": lambda children, place: _Monitor(),
    "trace": _trace,
}

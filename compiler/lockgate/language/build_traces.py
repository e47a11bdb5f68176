"""Traces and their predicates: read, and not enforced yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.language.ast import Name, Selection
from lockgate.language.ast_traces import (
    And,
    Call,
    Comparison,
    Field,
    Not,
    Number,
    Or,
    Probe,
    Trace,
    TraceAction,
)
from lockgate.language.build import Children, Place, first, of_type, token
from lockgate.language.build_labels import Namespace, check_name
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


def _parameter(children: Children, place: Place) -> _Parameter:
    return _Parameter(of_type(children, Name))


class _Parameter(tuple[Name, ...]):
    __slots__ = ()


class _Where(tuple["Predicate", ...]):
    __slots__ = ()


def _where(children: Children, place: Place) -> _Where:
    return _Where(_values(children, place))  # type: ignore[arg-type]  # an operand alone is a predicate


def _action(children: Children, place: Place) -> TraceAction:
    names = [place.name(word) for word in children]
    return TraceAction(names[0], tuple(names[1:]), place.span)


def _probe(children: Children, place: Place) -> Probe:
    hook, function = of_type(children, Name)
    where = first(children, _Where)
    return Probe(
        hook,
        function,
        tuple((name, kind) for name, kind in of_type(children, _Parameter)),
        where[0] if where else None,
        tuple(of_type(children, TraceAction)),
        place.span,
    )


def _trace(children: Children, place: Place) -> Trace:
    name = check_name(first(children, Name), place)
    namespace = first(children, Namespace)
    return Trace(
        name,
        namespace and namespace.name,
        first(children, Selection),
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
    "where": _where,
    "trace_action": _action,
    "word": lambda children, place: place.name(children[0]),
    "probe": _probe,
    "trace": _trace,
}

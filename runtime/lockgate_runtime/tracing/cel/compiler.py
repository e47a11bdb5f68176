"""Make a test of events from an expression of CEL: types are checked once, then it runs.

As in the reference, an expression is asked of the events that it names (``process_exec.process``)
and holds for no others; what an event does not have is zero or empty.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from lockgate_runtime.tracing.cel.functions import FUNCTIONS, MACROS, METHODS
from lockgate_runtime.tracing.cel.syntax import CelError, Node, parse
from lockgate_runtime.tracing.cel.types import (
    ENUMERATION_NAMES,
    compile_regex,
    fields_of,
    is_number,
    reader,
    value_type,
)
from lockgate_runtime.tracing.event_schema import ENUMERATIONS, EVENTS, MESSAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lockgate_runtime.tracing.cel.functions import Function

    Variables = Mapping[str, Any]
    Evaluate = Callable[[Variables], Any]
    Typed = tuple[str, Evaluate]

_FAULTS = (
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    ZeroDivisionError,
    OverflowError,
)
"""What goes wrong with a value alone; an expression then does not hold."""
_ORDERED = ("string", "bytes", "timestamp", "bool")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compile_filter(text: str) -> Callable[[dict[str, Any]], bool]:
    """Return the test of an expression; CelError with the place where it is mistaken."""
    compiler = _Compiler()
    try:
        kind, evaluate = compiler.compile(parse(text))
    except RecursionError:
        raise CelError("the expression is too long", 0) from None
    if kind != "bool":
        raise CelError(f"the expression is of type {kind}, not bool", 0)
    if not compiler.events:
        raise CelError("the expression names no event, like process_exec", 0)
    events = tuple(compiler.events)

    def holds(event: dict[str, Any]) -> bool:
        if not any(name in event for name in events):
            return False
        try:
            return bool(evaluate(event))
        except _FAULTS:
            return False

    return holds


class _Compiler:
    """One expression; ``events`` are those that it names."""

    def __init__(self) -> None:
        self.events: set[str] = set()
        self._scope: dict[str, str] = {}

    def compile(self, node: Node) -> Typed:
        """Return type and evaluation of a part."""
        if node.kind in ("bool", "int", "uint", "double", "string", "bytes", "null"):
            value = node.value
            return node.kind, lambda _: value
        if node.kind in _COMPARISONS:
            return self._comparison(node)
        make = getattr(self, "_" + _NAMES.get(node.kind, node.kind))
        found: Typed = make(node)
        return found

    def _name(self, node: Node) -> Typed:
        name = str(node.value)
        if name in self._scope:
            return self._scope[name], lambda variables: variables[name]
        if name not in EVENTS:
            raise CelError(
                f"'{name}' is no event; there are {', '.join(EVENTS)}", node.at
            )
        self.events.add(name)
        kind = MESSAGES["event"][name]
        return f"message:{kind}", lambda variables: variables.get(name) or {}

    def _select(self, node: Node) -> Typed:
        name = str(node.value)
        constant = _enumerated(node)
        if constant:
            return constant, lambda _: name
        kind, inner = self.compile(node.parts[0])
        if kind == "map":
            return "string", lambda variables: inner(variables)[name]
        if not kind.startswith("message:"):
            raise CelError(f"a {kind} has no fields", node.at)
        message = kind.removeprefix("message:")
        declared = fields_of(message).get(name)
        if declared is None:
            known = ", ".join(sorted(fields_of(message)))
            raise CelError(f"unknown field '{name}'; known: {known}", node.at)
        read = reader(declared)
        return value_type(declared), lambda variables: read(inner(variables).get(name))

    def _has(self, node: Node) -> Typed:
        """Whether a field is there; in JSON what is zero or empty is not."""
        if len(node.parts) != 1 or node.parts[0].kind != "select":
            raise CelError("has() takes one field: has(a.b)", node.at)
        field = node.parts[0]
        self.compile(field)
        _, inner = self.compile(field.parts[0])
        return "bool", lambda variables: field.value in inner(variables)

    def _index(self, node: Node) -> Typed:
        (kind, inner), (key_kind, key) = map(self.compile, node.parts)
        if kind == "map" and key_kind == "string":
            return "string", lambda variables: inner(variables)[key(variables)]
        if not kind.startswith("list:") or key_kind not in ("int", "uint"):
            raise CelError(f"a {kind} has no index of type {key_kind}", node.at)

        def take(variables: Variables) -> object:
            place = key(variables)
            if place < 0:
                raise IndexError
            return inner(variables)[place]

        return kind.removeprefix("list:"), take

    def _list(self, node: Node) -> Typed:
        items = [self.compile(part) for part in node.parts]
        kind = items[0][0] if items else "any"
        for part, (other, _) in zip(node.parts, items, strict=True):
            if other != kind and not (is_number(other) and is_number(kind)):
                raise CelError(f"a list of {kind} cannot hold a {other}", part.at)
        evaluations = [evaluate for _, evaluate in items]
        return f"list:{kind}", lambda variables: [e(variables) for e in evaluations]

    def _comparison(self, node: Node) -> Typed:
        (left, first), (right, second) = map(self.compile, node.parts)
        sign = node.kind
        alike = left == right or (is_number(left) and is_number(right))
        if "null" in (left, right):
            alike = sign in ("==", "!=")
        elif sign not in ("==", "!=") and not (is_number(left) or left in _ORDERED):
            alike = False
        if not alike:
            raise CelError(f"{left} {sign} {right} cannot be compared", node.at)
        compare = _COMPARISONS[sign]
        return "bool", lambda variables: compare(first(variables), second(variables))

    def _in(self, node: Node) -> Typed:
        (left, item), (right, values) = map(self.compile, node.parts)
        inner = right.removeprefix("list:")
        alike = inner in (left, "any") or (is_number(inner) and is_number(left))
        if right == "map":
            alike = left == "string"
        elif not right.startswith("list:"):
            alike = False
        if not alike:
            raise CelError(f"a {left} cannot be in a {right}", node.at)
        return "bool", lambda variables: item(variables) in values(variables)

    def _arithmetic(self, node: Node) -> Typed:
        (left, first), (right, second) = map(self.compile, node.parts)
        sign = node.kind
        joined = sign == "+" and (
            left in ("string", "bytes") or left.startswith("list:")
        )
        if left != right or not (joined or is_number(left)):
            raise CelError(f"{left} {sign} {right} cannot be reckoned", node.at)
        if left == "double" and sign == "%":
            raise CelError("a double has no remainder", node.at)
        reckon = _RECKON[sign] if left != "double" or sign != "/" else operator.truediv
        return left, lambda variables: reckon(first(variables), second(variables))

    def _minus(self, node: Node) -> Typed:
        kind, inner = self.compile(node.parts[0])
        if kind not in ("int", "double"):
            raise CelError(f"a {kind} has no negative", node.at)
        return kind, lambda variables: -inner(variables)

    def _not(self, node: Node) -> Typed:
        inner = self._bool(node.parts[0])
        return "bool", lambda variables: not inner(variables)

    def _or(self, node: Node) -> Typed:
        return self._logic(node, settles=True)

    def _and(self, node: Node) -> Typed:
        return self._logic(node, settles=False)

    def _logic(self, node: Node, *, settles: bool) -> Typed:
        """Join two tests; the one that settles it stands, though the other be at fault."""
        first, second = (self._bool(part) for part in node.parts)

        def evaluate(variables: Variables) -> bool:
            try:
                found = bool(first(variables))
            except _FAULTS:
                found = bool(second(variables))
                if found is settles:
                    return found
                raise
            return found if found is settles else bool(second(variables))

        return "bool", evaluate

    def _choice(self, node: Node) -> Typed:
        condition = self._bool(node.parts[0])
        (kind, yes), (other, no) = map(self.compile, node.parts[1:])
        if kind != other:
            raise CelError(f"one choice is a {kind}, the other a {other}", node.at)
        return kind, lambda variables: (yes if condition(variables) else no)(variables)

    def _bool(self, node: Node) -> Evaluate:
        kind, evaluate = self.compile(node)
        if kind != "bool":
            raise CelError(f"a bool is expected, not a {kind}", node.at)
        return evaluate

    def _call(self, node: Node) -> Typed:
        if node.value == "has":
            return self._has(node)
        return self._apply(node, FUNCTIONS)

    def _method(self, node: Node) -> Typed:
        if node.value in MACROS:
            return self._macro(node)
        if (
            node.value == "matches"
            and node.parts[1:]
            and node.parts[1].kind == "string"
        ):
            return self._matches(node)
        return self._apply(node, METHODS)

    def _matches(self, node: Node) -> Typed:
        """Compile a pattern that is known once, and refuse it where it is none."""
        kind, text = self.compile(node.parts[0])
        if kind != "string" or len(node.parts) != 2:
            return self._apply(node, METHODS)
        try:
            search = compile_regex(str(node.parts[1].value)).search
        except ValueError as error:
            raise CelError(str(error), node.parts[1].at) from None
        return "bool", lambda variables: bool(search(text(variables)))

    def _apply(self, node: Node, known: Mapping[str, Function]) -> Typed:
        function = known.get(str(node.value))
        if function is None:
            names = ", ".join(
                sorted({*known, *(MACROS if known is METHODS else ["has"])})
            )
            raise CelError(f"unknown function '{node.value}'; known: {names}", node.at)
        if len(node.parts) != len(function.operands):
            few = len(function.operands) - (known is METHODS)
            raise CelError(f"'{node.value}' takes {few} arguments", node.at)
        operands = []
        for part, wanted in zip(node.parts, function.operands, strict=True):
            kind, evaluate = self.compile(part)
            if kind.partition(":")[0] not in wanted.split():
                raise CelError(f"'{node.value}' takes no {kind}", part.at)
            operands.append(evaluate)
        call = function.call
        return function.result, lambda variables: call(
            *(o(variables) for o in operands)
        )

    def _macro(self, node: Node) -> Typed:
        name = node.value
        if len(node.parts) != 3 or node.parts[1].kind != "name":
            raise CelError(f"'{name}' takes a variable and an expression", node.at)
        kind, items = self.compile(node.parts[0])
        if not kind.startswith("list:"):
            raise CelError(f"'{name}' is for lists, not for a {kind}", node.at)
        variable = str(node.parts[1].value)
        before = dict(self._scope)
        self._scope[variable] = kind.removeprefix("list:")
        inner_kind, inner = self.compile(node.parts[2])
        self._scope = before
        if name != "map" and inner_kind != "bool":
            raise CelError(
                f"'{name}' takes a test, not a {inner_kind}", node.parts[2].at
            )

        def each(variables: Variables) -> list[tuple[Any, Any]]:
            return [
                (item, inner({**variables, variable: item}))
                for item in items(variables)
            ]

        results: dict[str, Typed] = {
            "all": ("bool", lambda v: all(test for _, test in each(v))),
            "exists": ("bool", lambda v: any(test for _, test in each(v))),
            "exists_one": ("bool", lambda v: sum(bool(t) for _, t in each(v)) == 1),
            "filter": (kind, lambda v: [item for item, test in each(v) if test]),
            "map": (f"list:{inner_kind}", lambda v: [made for _, made in each(v)]),
        }
        return results[str(name)]


def _truncated(left: int, right: int) -> int:
    """Divide as the language does: towards zero."""
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


_RECKON: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _truncated,
    "%": lambda left, right: left - right * _truncated(left, right),
}
_NAMES = {
    "||": "or",
    "&&": "and",
    "?:": "choice",
    **dict.fromkeys(_RECKON, "arithmetic"),
}


def _enumerated(node: Node) -> str | None:
    """Return the type of ``tetragon.KprobeAction.KPROBE_ACTION_POST``; None of anything else."""
    above = node.parts[0]
    if above.kind == "select" and above.parts[0].kind == "name":
        if above.parts[0].value != "tetragon":
            return None
    elif above.kind != "name":
        return None
    kind = ENUMERATION_NAMES.get(str(above.value))
    if kind is None:
        return None
    if node.value not in ENUMERATIONS[kind]:
        known = ", ".join(ENUMERATIONS[kind])
        raise CelError(f"unknown value '{node.value}'; known: {known}", node.at)
    return f"enumeration:{kind}"

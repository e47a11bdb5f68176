"""Filters of events to a predicate in JSON, which the runtime evaluates without a grammar.

The form is that of ``lockgate_runtime/tracing/event_predicates.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lockgate.diagnostics import did_you_mean, quote
from lockgate.language.ast import Form, Name, Text
from lockgate.language.build import Children, Place, first, of_type, token
from lockgate.language.predicates import Predicate, compile_predicate, joined, negation

if TYPE_CHECKING:
    from lockgate.diagnostics import Diagnostics
    from lockgate.language.build import Rules
    from lockgate.source import Source

VERSION = 1
EVENTS = ("exec", "exit", "kprobe", "tracepoint", "lsm", "uprobe", "usdt", "loader")
FIELDS: dict[str, tuple[str, ...] | None] = {
    "event": EVENTS,
    "binary": None,
    "arguments": None,
    "cwd": None,
    "pid": None,
    "uid": None,
    "auid": None,
    "container": None,
    "unit": None,
    "pod": None,
    "capability": None,
    "parent": None,
    "ancestor": None,
    "policy": None,
    "function": None,
    "action": None,
    "signal": None,
    "status": None,
    "node": None,
    "path": None,
}
"""Fields of an event, and the words of that which has only some."""


def compile_event_filter(source: Source, diagnostics: Diagnostics) -> Predicate | None:
    """Return the predicate of a filter; None where it is mistaken, which is told."""
    predicate = compile_predicate("eventfilter", RULES, source, diagnostics)
    return None if predicate is None else {"version": VERSION, "event": predicate}


def _word(children: Children, place: Place) -> Name | Text:
    """Return a bare word, or what stands in quotes."""
    word = children[0]
    return place.name(word) if word.type == "VALUE" else place.text(word)


def _field(*, is_negated: bool) -> Any:  # noqa: ANN401  # a rule
    def make(children: Children, place: Place) -> Predicate | None:
        key = token(children, "KEY")
        name = str(key)
        if key is None or name not in FIELDS:
            message = f"events have no field {quote(name)}"
            cure = did_you_mean(name, FIELDS) or f"known: {', '.join(FIELDS)}"
            place.refuse("E1841", message, place.span, cure)
            return None
        values: list[Name | Text] = of_type(children, Name, Text)
        for listed in of_type(children, list):
            values += listed
        tests = [_test(name, value, place) for value in values]
        condition = tests[0] if len(tests) == 1 else {"any": tests}
        return {"not": condition} if is_negated else condition

    return make


def _test(field: str, value: Name | Text, place: Place) -> Predicate:
    if isinstance(value, Name):
        words = FIELDS[field]
        if words is not None and value.text not in words:
            message = f"{quote(value.text)} is no {field}"
            cure = did_you_mean(value.text, words) or f"known: {', '.join(words)}"
            place.refuse("E1841", message, value.span, cure)
        return {"field": field, "in": [value.text]}
    if value.form is Form.REGEX:
        return {"field": field, "regex": value.value}
    if value.form is Form.GLOB:
        return {"field": field, "like": [value.value]}
    return {"field": field, "in": [value.value]}


RULES: Rules = {
    "start": lambda children, place: first(children, dict),
    "any_of": joined("any"),
    "all_of": joined("all"),
    "negation": negation,
    "word": _word,
    "word_set": lambda children, place: of_type(children, Name, Text),
    "field_is": _field(is_negated=False),
    "field_is_not": _field(is_negated=True),
}

"""Conditions of traces as filters of selectors: comparisons, and functions that are true or false.

What no operator of the API says is an error at its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from lockgate.diagnostics import did_you_mean, quote
from lockgate.ir.tracing_selectors import CapabilitySet, Namespace
from lockgate.language.ast import Form, Text
from lockgate.language.ast_traces import Call, Field, Number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lockgate.diagnostics import Diagnostics
    from lockgate.language.ast_traces import Comparison, Predicate, Value
    from lockgate.source import Span

OPPOSITES = {
    "Equal": "NotEqual",
    "Prefix": "NotPrefix",
    "Postfix": "NotPostfix",
    "InRange": "NotInRange",
    "SPort": "NotSPort",
    "DPort": "NotDPort",
    "SPortPriv": "NotSportPriv",
    "DPortPriv": "NotDPortPriv",
    "SAddr": "NotSAddr",
    "DAddr": "NotDAddr",
    "FileType": "NotFileType",
    "In": "NotIn",
}
"""Each operator that has one, and the operator that says the opposite."""

_TEXTS = {"path": "Equal", "name": "Equal"}
_READINGS = {
    "sport": "SPort",
    "dport": "DPort",
    "saddr": "SAddr",
    "daddr": "DAddr",
    "protocol": "Protocol",
    "family": "Family",
    "state": "State",
    "type": "FileType",
}
_TESTS = {
    "contains": "SubString",
    "contains_ignoring_case": "SubStringIgnCase",
    "mask": "Mask",
    "between": "InRange",
    "sport_privileged": "SPortPriv",
    "dport_privileged": "DPortPriv",
    "capabilities_gained": "CapabilitiesGained",
}
FUNCTIONS = (*_TEXTS, *_READINGS, *_TESTS)
"""What can stand before parentheses in a predicate."""

BINARIES = {
    ("process", "binary"): ("matchBinaries", {}),
    ("process", "lineage", "binary"): ("matchBinaries", {"followChildren": True}),
    ("process", "parent", "binary"): ("matchParentBinaries", {}),
    ("process", "parent", "lineage", "binary"): (
        "matchParentBinaries",
        {"followChildren": True},
    ),
}
PIDS = {
    ("process", "pid"): {},
    ("process", "lineage", "pid"): {"followForks": True},
    ("process", "namespace_pid"): {"isNamespacePID": True},
    ("process", "lineage", "namespace_pid"): {
        "isNamespacePID": True,
        "followForks": True,
    },
}
CAPABILITIES = {
    "caps": ("matchCapabilities", {}),
    "namespace_caps": ("matchCapabilities", {"isNamespaceCapability": True}),
    "changed_caps": ("matchCapabilityChanges", {}),
}
SETS = {kind.value.lower(): kind.value for kind in CapabilitySet}
NAMESPACES = {kind.name.lower(): kind.value for kind in Namespace}
FIELDS = (
    *(".".join(path) for path in (*BINARIES, *PIDS)),
    *(f"process.{word}.{kind}" for word in CAPABILITIES for kind in SETS),
    *(f"process.ns.{name}" for name in NAMESPACES),
    "process.changed_ns",
)
"""What predicates can ask of the process."""

_MIRRORED = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "=="} | {
    "in": "not in",
    "not in": "in",
}


class Place(NamedTuple):
    """Which list of filters is about a value, and the fields that say which value."""

    section: str
    about: Mapping[str, object]


@dataclass(frozen=True)
class Filter:
    """One filter: an item of ``section``, with the values and where each stands."""

    section: str
    operator: str
    values: tuple[tuple[str, Span], ...]
    fields: tuple[tuple[str, object], ...]
    span: Span


Conjunction = tuple[Filter, ...]


class Refused(Exception):  # noqa: N818  # it is a decision, told already
    """A predicate that was reported as one that cannot be said."""


class FilterReader:
    """Reads the conditions of one probe; ``places`` are its values by name."""

    def __init__(self, places: Mapping[str, Place], diagnostics: Diagnostics) -> None:
        self._places = places
        self._diagnostics = diagnostics

    def refuse(
        self, message: str, at: Predicate | Value, cure: str | None = None
    ) -> Refused:
        """Tell that something cannot be said, and return what is to be raised."""
        self._diagnostics.error("E1821", message, at.span, help=cure)
        return Refused()

    # ------------------------------------------------------------ comparisons

    def compare(self, comparison: Comparison, *, is_negated: bool) -> list[Conjunction]:
        """Return the alternatives that a comparison comes to."""
        operator, left = comparison.operator, comparison.left
        if is_negated:
            operator = _MIRRORED[operator]
        if isinstance(left, Number | Text):
            cure = "write the value that is read first: path(f) == ..."
            raise self.refuse("a literal stands on the left", left, cure)
        for value in comparison.right:
            if not isinstance(value, Number | Text):
                cure = "compare with a number or a text"
                raise self.refuse("the kernel compares with literals only", value, cure)
        if isinstance(left, Field) and left.path[0] == "process":
            return self._ask_process(left, operator, comparison)
        place, word = self._value(left)
        if operator in ("<", "<=", ">", ">="):
            return self._order(place, word, operator, comparison)
        values = comparison.right
        negative = operator in ("!=", "not in")
        if word != "Equal":
            texts = tuple((_spell(value, word), value.span) for value in values)
            return [(self._filter(place, word, texts, comparison.span, negative),)]
        return self._texts(place, values, comparison.span, negative, {"Equal": "Equal"})

    def _value(self, value: Value) -> tuple[Place, str]:
        """Return which value is meant, and by which operator it is asked."""
        if isinstance(value, Call):
            name = value.function.text
            word = _TEXTS.get(name) or _READINGS.get(name)
            if word is None:
                hint = did_you_mean(name, FUNCTIONS)
                cure = hint or f"functions: {', '.join(sorted(FUNCTIONS))}"
                raise self.refuse(f"there is no function {quote(name)}", value, cure)
            return self._named(self._only(value)), word
        assert isinstance(value, Field)  # noqa: S101  # literals were refused before
        return self._named(value), "Equal"

    def _only(self, call: Call) -> Value:
        if len(call.arguments) != 1:
            message = f"{call.function.text}() takes one value"
            raise self.refuse(message, call)
        return call.arguments[0]

    def _named(self, value: Value) -> Place:
        if not isinstance(value, Field):
            raise self.refuse("here a parameter of the probe is wanted", value)
        if len(value.path) > 1:
            name = ".".join(value.path)
            cure = f"read it as a parameter: (x: int = arg0.{'.'.join(value.path[1:])})"
            if value.path[0] == "process":
                cure = did_you_mean(name, FIELDS) or f"fields: {', '.join(FIELDS[:6])}"
            raise self.refuse(f"{quote(name)} is no parameter", value, cure)
        place = self._places.get(value.path[0])
        if place is None:
            cure = did_you_mean(value.path[0], self._places) or (
                "parameters stand in the parentheses after the function: (f: file)"
            )
            message = f"there is no parameter {quote(value.path[0])}"
            raise self.refuse(message, value, cure)
        return place

    def _texts(
        self,
        place: Place,
        values: Sequence[Value],
        span: Span,
        is_negative: bool,
        spelled: Mapping[str, str],
    ) -> list[Conjunction]:
        """Return filters on texts and numbers: one for each way to compare."""
        found: dict[str, list[tuple[str, Span]]] = {}
        for value in values:
            word, text = self._glob(value)
            found.setdefault(spelled.get(word, word), []).append((text, value.span))
        filters = [
            self._filter(place, word, tuple(texts), span, is_negative)
            for word, texts in found.items()
        ]
        return [tuple(filters)] if is_negative else [(one,) for one in filters]

    def _glob(self, value: Value) -> tuple[str, str]:
        if isinstance(value, Number):
            return "Equal", str(value.value)
        assert isinstance(value, Text)  # noqa: S101  # literals are numbers or texts
        text = value.value
        inner = text.strip("*")
        if value.form is Form.REGEX:
            cure = 'write a text, with * at its ends: "/etc/*"'
            raise self.refuse("a kernel judges no regular expressions", value, cure)
        if value.form is Form.PLAIN:
            return "Equal", text
        if "*" in inner or not inner:
            cure = 'one * at the beginning, the end, or both: "/etc/*", "*.so", "*tmp*"'
            raise self.refuse(f"{quote(text)} cannot be compared so", value, cure)
        if text.startswith("*"):
            return ("SubString" if text.endswith("*") else "Postfix"), inner
        return "Prefix", inner

    def _order(
        self, place: Place, word: str, operator: str, at: Comparison
    ) -> list[Conjunction]:
        value = at.right[0]
        if not isinstance(value, Number) or word != "Equal":
            message = "< and > compare numbers"
            cure = 'ranges of ports are texts: dport(s) in {"8000:8010"}'
            raise self.refuse(message, value, cure)
        number = value.value + {"<=": 1, ">=": -1}.get(operator, 0)
        name = "LessThan" if operator[0] == "<" else "GreaterThan"
        values = ((str(number), value.span),)
        return [(self._filter(place, name, values, at.span, False),)]

    def _filter(
        self,
        place: Place,
        word: str,
        values: tuple[tuple[str, Span], ...],
        span: Span,
        is_negative: bool,
    ) -> Filter:
        if is_negative:
            opposite = OPPOSITES.get(word)
            if opposite is None:
                message = f"no operator says the opposite of {word}"
                cure = (
                    "write the cases that are meant, or an earlier `where ... => silent`: "
                    "the first that holds acts"
                )
                self._diagnostics.error("E1821", message, span, help=cure)
                raise Refused
            word = opposite
        return Filter(place.section, word, values, tuple(place.about.items()), span)

    # ------------------------------------------------------------ calls

    def test(self, call: Call, *, is_negated: bool) -> list[Conjunction]:
        """Return the filter that a function comes to which is true or false."""
        name = call.function.text
        word = _TESTS.get(name)
        if word is None:
            if name in _TEXTS or name in _READINGS:
                raise self.refuse(
                    "a value alone is no condition",
                    call,
                    f"compare it: {name}(x) == ...",
                )
            cure = did_you_mean(name, FUNCTIONS)
            raise self.refuse(f"there is no function {quote(name)}", call, cure)
        subjects = 2 if word == "CapabilitiesGained" else 1
        least = subjects + (0 if word.endswith(("Priv", "Gained")) else 1)
        if len(call.arguments) < least or (least == subjects < len(call.arguments)):
            message = f"{name}() takes {least} values{' or more' * (least > subjects)}"
            raise self.refuse(message, call)
        places = [self._named(value) for value in call.arguments[:subjects]]
        rest = call.arguments[subjects:]
        texts = tuple((self._literal(value), value.span) for value in rest)
        if word == "InRange":
            if len(texts) != 2:
                raise self.refuse("between() takes a value and two numbers", call)
            texts = ((f"{texts[0][0]}:{texts[1][0]}", rest[0].span),)
        place = places[0]
        if subjects == 2:
            place = place._replace(about={"args": [p.about["place"] for p in places]})
        return [(self._filter(place, word, texts, call.span, is_negated),)]

    def _literal(self, value: Value) -> str:
        if isinstance(value, Number):
            return str(value.value)
        if isinstance(value, Text) and value.form is not Form.REGEX:
            return value.value
        raise self.refuse("here a number or a text is wanted", value)

    # ------------------------------------------------------------ the process

    def _ask_process(
        self, left: Field, operator: str, at: Comparison
    ) -> list[Conjunction]:
        path = left.path
        if operator not in ("==", "!=", "in", "not in"):
            message = "what a process is can only be equal or not"
            raise self.refuse(message, at, "use ==, !=, in or not in")
        negative = operator in ("!=", "not in")
        if path in BINARIES:
            section, about = BINARIES[path]
            words = {"Equal": "In"}
            return self._texts(
                Place(section, about), at.right, at.span, negative, words
            )
        values = tuple((self._literal(value), value.span) for value in at.right)
        if path in PIDS:
            place = Place("matchPIDs", PIDS[path])
        elif len(path) == 3 and path[1] in CAPABILITIES and path[2] in SETS:
            section, about = CAPABILITIES[path[1]]
            place = Place(section, {"type": SETS[path[2]], **about})
        elif len(path) == 3 and path[1] == "ns" and path[2] in NAMESPACES:
            place = Place("matchNamespaces", {"namespace": NAMESPACES[path[2]]})
            values = tuple(
                ("host_ns" if text == "host" else text, span) for text, span in values
            )
        elif path == ("process", "changed_ns"):
            place = Place("matchNamespaceChanges", {})
            values = tuple((NAMESPACES.get(t, t), span) for t, span in values)
        else:
            name = ".".join(path)
            cure = did_you_mean(name, FIELDS) or f"fields: {', '.join(FIELDS)}"
            raise self.refuse(f"a process has no field {quote(name)}", left, cure)
        return [(self._filter(place, "In", values, at.span, negative),)]


def _spell(value: Value, word: str) -> str:
    """Return a literal as the API spells it: protocols, families and states have prefixes."""
    if isinstance(value, Number):
        return str(value.value)
    assert isinstance(value, Text)  # noqa: S101  # literals are numbers or texts
    prefix = {"Protocol": "IPPROTO_", "Family": "AF_", "State": "TCP_"}.get(word, "")
    text = value.value
    if prefix and text.islower():
        return f"{prefix}{text.upper()}"
    return text

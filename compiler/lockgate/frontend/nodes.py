"""Located YAML and JSON: a tree in which every key and value knows its span.

A scalar keeps its text and whether it stood in quotes.  What type a plain scalar has is
decided by what is wanted of it (``schema.py``), so that YAML 1.1's surprises (``on``,
``0o17``, ``22:22``) meet the reader as diagnostics and never as silent conversions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from lockgate.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
TRUES = frozenset({"true", "True", "TRUE"})
FALSES = frozenset({"false", "False", "FALSE"})
YES = frozenset({"yes", "Yes", "YES", "on", "On", "ON"})
NO = frozenset({"no", "No", "NO", "off", "Off", "OFF"})

INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
NUMBER_ELSEWHERE = re.compile(
    r"[-+]?(?:0[xX][0-9a-fA-F_]+|0[oO]?[0-7_]+|0[bB][01_]+|[0-9][0-9_]*"
    r"|(?:[0-9][0-9_]*)?\.[0-9_]+(?:[eE][-+]?[0-9]+)?"
    r"|[0-9][0-9_]*\.?(?:[eE][-+]?[0-9]+)?|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)"
)
"""What some YAML reader takes for a number although JSON would not write it so."""


class Node:
    """A part of a document: half-open character offsets in its source."""

    __slots__ = ("end", "source", "start")

    def __init__(self, source: Source, start: int, end: int) -> None:
        self.source = source
        self.start = start
        self.end = end

    @property
    def span(self) -> Span:
        """Where it stands."""
        return Span(self.source, self.start, self.end)

    @property
    def type_name(self) -> str:
        """What a message calls it."""
        raise TypeError(f"{type(self).__name__} is neither scalar, list nor mapping")

    @property
    def is_null(self) -> bool:
        """Whether it is ``null``, which for Kubernetes means that the field is absent."""
        return False


class Scalar(Node):
    """A scalar as written; ``is_plain`` says that no quotes or block made it a string."""

    __slots__ = ("is_plain", "text")

    def __init__(
        self, source: Source, start: int, end: int, text: str, is_plain: bool
    ) -> None:
        self.source = source
        self.start = start
        self.end = end
        self.text = text
        self.is_plain = is_plain

    @property
    def is_null(self) -> bool:
        """Whether it is ``null``, ``~`` or nothing at all."""
        return self.is_plain and self.text in NULLS

    @property
    def type_name(self) -> str:
        """What a message calls it."""
        if not self.is_plain:
            return "a string"
        if self.text in NULLS:
            return "null"
        if self.text in TRUES or self.text in FALSES:
            return "a boolean"
        return "a number" if NUMBER.fullmatch(self.text) else "a string"


class Sequence(Node):
    """A list."""

    __slots__ = ("items",)

    def __init__(
        self, source: Source, start: int, end: int, items: tuple[Node, ...]
    ) -> None:
        self.source = source
        self.start = start
        self.end = end
        self.items = items

    @property
    def type_name(self) -> str:
        """What a message calls it."""
        return "a list"


class Entry(NamedTuple):
    """One key of a mapping and its value."""

    key: Scalar
    value: Node


class Mapping(Node):
    """A mapping; keys are strings as written, in the order of the document."""

    __slots__ = ("entries",)

    def __init__(
        self, source: Source, start: int, end: int, entries: dict[str, Entry]
    ) -> None:
        self.source = source
        self.start = start
        self.end = end
        self.entries = entries

    @property
    def type_name(self) -> str:
        """What a message calls it."""
        return "a mapping"

    def get(self, name: str) -> Node | None:
        """Return the value of one key; None where it is absent or null."""
        entry = self.entries.get(name)
        return None if entry is None or entry.value.is_null else entry.value

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries.values())


def plain_value(node: Node) -> object:
    """Return what JSON would hold: the form in which snapshot objects are read."""
    if isinstance(node, Mapping):
        return {name: plain_value(entry.value) for name, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain_value(item) for item in node.items]
    assert isinstance(node, Scalar)  # noqa: S101  # there are three kinds of node
    text = node.text
    if not node.is_plain:
        return text
    if text in NULLS:
        return None
    if text in TRUES or text in FALSES:
        return text in TRUES
    if NUMBER.fullmatch(text):
        return int(text) if len(text) < 20 and INTEGER.fullmatch(text) else float(text)
    return text

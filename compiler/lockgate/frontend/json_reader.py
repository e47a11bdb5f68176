"""JSON text to located nodes.

The standard library's C scanner reads values fast and without positions; that is enough
for a snapshot.  ``read_json`` here is for the objects whose positions are wanted:
policies, and whatever a diagnostic speaks of.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NoReturn

from lockgate.diagnostics import Diagnostics, quote
from lockgate.frontend.nodes import Entry, Mapping, Node, Scalar, Sequence
from lockgate.frontend.yaml_reader import DEEPEST
from lockgate.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Callable

_SPACE = re.compile(r"[ \t\n\r]*")
_WORD = re.compile(
    r"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
)
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""An escape that stands for half a character; two of them make one."""

_HALF = re.compile("[\ud800-\udfff]")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')


class _SyntaxError(Exception):
    """The text is no JSON at this offset."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


def read_json(
    source: Source, diagnostics: Diagnostics, offset: int = 0
) -> tuple[Node, int] | None:
    """Read one value from ``offset``; return it and where it ends, None on a mistake.

    There is no value where nothing but white space is left: that too is None.
    """
    reader = _Reader(source, diagnostics)
    text = source.text
    start = skip_space(text, offset)
    if start == len(text):
        return None
    try:
        return reader.value(start, 0)
    except _SyntaxError as error:
        report_syntax(source, str(error), error.offset, diagnostics)
        return None


def skip_space(text: str, offset: int) -> int:
    """Return where the next token begins."""
    match = _SPACE.match(text, offset)
    return match.end() if match else offset


def report_syntax(
    source: Source, message: str, offset: int, diagnostics: Diagnostics
) -> None:
    """Say that a text is no JSON, and where."""
    span = Span(source, offset, offset + 1)
    diagnostics.error("E1003", f"JSON syntax: {message}", span)


class _Reader:
    """One pass over a text; each method returns a node and the offset after it."""

    def __init__(self, source: Source, diagnostics: Diagnostics) -> None:
        self.source = source
        self.text = source.text
        self.diagnostics = diagnostics

    def value(self, offset: int, depth: int) -> tuple[Node, int]:
        first = self.text[offset : offset + 1]
        if first == '"':
            return self._string(offset)
        if first in ("{", "["):
            if depth >= DEEPEST:
                self._fail(f"nested deeper than {DEEPEST} levels", offset)
            read = self._mapping if first == "{" else self._sequence
            return read(offset, depth + 1)
        match = _WORD.match(self.text, offset)
        if match is None:
            self._fail("a value is expected here", offset)
        end = match.end()
        return Scalar(self.source, offset, end, match[0], True), end

    def _string(self, offset: int) -> tuple[Scalar, int]:
        match = _STRING.match(self.text, offset)
        if match is None:
            self._fail("a string in double quotes is expected here", offset)
        text, end = match[0], match.end()
        value = json.loads(text) if "\\" in text else text[1:-1]
        if _HALF.search(value):
            self._fail(
                "an escape stands for half a character (a lone surrogate)", offset
            )
        return Scalar(self.source, offset, end, value, False), end

    def _sequence(self, start: int, depth: int) -> tuple[Node, int]:
        items: list[Node] = []

        def read_item(offset: int) -> int:
            item, end = self.value(offset, depth)
            items.append(item)
            return end

        end = self._members(start, "]", read_item)
        return Sequence(self.source, start, end, tuple(items)), end

    def _mapping(self, start: int, depth: int) -> tuple[Node, int]:
        entries: dict[str, Entry] = {}

        def read_entry(offset: int) -> int:
            key, end = self._string(offset)
            end = self._expect(":", end)
            value, end = self.value(end, depth)
            first = entries.setdefault(key.text, Entry(key, value))
            if first.key is not key:
                message = f"key {quote(key.text)} stands twice in one mapping"
                related = ((first.key.span, "first here"),)
                diagnostics = self.diagnostics
                diagnostics.error("E1008", message, key.span, related=related)
            return end

        end = self._members(start, "}", read_entry)
        return Mapping(self.source, start, end, entries), end

    def _members(
        self, start: int, closing: str, read_member: Callable[[int], int]
    ) -> int:
        offset = skip_space(self.text, start + 1)
        if self.text[offset : offset + 1] == closing:
            return offset + 1
        while True:
            offset = skip_space(self.text, read_member(offset))
            if self.text[offset : offset + 1] == closing:
                return offset + 1
            if self.text[offset : offset + 1] != ",":
                self._fail(f"',' or '{closing}' is expected here", offset)
            offset = skip_space(self.text, offset + 1)

    def _expect(self, token: str, offset: int) -> int:
        offset = skip_space(self.text, offset)
        if not self.text.startswith(token, offset):
            self._fail(f"'{token}' is expected here", offset)
        return skip_space(self.text, offset + len(token))

    def _fail(self, message: str, offset: int) -> NoReturn:
        raise _SyntaxError(message, offset)

"""A line of the user's text on a terminal: what a diagnostic quotes, and made harmless.

Files come from anywhere.  Control characters (a terminal obeys escape codes), characters
that reorder text, and lines of a megabyte must not reach the terminal as they are.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockgate.source import Span

WIDTH = 100
"""Most characters of a line that are shown."""

_BEFORE = 40
"""Characters shown before the marked ones where the line is too long."""

_TAB = "    "
_CUT = "..."


def printable(text: str) -> str:
    """Replace what a terminal would obey by a picture of it."""
    if text.isprintable():
        return text
    return "".join(map(_printable_character, text))


def excerpt(span: Span) -> tuple[str, str]:
    """Return the line that a span begins in, and a line of marks below its characters."""
    line, column = span.source.position(span.start)
    text = span.source.line(line)
    indent = 0
    if line == span.source.first_line:
        indent = span.source.first_column - 1
    begin = column - 1 - indent
    marked = max(1, min(span.end - span.start, len(text) - begin))
    first = 0
    if indent + len(text) > WIDTH:
        first = max(0, begin - _BEFORE)
    last = first + WIDTH - min(indent, _BEFORE)
    lead = " " * indent if indent <= _BEFORE and first == 0 else _CUT
    if first > 0:
        lead = _CUT
    lead = lead if indent or first else ""
    shown = text[first:last]
    before = lead + _cells(shown[: begin - first])
    under = _cells(shown[begin - first : begin - first + marked])
    rest = _cells(shown[begin - first + marked :])
    tail = _CUT if last < len(text) else ""
    marks = " " * _width(before) + "^" * max(1, _width(under))
    return (before + under + rest + tail).rstrip(), marks


def _cells(text: str) -> str:
    return printable(text.replace("\t", _TAB))


def _printable_character(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return " " if unicodedata.category(character) == "Zs" else "\ufffd"


def _width(text: str) -> int:
    """Count the cells that a terminal gives to a text."""
    if text.isascii():
        return len(text)
    return sum(map(_character_width, text))


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1

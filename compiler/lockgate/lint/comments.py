"""Exceptions beside what they except: ``# lockgate: ignore[NAME] until DATE: reason``.

At the end of a line a comment is about that line; on a line of its own about the block that
begins below it, and before the first line of an object about the whole object.  A file of
YAML has one object a document, one of the native language as many as it has blocks.  Readers
of YAML keep no comments, so they are looked for in the text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from lockgate.frontend.inputs import MODELINE, NATIVE
from lockgate.lint.config import find_codes, may_change, read_date
from lockgate.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from lockgate.source import Source

_MARK = "lockgate:"
_MODELINE = MODELINE.decode()
_COMMENT = re.compile(r"(?:^|(?<=[ \t]))#[ \t]*lockgate:[^\r\n]*", re.MULTILINE)
_UNREAD = re.compile(r'"(?:\\.|[^"\\])*"|#.*')
"""What holds no brace of the native language: text in quotes, and comments."""
_IGNORE = re.compile(
    r"#\s*lockgate:\s*ignore\[(?P<names>[^\]]*)\]"
    r"(?:\s+until\s+(?P<until>[^\s:]+))?\s*(?::\s*(?P<reason>.*?))?\s*"
)


class Ignore(NamedTuple):
    """One comment, and the lines of the file (first to last) that it is about.

    ``fault`` says why it has no effect, if so.
    """

    span: Span
    first: int
    last: int
    codes: frozenset[str]
    until: date | None
    reason: str
    names: str
    fault: str | None = None

    def concerns(self, code: str, span: Span | None) -> bool:
        """Whether it is about a finding with this code at this place."""
        return (
            self.fault is None
            and code in self.codes
            and span is not None
            and span.source.name == self.span.source.name
            and self.first <= span.line <= self.last
        )


def find_ignores(sources: Iterable[Source]) -> list[Ignore]:
    """Return the comments of some documents, in their order."""
    found: list[Ignore] = []
    for source in sources:
        text = source.text
        if _MARK in text:
            found += _find(source, text)
    return found


def _find(source: Source, text: str) -> Iterator[Ignore]:
    lines = text.split("\n")
    is_native = source.name.endswith(NATIVE) or text.startswith(_MODELINE)
    for match in _COMMENT.finditer(text):
        if is_native and match[0].rstrip() == _MODELINE:
            continue  # it says which language this is
        span = Span(source, *match.span())
        index = text.count("\n", 0, match.start())
        first, last = _scope(lines, index, is_native=is_native)
        base = source.first_line
        yield _read(match[0], span, base + first, base + last)


def _read(comment: str, span: Span, first: int, last: int) -> Ignore:
    match = _IGNORE.fullmatch(comment)
    if match is None:
        form = "write '# lockgate: ignore[NAME] until 2027-01-31: reason'"
        return Ignore(span, first, last, frozenset(), None, "", "", form)
    names = [name.strip() for name in match["names"].split(",")]
    codes: frozenset[str] = frozenset()
    fault: str | None = None
    for name in names:
        meant = find_codes(name)
        changeable = frozenset(code for code in meant if may_change(code))
        if not meant:
            fault = f"no finding is called '{name}'"
        elif not changeable:
            fault = f"{name} is an error of the compiler, which refuses it anyway"
        codes |= changeable
    until = None
    if match["until"] is not None:
        until = read_date(match["until"])
        if until is None:
            fault = f"'{match['until']}' is not a date such as 2027-01-31"
    reason = match["reason"] or ""
    return Ignore(span, first, last, codes, until, reason, ", ".join(names), fault)


# ---------------------------------------------------------------- which lines


def _scope(lines: list[str], index: int, *, is_native: bool) -> tuple[int, int]:
    """Return the first and the last line (from 0) that the comment of a line is about."""
    if lines[index].split("#", 1)[0].strip():
        return index, index
    start = _next_content(lines, index + 1)
    if start is None:
        return index, index
    if is_native:
        return start, _end_of_braces(lines, start)
    if _next_content(lines, 0) == start:
        return start, len(lines) - 1
    depth, is_item = _indent(lines[start])
    end = start
    for number in range(start + 1, len(lines)):
        if not _is_content(lines[number]):
            continue
        here, item = _indent(lines[number])
        # A list may stand as deep as the key whose value it is.
        if here > depth or (here == depth and item and not is_item):
            end = number
        else:
            break
    return start, end


def _end_of_braces(lines: list[str], start: int) -> int:
    """Return the line in which the braces are closed that a line opens; itself if none."""
    depth = 0
    for number in range(start, len(lines)):
        text = _UNREAD.sub("", lines[number])
        depth += text.count("{") - text.count("}")
        if depth <= 0:
            return number
    return len(lines) - 1


def _next_content(lines: list[str], start: int) -> int | None:
    return next((i for i in range(start, len(lines)) if _is_content(lines[i])), None)


def _is_content(line: str) -> bool:
    text = line.strip()
    return bool(text) and text[0] != "#" and not text.startswith(("---", "%"))


def _indent(line: str) -> tuple[int, bool]:
    text = line.lstrip(" ")
    return len(line) - len(text), text.startswith(("- ", "-\n")) or text.strip() == "-"

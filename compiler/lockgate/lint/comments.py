"""Exceptions beside what they except: ``# lockgate: ignore[NAME] until DATE: reason``.

``error``, ``warning`` or ``note`` in the place of ``ignore`` give the finding that severity.

At the end of a line a comment is about that line; on a line of its own about the block that
begins below it, and before the first line of an object about the whole object.  A file of
YAML has one object a document, one of the native language as many as it has blocks.  Only
comments count: the same characters in a string or a block of text are text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from lockgate.diagnostics import did_you_mean
from lockgate.findings import Level
from lockgate.frontend.inputs import MODELINE, NATIVE
from lockgate.frontend.yaml_reader import find_yaml_comments
from lockgate.lint.config import find_codes, may_change, read_date
from lockgate.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from lockgate.source import Source

IGNORE = "ignore"
LEVELS = {level.value: level for level in (Level.ERROR, Level.WARNING, Level.NOTE)} | {
    IGNORE: None
}
"""What a comment can make of a finding: a severity, or nothing."""

_MODELINE = MODELINE.decode()
_MARK = re.compile(r"(?:^|(?<=[ \t]))#[ \t]*lockgate:[^\r\n]*")
_ANYWHERE = re.compile(r"#[ \t]*lockgate:")
_UNREAD = re.compile(r'"(?:\\.|[^"\\\n])*"|#[^\n]*')
"""What holds no word of the native language: text in quotes, and comments."""
_FORM = re.compile(
    r"#\s*lockgate:\s*(?P<level>[a-z]+)\[(?P<names>[^\]]*)\]"
    r"(?:\s+until\s+(?P<until>[^\s:]+))?\s*(?::\s*(?P<reason>.*?))?\s*"
)


class Comment(NamedTuple):
    """One comment, and the lines of the file (first to last) that it is about.

    ``word`` is what it makes of the findings ``codes`` (a key of ``LEVELS``), ``names`` how
    it calls them.  ``fault`` says why it has no effect, if so.
    """

    span: Span
    first: int
    last: int
    word: str = IGNORE
    codes: frozenset[str] = frozenset()
    until: date | None = None
    reason: str = ""
    names: str = ""
    fault: str | None = None

    @property
    def level(self) -> Level | None:
        """The severity that it gives; None where it ignores."""
        return LEVELS[self.word]

    @property
    def lines(self) -> int:
        """How many lines it is about: of two comments, the one about fewer is nearer."""
        return self.last - self.first + 1

    def concerns(self, code: str, span: Span | None) -> bool:
        """Whether it is about a finding with this code at this place."""
        return (
            self.fault is None
            and code in self.codes
            and span is not None
            and span.source.name == self.span.source.name
            and self.first <= span.line <= self.last
        )


def find_comments(sources: Iterable[Source]) -> list[Comment]:
    """Return the comments of some documents that speak to lint, in their order."""
    found: list[Comment] = []
    for source in sources:
        text = source.text
        if _ANYWHERE.search(text):
            found += _find(source, text)
    return found


def _find(source: Source, text: str) -> Iterator[Comment]:
    lines = text.split("\n")
    is_native = source.name.endswith(NATIVE) or text.startswith(_MODELINE)
    places = _native_comments(text) if is_native else find_yaml_comments(text)
    for start, end in places:
        match = _MARK.search(text[start:end])
        if match is None:
            continue
        if is_native and match[0].rstrip() == _MODELINE:
            continue  # it says which language this is
        line = text.rfind("\n", 0, start) + 1
        is_behind = bool(text[line:start].strip())
        if match.start() > 0 and not is_behind:
            continue  # a line that was commented out, with what stood behind it
        index = text.count("\n", 0, start)
        if is_behind:
            first = last = index
        else:
            first, last = _block_below(lines, index, is_native=is_native)
        base = source.first_line
        span = Span(source, start + match.start(), start + match.end())
        yield _read(match[0], span, base + first, base + last)


def _native_comments(text: str) -> list[tuple[int, int]]:
    return [m.span() for m in _UNREAD.finditer(text) if m[0][0] == "#"]


def _read(text: str, span: Span, first: int, last: int) -> Comment:
    match = _FORM.fullmatch(text)
    if match is None or match["level"] not in LEVELS:
        words = "ignore, error, warning or note"
        form = "write '# lockgate: ignore[NAME] until 2027-01-31: reason'"
        if match is not None:
            near = did_you_mean(match["level"], LEVELS)
            form = f"'{match['level']}' is none of {words}"
            form += f"; {near}" if near else ""
        return Comment(span, first, last, fault=form)
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
    reason, word = match["reason"] or "", match["level"]
    told = ", ".join(names)
    return Comment(span, first, last, word, codes, until, reason, told, fault)


# ---------------------------------------------------------------- which lines


def _block_below(lines: list[str], index: int, *, is_native: bool) -> tuple[int, int]:
    """Return the first and the last line (from 0) of the block that begins below a line."""
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

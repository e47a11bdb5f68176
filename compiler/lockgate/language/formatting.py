"""One form for every file of the language: what ``lockgate fmt`` writes.

Comments stay with what they stand by.  A brace that ends its line keeps its statements on lines
of their own; another stays on one line while it fits.  Formatting twice changes nothing.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from lockgate.language.blocks import split_blocks
from lockgate.language.explain_faults import report_faults
from lockgate.language.hidden import refuse_hidden
from lockgate.language.layout import Braces, Word, read_gap, read_layout
from lockgate.language.reading import MOST_FAULTS, grammar_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.diagnostics import Diagnostics
    from lockgate.language.layout import Comment, Statement
    from lockgate.language.reading import Language
    from lockgate.source import Source

LINE = 96
"""Longest line, in characters, where there is a choice."""

_PIECE = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"|#[^\n]*|\S')
_STEP = 2
_CONTINUATION = 4
_TIGHT_BEFORE = frozenset({"COMMA", "COLON", "RPAR"})
_TIGHT = frozenset({"EQUAL", "UNEQUAL"})
_BREAKS_BEFORE = frozenset({"ON", "WHERE", "ACTS", "LOG", "BY", "AUTHENTICATE"})
_ALWAYS_APART = frozenset({"WHERE", "ACTS"})
_SPELLED = {"!=": "UNEQUAL", "=": "EQUAL", "->": "FLOWS", "=>": "ACTS"}


def format_text(
    source: Source, language: Language, diagnostics: Diagnostics
) -> str | None:
    """Return the text in its form; None where it is no text of the language, which is told."""
    text = source.text
    before = len(diagnostics.found)
    refuse_hidden(source, diagnostics)
    if len(diagnostics.found) > before:
        return None
    chunks = split_blocks(text)
    if not chunks:
        return _only_comments(text)
    lines: list[str] = []
    position = 0
    is_good = True
    for chunk in chunks:
        block = text[chunk.start : chunk.end]
        grammar = grammar_of(block, language)
        parsed = grammar.parse(block)
        report_faults(grammar, parsed, source, chunk, diagnostics)
        if parsed.faults or parsed.tree is None:
            is_good = False
            if len(diagnostics.found) >= MOST_FAULTS:
                return None
            continue
        _add_between(lines, text[position : chunk.start])
        lines += _Printer().block(read_layout(block, parsed.tokens))
        position = chunk.end
    _add_between(lines, text[position:], is_last=True)
    if not is_good:
        return None
    formatted = "".join(f"{line}\n" for line in lines)
    assert _said(formatted) == _said(text), "formatting changed what is said"  # noqa: S101
    return formatted


def _said(text: str) -> list[str]:
    """Return everything but blanks: texts, comments and the rest by character."""
    return [piece.rstrip() for piece in _PIECE.findall(text)]


def _only_comments(text: str) -> str:
    lines: list[str] = []
    _add_between(lines, text, is_last=True)
    return "".join(f"{line}\n" for line in lines)


def _add_between(lines: list[str], gap: str, *, is_last: bool = False) -> None:
    """Add the comments between two blocks, and one blank line at least."""
    trailing, comments, is_blank = read_gap(gap)
    is_first = not lines
    if trailing is not None:
        if is_first:
            lines.append(trailing)
        else:
            lines[-1] += f"  {trailing}"
    for i, comment in enumerate(comments):
        if lines and (comment.follows_blank or (i == 0 and not is_first)):
            lines.append("")
        lines.append(comment.text)
    if is_last:
        return
    if lines and (is_blank or not (comments or (is_first and trailing))):
        lines.append("")


class _Printer:
    """Prints one block."""

    def block(self, statement: Statement) -> list[str]:
        """Return the lines of a block."""
        return list(self._statement(statement, 0))

    def _statement(self, statement: Statement, indent: int) -> Iterator[str]:
        """Yield the lines of a statement, in one line where that is possible."""
        line = _one_line(statement)
        if line is not None and indent + len(line) <= LINE:
            tail = _last_word(statement).after
            yield f"{' ' * indent}{line}" + (f"  {tail}" if tail else "")
            return
        writer = _Writer(indent)
        for element in statement:
            if isinstance(element, Word):
                writer.add(element)
                continue
            flat = _one_line([element])
            if flat is not None and writer.fits(flat) and not element.closing.after:
                writer.add(Word("BRACES", flat))
                continue
            writer.open(element.opening)
            yield from writer.take()
            yield from self._inner(element, indent + _STEP)
            writer = _Writer(indent)
            writer.close(element.closing)
        yield from writer.take()

    def _inner(self, braces: Braces, indent: int) -> Iterator[str]:
        is_first = True
        for statement in braces.statements:
            first = _first_word(statement)
            yield from _comments(first.before, indent, is_first=is_first)
            if first.follows_blank and not (is_first and not first.before):
                yield ""
            first.before = []
            yield from self._statement(statement, indent)
            is_first = False
        yield from _comments(braces.closing.before, indent, is_first=is_first)


class _Writer:
    """Fills lines with words; the second line and those after it are indented further."""

    def __init__(self, indent: int) -> None:
        self._indent = indent
        self._lines: list[str] = []
        self._line = ""
        self._previous: Word | None = None
        self._depth = 0
        self._must_break = False

    def take(self) -> Iterator[str]:
        """Yield the lines that are there."""
        if self._line:
            self._lines.append(self._line)
        yield from self._lines
        self._lines, self._line = [], ""

    def fits(self, text: str) -> bool:
        """Whether this still fits into the line, with a blank before it."""
        return len(self._line) + 1 + len(text) <= LINE

    def add(self, word: Word) -> None:
        """Add a word, on a new line where a comment or the length asks for it."""
        for comment in word.before:
            self._break()
            self._line = f"{self._margin()}{comment.text}"
            self._must_break = True
        space = _space(self._previous, word)
        if self._must_break or (
            self._may_break(word) and not self.fits(self._ahead(word))
        ):
            self._break()
        if not self._line:
            self._line = f"{self._margin()}{word.text}"
        else:
            self._line += f"{space}{word.text}"
        self._end(word)

    def open(self, brace: Word) -> None:
        """Add a brace whose statements come on lines of their own."""
        for comment in brace.before:
            self._break()
            self._line = f"{self._margin()}{comment.text}"
            self._must_break = True
        if self._must_break:
            self._break()
        self._line = f"{self._line} {{" if self._line else f"{self._margin()}{{"
        self._end(brace)

    def close(self, brace: Word) -> None:
        """Begin with the closing brace of such statements."""
        self._line = f"{' ' * self._indent}}}"
        self._end(brace)

    def _end(self, word: Word) -> None:
        if word.text == "{" and word.type == "LBRACE":
            self._depth += 1
        elif word.type == "RBRACE":
            self._depth = max(self._depth - 1, 0)
        self._previous = word
        if word.after is not None:
            self._line += f"  {word.after}"
            self._must_break = True

    def _margin(self) -> str:
        return " " * (self._indent + (_CONTINUATION if self._lines else 0))

    def _break(self) -> None:
        if self._line:
            self._lines.append(self._line)
        self._line = ""
        self._must_break = False

    def _may_break(self, word: Word) -> bool:
        before = self._previous
        if before is None or self._depth:
            return False
        return before.type == "COMMA" or _spelled(word) in _BREAKS_BEFORE

    def _ahead(self, word: Word) -> str:
        """Return what must fit for the word to stay on this line."""
        return "x" * LINE if _spelled(word) in _ALWAYS_APART else word.text


def _one_line(statement: Statement) -> str | None:
    """Return a statement as one line; None where it wants more of them."""
    line = ""
    previous: Word | None = None
    last = _last_word(statement)
    for i, element in enumerate(statement):
        if isinstance(element, Word):
            if (element.before and i) or (element.after and element is not last):
                return None
            line += (
                f"{_space(previous, element)}{element.text}" if line else element.text
            )
            previous = element
            continue
        inner = _one_line_braces(element, is_last=element.closing is last)
        if inner is None:
            return None
        line += f" {inner}" if line else inner
        previous = element.closing
    return line


def _one_line_braces(braces: Braces, *, is_last: bool) -> str | None:
    if braces.opening.is_line_end or braces.opening.has_comment:
        return None
    if braces.closing.before or (braces.closing.after and not is_last):
        return None
    is_block = braces.kind in ("POLICY", "TEST", "TRACE", "SERVICE")
    if is_block and len(braces.statements) > 1:
        return None
    parts = []
    for statement in braces.statements:
        part = _one_line(statement)
        last = _last_word(statement)
        if part is None or last.after or _first_word(statement).before:
            return None
        parts.append(part)
    if not parts:
        return "{ }"
    line = parts[0]
    for before, part in pairwise(parts):
        line += f"{' ' if before.endswith(',') else '  '}{part}"
    return f"{{ {line} }}"


def _space(previous: Word | None, word: Word) -> str:
    """Return what stands between two words."""
    if previous is None:
        return ""
    kind, before = _spelled(word), _spelled(previous)
    if kind in _TIGHT_BEFORE or kind in _TIGHT or before in _TIGHT:
        return ""
    if before in ("NS_PREFIX", "LPAR") or (before == "LBRACE" or kind == "RBRACE"):
        return ""
    if kind == "LPAR" and before in ("NAME", "CALL", "FUNCTION", "STRING"):
        return ""
    return " "


def _spelled(word: Word) -> str:
    if word.type == "OPERATOR":  # of a predicate: `!=` of a label is another
        return word.type
    return _SPELLED.get(word.text, word.type)


def _comments(comments: list[Comment], indent: int, *, is_first: bool) -> Iterator[str]:
    for i, comment in enumerate(comments):
        if comment.follows_blank and not (is_first and i == 0):
            yield ""
        yield f"{' ' * indent}{comment.text}"


def _first_word(statement: Statement) -> Word:
    first = statement[0]
    return first if isinstance(first, Word) else first.opening


def _last_word(statement: Statement) -> Word:
    last = statement[-1]
    return last if isinstance(last, Word) else last.closing

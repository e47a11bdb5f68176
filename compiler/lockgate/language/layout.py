"""The tokens of a block as statements and braces, each with the comments that go with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockgate.language.grammar import Token

_COMMENT = re.compile(r"#[^\n]*")
_SETS = ("IN", "EXCEPT")
"""What stands before a brace of values; every other brace holds statements."""

_BEGINS = {
    "POLICY": frozenset({"ACTION", "ISOLATE", "AUDIT"}),
    "TEST": frozenset({"EXPECT", "QUANTITY"}),
    "TRACE": frozenset({"ON", "MONITOR"}),
    "SERVICE": frozenset({"LISTEN", "BACKENDS"}),
    "GROUP": frozenset({"PREFIX"}),
    "HTTP": frozenset({"METHOD", "ANY", "METHOD_WORD"}),
    "DNS": frozenset({"STRING", "REGEX"}),
    "TLS": frozenset({"STRING", "REGEX"}),
}
"""For each kind of brace, which terminals begin a statement in it."""


@dataclass(slots=True)
class Comment:
    """A comment on a line of its own, and whether a blank line stands before it."""

    text: str
    follows_blank: bool


@dataclass(slots=True)
class Word:
    """A token; ``before`` are comments on lines of their own, ``after`` one on its line."""

    type: str
    text: str
    before: list[Comment] = field(default_factory=list)
    after: str | None = None
    follows_blank: bool = False
    is_line_end: bool = False

    @property
    def has_comment(self) -> bool:
        """Whether a comment goes with it."""
        return bool(self.before) or self.after is not None


@dataclass(slots=True)
class Braces:
    """Statements in braces: ``opening`` and ``closing`` are the braces' own words."""

    kind: str
    opening: Word
    statements: list[Statement]
    closing: Word


Statement = list["Word | Braces"]


def read_layout(text: str, tokens: Sequence[Token], before: int = 0) -> Statement:
    """Return a block as one statement; gaps between its tokens hold the comments.

    ``before`` is where the text begins that belongs to the first token.
    """
    words = _words(text, tokens, before)
    return _Reader(words).block()


def read_gap(gap: str) -> tuple[str | None, list[Comment], bool]:
    """Return what stands between two tokens.

    A comment that goes on the first line, those on lines of their own, and whether a blank
    line stands before what follows.
    """
    trailing = None
    comments: list[Comment] = []
    position = 0
    for match in _COMMENT.finditer(gap):
        lines = gap[position : match.start()].count("\n")
        if lines == 0 and position == 0:
            trailing = match[0].rstrip()
        else:
            comments.append(Comment(match[0].rstrip(), lines > 1))
        position = match.end()
    return trailing, comments, gap[position:].count("\n") > 1


def _words(text: str, tokens: Sequence[Token], position: int) -> list[Word]:
    words: list[Word] = []
    for token in tokens:
        start = token.start_pos or 0
        gap = text[position:start]
        trailing, comments, is_blank = read_gap(gap)
        if words:
            words[-1].after = trailing
            words[-1].is_line_end = "\n" in gap
        words.append(Word(token.type, str(token), comments, None, is_blank))
        position = start + len(token)
    return words


class _Reader:
    """Reads words from left to right."""

    def __init__(self, words: list[Word]) -> None:
        self._words = words
        self._next = 0

    def block(self) -> Statement:
        """Return the whole block."""
        kind = next(w.type for w in self._words if w.type in _BEGINS)
        return self._statement(kind, frozenset())

    def _statement(self, kind: str, begins: frozenset[str]) -> Statement:
        """Return words up to where the next statement begins, or the brace closes."""
        statement: Statement = []
        depth = 0
        while self._next < len(self._words):
            word = self._words[self._next]
            is_first = not statement
            if depth == 0 and not is_first and word.type in begins:
                break
            if word.type == "RBRACE" and depth == 0:
                break
            self._next += 1
            if word.type == "LBRACE":
                before = statement[-1] if statement else None
                if isinstance(before, Word) and before.type in _SETS:
                    depth += 1
                else:
                    own = before.type if isinstance(before, Word) else ""
                    inner = own if own in ("HTTP", "DNS", "TLS") else kind
                    statement.append(self._braces(inner, word))
                    continue
            elif word.type == "RBRACE":
                depth -= 1
            statement.append(word)
        return statement

    def _braces(self, kind: str, opening: Word) -> Braces:
        statements = []
        while self._words[self._next].type != "RBRACE":
            statements.append(self._statement(kind, _BEGINS[kind]))
        closing = self._words[self._next]
        self._next += 1
        return Braces(kind, opening, statements, closing)

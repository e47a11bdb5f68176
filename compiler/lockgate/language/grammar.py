"""The one place where lark is used: a block of text to a tree, with the faults on the way.

Loading a grammar costs some hundredths of a second, once for each language and only where a file
of it is met; lark's own cache of tables would save half of that and is not worth its trust.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from lark import Lark, Token, Tree, UnexpectedInput
from lark.lexer import PatternStr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lark.parsers.lalr_interactive_parser import InteractiveParser

__all__ = ["END", "Fault", "Grammar", "Parsed", "Token", "Tree", "load_grammar"]

END = "$END"
MOST_NESTED = 100
"""Unfinished things at once: parentheses in parentheses, ``not`` before ``not``."""

MOST_FAULTS = 100
"""Faults of one block that are told of."""

_STATEMENTS = {
    "allow": "ACTION",
    "deny": "ACTION",
    "pass": "ACTION",
    "isolate": "ISOLATE",
    "audit": "AUDIT",
    "expect": "EXPECT",
    "never": "QUANTITY",
    "always": "QUANTITY",
    "on": "ON",
    "monitor": "MONITOR",
    "listen": "LISTEN",
    "backends": "BACKENDS",
}
"""Words that begin a statement of some block, and their terminals."""

_SYNCHRONISE = re.compile(
    r'"(?:[^"\\\n]|\\[^\n])*"|#[^\n]*|(?P<brace>[{}])'
    rf"|(?P<line>(?:^|\n)[ \t]*)(?P<word>{'|'.join(_STATEMENTS)})(?![-\w.=/:])"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a block could not be read on: an offset, and the terminals that could stand there.

    ``before`` is the last token that was understood.  ``is_too_deep``: nothing is wrong but
    the depth.
    """

    offset: int
    expected: frozenset[str]
    before: Token | None
    is_too_deep: bool = False


@dataclass(frozen=True, slots=True)
class Parsed:
    """A block: its tree (None where it could not be finished), its tokens, its faults."""

    tree: Tree[Token] | None
    tokens: list[Token]
    faults: list[Fault]


@lru_cache(maxsize=4)
def load_grammar(language: str) -> Grammar:
    """Return the grammar of a language: ``gate``, ``gatetest``, ``filter`` or ``cel``."""
    return Grammar(language)


class Grammar:
    """One language, as the file of its name in ``grammar/`` describes it."""

    def __init__(self, language: str) -> None:
        folder = files("lockgate") / "grammar"
        sources = {
            f"{name}.lark": (folder / f"{name}.lark").read_text(encoding="utf-8")
            for name in ("expressions", language)
        }

        def find(base: object, path: str) -> tuple[str, str]:
            return path, sources[path]

        self._lark = Lark(
            sources[f"{language}.lark"],
            parser="lalr",
            lexer="contextual",
            propagate_positions=True,
            import_paths=[find],
        )

    def literal(self, terminal: str) -> str | None:
        """Return what stands for a terminal that is always the same text."""
        if not any(t.name == terminal for t in self._lark.terminals):
            return None
        pattern = self._lark.get_terminal(terminal).pattern
        return pattern.value if isinstance(pattern, PatternStr) else None

    def parse(self, text: str) -> Parsed:
        """Read one block; after a fault go on with the next statement of the block."""
        return _Parse(self._lark.parse_interactive(text), text).run()


class _TooDeepError(Exception):
    """The block is nested deeper than anybody writes."""


class _Parse:
    """The reading of one block."""

    def __init__(self, parser: InteractiveParser, text: str) -> None:
        self._parser = parser
        self._text = text
        self._tokens: list[Token] = []
        self._faults: list[Fault] = []
        self._braces: list[int] = []
        """Heights of the stack below each open brace."""
        self._skipped_to = -1

    def run(self) -> Parsed:
        tree = None
        while True:
            try:
                self._read()
                tree = self._parser.feed_eof()  # type: ignore[no-untyped-call]  # lark's
                break
            except _TooDeepError:
                last = self._tokens[-1]
                fault = Fault(last.start_pos or 0, frozenset(), last, is_too_deep=True)
                self._faults.append(fault)
                break
            except UnexpectedInput as error:
                offset = _offset(error, self._text)
                expected = self._accepted()
                before = self._tokens[-1] if self._tokens else None
                self._faults.append(Fault(offset, expected, before))
                if not self._recover(offset):
                    break
        return Parsed(tree, self._tokens, self._faults)

    def _read(self) -> None:
        parser, state = self._parser, self._parser.parser_state
        for token in parser.lexer_thread.lex(state):  # type: ignore[no-untyped-call]  # lark's
            parser.feed_token(token)
            if token.type == "LBRACE":
                self._braces.append(len(state.state_stack) - 1)
            elif token.type == "RBRACE":
                self._braces.pop()
            self._tokens.append(token)
            if len(state.state_stack) > MOST_NESTED:
                raise _TooDeepError

    def _accepted(self) -> frozenset[str]:
        """Return the terminals that could stand next."""
        return frozenset(map(str, self._parser.accepts()))  # type: ignore[no-untyped-call]  # lark's

    def _recover(self, offset: int) -> bool:
        """Find the next statement or the end of the block, and a state that takes it."""
        if not self._braces or len(self._faults) >= MOST_FAULTS:
            return False
        start = max(offset, self._skipped_to)
        for begin, terminal in self._places(start):
            if self._unwind(terminal):
                self._skipped_to = begin + 1
                lexer = self._parser.lexer_thread.state
                assert lexer is not None, "it was reading"  # noqa: S101
                lexer.line_ctr.char_pos = begin
                return True
        return False

    def _places(self, start: int) -> Iterator[tuple[int, str]]:
        """Yield where a statement begins or the block ends, at and after an offset."""
        depth = len(self._braces)
        line = max(self._text.rfind("\n", 0, start), 0)
        if self._text[line:start].strip():
            line = start
        for match in _SYNCHRONISE.finditer(self._text, line):
            if match["word"] and match.start("word") >= start:
                yield match.start("word"), _STATEMENTS[match["word"]]
            elif match["brace"] and match.start() >= start:
                depth += 1 if match["brace"] == "{" else -1
                if depth == 0:
                    yield match.start(), "RBRACE"
                    return

    def _unwind(self, terminal: str) -> bool:
        """Take back what was half read, until the terminal can stand there."""
        state = self._parser.parser_state
        states, values = list(state.state_stack), list(state.value_stack)
        height = self._braces[1] if len(self._braces) > 1 else len(states)
        del states[height:], values[height - 1 :]
        lowest = self._braces[0] + 1
        while len(states) >= lowest:
            state.state_stack[:], state.value_stack[:] = states, values
            if terminal in self._accepted():
                del self._braces[1:]
                return True
            states.pop()
            values.pop()
        return False


def _offset(error: UnexpectedInput, text: str) -> int:
    token = getattr(error, "token", None)
    if isinstance(token, Token):
        if token.type == END or token.start_pos is None:
            return len(text)
        return token.start_pos
    position: int | None = error.pos_in_stream
    return len(text) if position is None else position

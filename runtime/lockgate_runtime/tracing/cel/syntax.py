"""Read an expression of CEL: words, then a tree by rising precedence (the language's grammar)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

_WORDS = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
      | (?P<double>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)
      | (?P<uint>(?:0[xX][0-9a-fA-F]+|\d+)[uU])
      | (?P<int>0[xX][0-9a-fA-F]+|\d+)
      | (?P<text>[bB]?[rR]?(?:\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'))
      | (?P<name>[_a-zA-Z][_a-zA-Z0-9]*)
      | (?P<sign>&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]])""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_ESCAPES |= {sign: sign for sign in "\\?\"'`"}
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))"
)
_LEVELS = (("||",), ("&&",), ("==", "!=", "<", "<=", ">", ">=", "in"))
_SUMS, _PRODUCTS = ("+", "-"), ("*", "/", "%")
_DEEPEST = 24
"""Expressions within expressions: twice what the language asks for."""


class CelError(ValueError):
    """An expression that is none; ``at`` is the character (from 0) where it goes wrong."""

    def __init__(self, text: str, at: int) -> None:
        super().__init__(text)
        self.at = at


@dataclass(frozen=True, slots=True)
class Node:
    """One part of an expression.

    ``kind``: a literal's type, ``name``, ``select`` (value: field), ``call`` (value: function;
    the first of ``parts`` is the receiver of a ``method``), ``list``, ``index``, ``?:``, or the
    sign of an operator.
    """

    kind: str
    at: int
    value: object = None
    parts: tuple[Node, ...] = ()


def parse(text: str) -> Node:
    """Return the tree of an expression; CelError where it is none."""
    parser = _Parser(_split(text), len(text))
    tree = parser.expression()
    if parser.kind:
        parser.refuse(f"'{parser.word}' is not expected here")
    return tree


def _split(text: str) -> list[tuple[str, str, int]]:
    words, at = [], 0
    while at < len(text):
        match = _WORDS.match(text, at)
        if match is None:
            raise CelError(f"{text[at]!r} begins no word", at)
        kind = match.lastgroup or ""
        if kind != "space":
            words.append((kind, match[0], at))
        at = match.end()
    return words


class _Parser:
    """One way through the words, by recursive descent."""

    def __init__(self, words: list[tuple[str, str, int]], end: int) -> None:
        self._words, self._place, self._end = words, 0, end
        self._depth = 0

    @property
    def kind(self) -> str:
        return self._words[self._place][0] if self._place < len(self._words) else ""

    @property
    def word(self) -> str:
        return self._words[self._place][1] if self.kind else "the end"

    @property
    def at(self) -> int:
        return self._words[self._place][2] if self.kind else self._end

    def refuse(self, text: str) -> NoReturn:
        raise CelError(text, self.at)

    def expression(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            self.refuse("the expression is nested too deeply")
        condition = self._binary(0)
        if self.word == "?" and self.kind:
            at = self._next()
            yes = self._binary(0)
            self._expect(":")
            condition = Node("?:", at, None, (condition, yes, self.expression()))
        self._depth -= 1
        return condition

    def _next(self) -> int:
        at = self.at
        self._place += 1
        return at

    def _expect(self, sign: str) -> None:
        if not self.kind or self.word != sign:
            self.refuse(f"'{sign}' is expected, not {self.word!r}")
        self._next()

    def _is(self, signs: tuple[str, ...]) -> bool:
        return self.kind in ("sign", "name") and self.word in signs

    def _binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._left(_SUMS, lambda: self._left(_PRODUCTS, self._unary))
        return self._left(_LEVELS[level], lambda: self._binary(level + 1))

    def _left(self, signs: tuple[str, ...], inner: Callable[[], Node]) -> Node:
        tree = inner()
        while self._is(signs):
            sign, at = self.word, self._next()
            tree = Node(sign, at, None, (tree, inner()))
        return tree

    def _unary(self) -> Node:
        if self._is(("!", "-")):
            self._depth += 1
            if self._depth > _DEEPEST:
                self.refuse("the expression is nested too deeply")
            sign, at = self.word, self._next()
            inner = self._unary()
            self._depth -= 1
            return Node("not" if sign == "!" else "minus", at, None, (inner,))
        return self._member()

    def _member(self) -> Node:
        tree = self._primary()
        while self._is((".", "[")):
            sign, at = self.word, self._next()
            if sign == "[":
                tree = Node("index", at, None, (tree, self.expression()))
                self._expect("]")
                continue
            if self.kind != "name":
                self.refuse("a field's name is expected")
            name, at = self.word, self._next()
            if self._is(("(",)):
                tree = Node("method", at, name, (tree, *self._list(")")))
            else:
                tree = Node("select", at, name, (tree,))
        return tree

    def _primary(self) -> Node:
        kind, word, at = self.kind, self.word, self.at
        if kind == "name":
            self._next()
            if word in ("true", "false"):
                return Node("bool", at, word == "true")
            if word == "null":
                return Node("null", at)
            if self._is(("(",)):
                return Node("call", at, word, tuple(self._list(")")))
            return Node("name", at, word)
        if kind == "text":
            self._next()
            return _literal(word, at)
        if kind in ("int", "uint", "double"):
            self._next()
            digits = word.rstrip("uU")
            return Node(kind, at, float(word) if kind == "double" else int(digits, 0))
        if word == "(" and kind:
            self._next()
            tree = self.expression()
            self._expect(")")
            return tree
        if word != "[" or not kind:
            self.refuse(f"a value is expected, not {word!r}")
        return Node("list", at, None, tuple(self._list("]")))

    def _list(self, end: str) -> list[Node]:
        self._next()
        items: list[Node] = []
        while not self._is((end,)):
            if items:
                self._expect(",")
            items.append(self.expression())
        self._next()
        return items


def _literal(word: str, at: int) -> Node:
    prefix = word[: len(word) - len(word.lstrip("bBrR"))].lower()
    text = word[len(prefix) + 1 : -1]
    if "r" not in prefix:
        try:
            text = _ESCAPE.sub(_escaped, text)
        except (KeyError, ValueError, OverflowError) as error:
            raise CelError(f"there is no escape {error} in a text", at) from None
    return (
        Node("bytes", at, text.encode()) if "b" in prefix else Node("string", at, text)
    )


def _escaped(match: re.Match[str]) -> str:
    for number, base in ((1, 16), (2, 16), (3, 16), (4, 8)):
        if match[number]:
            return chr(int(match[number], base))
    return _ESCAPES[match[5]]

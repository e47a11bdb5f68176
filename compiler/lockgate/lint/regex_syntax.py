"""RE2's syntax as a tree, as far as the size of its program depends on it.

The front end has refused what is no expression; what is rare is not read here either, and
nothing is said about it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LAST = 0x10FFFF
_NOT_LINE_END = ((0, 9), (11, _LAST))
_DIGITS = ((48, 57),)
_WORD = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE = ((9, 10), (12, 13), (32, 32))
_NAMED = {
    "alnum": ((48, 57), (65, 90), (97, 122)),
    "alpha": ((65, 90), (97, 122)),
    "ascii": ((0, 127),),
    "blank": ((9, 9), (32, 32)),
    "cntrl": ((0, 31), (127, 127)),
    "digit": _DIGITS,
    "graph": ((33, 126),),
    "lower": ((97, 122),),
    "print": ((32, 126),),
    "punct": ((33, 47), (58, 64), (91, 96), (123, 126)),
    "space": ((9, 13), (32, 32)),
    "upper": ((65, 90),),
    "word": _WORD,
    "xdigit": ((48, 57), (65, 70), (97, 102)),
}
_PERL = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_CONTROLS = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_REPEAT = re.compile(r"\{(\d+)(,(\d*))?\}")
_GROUP = re.compile(r"\(\?(?:P?<\w+>|(?P<flags>[imsU-]*)(?P<end>[:)]))")
_FOLDED_BEYOND = {"k": 0x212A, "s": 0x17F}
"""ASCII letters that a character beyond ASCII folds to: the Kelvin sign, the long s."""

_Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Characters:
    """One character out of some ranges of code points."""

    ranges: _Ranges
    is_literal: bool


@dataclass(frozen=True, slots=True)
class Assertion:
    """A place between characters: ``^``, ``$`` or a word's edge."""

    what: str


@dataclass(frozen=True, slots=True)
class Capture:
    """A group that is remembered."""

    inner: Regex


@dataclass(frozen=True, slots=True)
class Concatenation:
    """One part after the other."""

    parts: tuple[Regex, ...]


@dataclass(frozen=True, slots=True)
class Alternation:
    """One of several branches."""

    branches: tuple[Regex, ...]


@dataclass(frozen=True, slots=True)
class Repetition:
    """A part ``least`` to ``most`` times; None is without end."""

    inner: Regex
    least: int
    most: int | None


Regex = Characters | Assertion | Capture | Concatenation | Alternation | Repetition


class TooFarError(Exception):
    """Something that is not read here: Unicode classes, flags in the middle."""


def read_regex(pattern: str) -> Regex:
    """Return the tree of an expression; :class:`TooFarError` where it is unusual."""
    reader = _Reader(pattern)
    try:
        found = reader.alternation()
    except (IndexError, ValueError, RecursionError):
        raise TooFarError from None
    if reader.at < len(pattern):
        raise TooFarError
    return found


class _Reader:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.folds = False
        self.dot_is_all = False

    def peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def take(self) -> str:
        self.at += 1
        return self.pattern[self.at - 1]

    def alternation(self) -> Regex:
        branches = [self.concatenation()]
        while self.peek() == "|":
            self.at += 1
            branches.append(self.concatenation())
        return branches[0] if len(branches) == 1 else Alternation(tuple(branches))

    def concatenation(self) -> Regex:
        parts: list[Regex] = []
        while (here := self.peek()) and here not in "|)":
            part = self.atom()
            if part is None:
                continue
            part = self.repetitions(part)
            parts += part.parts if isinstance(part, Concatenation) else (part,)
        return parts[0] if len(parts) == 1 else Concatenation(tuple(parts))

    def repetitions(self, part: Regex) -> Regex:
        while (here := self.peek()) and here in "*+?{":
            match = _REPEAT.match(self.pattern, self.at)
            if here == "{" and match is None:
                return part  # a brace that repeats nothing is a character
            if match is not None and here == "{":
                self.at = match.end()
                least = int(match[1])
                most = (
                    least if match[2] is None else int(match[3]) if match[3] else None
                )
            else:
                self.at += 1
                least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[here]
            if self.peek() == "?":
                self.at += 1  # the lazy form has the same size
            part = Repetition(part, least, most)
        return part

    def atom(self) -> Regex | None:
        here = self.take()
        if here == "(":
            return self.group()
        if here == "[":
            return self.character_class()
        if here == ".":
            ranges = ((0, _LAST),) if self.dot_is_all else _NOT_LINE_END
            return Characters(ranges, False)
        if here in "^$":
            return Assertion(here)
        if here == "\\":
            return self.escape()
        return self.literal(here)

    def literal(self, character: str) -> Characters:
        if not self.folds or not character.isalpha():
            code = ord(character)
            return Characters(((code, code),), True)
        # Both cases of an ASCII letter are one byte range with a flag.
        lower = character.lower()
        ranges = [(ord(lower), ord(lower))]
        if lower in _FOLDED_BEYOND:
            ranges.append((_FOLDED_BEYOND[lower],) * 2)
        elif not lower.isascii():
            ranges += [(ord(c), ord(c)) for c in {character.upper()} if len(c) == 1]
        return Characters(tuple(sorted(set(ranges))), len(ranges) == 1)

    def group(self) -> Regex | None:
        match = _GROUP.match(self.pattern, self.at - 1)
        folds, dot_is_all = self.folds, self.dot_is_all
        if match is None:
            if self.peek() == "?":
                raise TooFarError
            inner: Regex = Capture(self.alternation())
        else:
            self.at = match.end()
            self.set_flags(match["flags"] or "")
            if match["end"] == ")":
                return None  # flags for all that follows in this group
            whole = self.alternation()
            inner = whole if match["end"] == ":" else Capture(whole)
        if self.take() != ")":
            raise TooFarError
        self.folds, self.dot_is_all = folds, dot_is_all
        return inner

    def set_flags(self, flags: str) -> None:
        value = True
        for flag in flags:
            if flag == "-":
                value = False
            elif flag == "i":
                self.folds = value
            elif flag == "s":
                self.dot_is_all = value
            elif flag == "m" and value:
                raise TooFarError

    def escape(self) -> Regex | None:
        here = self.take()
        if here == "Q":
            end = self.pattern.find("\\E", self.at)
            text = self.pattern[self.at : end if end >= 0 else None]
            self.at = len(self.pattern) if end < 0 else end + 2
            parts = tuple(self.literal(character) for character in text)
            return parts[0] if len(parts) == 1 else Concatenation(parts)
        if here in "Az":
            return Assertion("^" if here == "A" else "$")
        if here in "bB":
            return Assertion(here)
        if here.lower() in _PERL:
            return Characters(_perl(here), False)
        return self.literal(chr(self.code(here)))

    def code(self, here: str) -> int:
        """Return the code point of an escape that is one character."""
        if here in _CONTROLS:
            return _CONTROLS[here]
        if here == "x":
            if self.peek() == "{":
                end = self.pattern.index("}", self.at)
                text, self.at = self.pattern[self.at + 1 : end], end + 1
            else:
                text, self.at = self.pattern[self.at : self.at + 2], self.at + 2
            return int(text, 16)
        if here.isalnum():
            raise TooFarError  # Unicode classes, octal numbers
        return ord(here)

    def character_class(self) -> Regex:
        is_negated = self.peek() == "^"
        self.at += is_negated
        ranges: list[tuple[int, int]] = []
        is_first = True
        while is_first or self.peek() != "]":
            is_first = False
            ranges += self.class_item()
        self.at += 1
        if self.folds:
            ranges += _folded(ranges)
        found = tuple(sorted(ranges))
        return Characters(_negated(found) if is_negated else found, False)

    def class_item(self) -> _Ranges:
        if self.pattern.startswith("[:", self.at):
            end = self.pattern.index(":]", self.at)
            name, self.at = self.pattern[self.at + 2 : end], end + 2
            known = _NAMED.get(name.removeprefix("^"))
            if known is None:
                raise TooFarError
            return _negated(known) if name[0] == "^" else known
        first = self.class_character()
        if isinstance(first, tuple):
            return first
        if self.peek() == "-" and self.pattern[self.at + 1] != "]":
            self.at += 1
            last = self.class_character()
            if isinstance(last, tuple):
                raise TooFarError
            return ((first, last),)
        return ((first, first),)

    def class_character(self) -> int | _Ranges:
        here = self.take()
        if here != "\\":
            return ord(here)
        here = self.take()
        return _perl(here) if here.lower() in _PERL else self.code(here)


def _perl(letter: str) -> _Ranges:
    ranges = _PERL[letter.lower()]
    return _negated(ranges) if letter.isupper() else ranges


def _negated(ranges: _Ranges) -> _Ranges:
    found = []
    at = 0
    for first, last in sorted(ranges):
        if first > at:
            found.append((at, first - 1))
        at = max(at, last + 1)
    if at <= _LAST:
        found.append((at, _LAST))
    return tuple(found)


def _folded(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the other cases of ASCII letters, and what else folds to them."""
    found = []
    for first, last in ranges:
        for start, offset in ((65, 32), (97, -32)):
            low, high = max(first, start), min(last, start + 25)
            if low <= high:
                found.append((low + offset, high + offset))
                for letter, beyond in _FOLDED_BEYOND.items():
                    if low <= ord(letter) - (32 if start == 65 else 0) <= high:
                        found.append((beyond, beyond))
    return found

"""How large RE2's program for an expression is, in instructions: what Envoy limits.

RE2 compiles to byte ranges, alternatives and captures, and then flattens; its size is
nearly additive (``tests/lint/test_regex_size.py`` has measured sizes of the library beside
these): a character costs an instruction for each byte range of its UTF-8 forms, a group
two, ``+`` and ``?`` one, ``*`` none, ``{n}`` repeats what stands before it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from lockgate.lint.regex_syntax import (
    Alternation,
    Assertion,
    Capture,
    Characters,
    Concatenation,
    Regex,
    Repetition,
    TooFarError,
    read_regex,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_BASE, _ANCHORED_BASE = 4, 2
"""Instructions of an empty program: with the search for a beginning, and without."""

_BEYOND_ASCII = 6
"""All characters from U+0080 on, as RE2 writes them with shared last bytes."""

_LAST = 0x10FFFF
_LARGEST = 1 << 20
_Ranges = tuple[tuple[int, int], ...]


@lru_cache(maxsize=4096)
def program_size(pattern: str) -> int | None:
    """Return about how many instructions; None where the expression is not understood."""
    try:
        regex = read_regex(pattern)
    except TooFarError:
        return None
    if isinstance(regex, Alternation):
        regex = _factor(regex.branches)
    parts = list(regex.parts) if isinstance(regex, Concatenation) else [regex]
    base = _BASE
    if parts and parts[0] == Assertion("^"):
        parts.pop(0)
        base = _ANCHORED_BASE
        # A literal beginning is compared apart from the program.
        literals = 0
        while literals < len(parts) and _is_literal(parts[literals]):
            literals += 1
        if literals:
            del parts[:literals]
            base = _BASE
    if parts and parts[-1] == Assertion("$"):
        parts.pop()
    return min(_LARGEST, base + sum(map(_size, parts)))


def _is_literal(part: Regex) -> bool:
    return isinstance(part, Characters) and part.is_literal


def _size(regex: Regex) -> int:
    match regex:
        case Characters(ranges, _):
            return _characters(ranges)
        case Assertion():
            return 1
        case Capture(inner):
            return 2 + _size(inner)
        case Concatenation(parts):
            return sum(map(_size, parts))
        case Repetition():
            return _repetition(regex)
        case Alternation(branches):
            return _alternation(branches)


def _repetition(regex: Repetition) -> int:
    size, least, most = _size(regex.inner), regex.least, regex.most
    if most is None:
        return size if least == 0 else least * size + 1
    return least * size + (most - least) * (size + 1)


# ---------------------------------------------------------------- alternatives


def _alternation(branches: Sequence[Regex]) -> int:
    factored = _factor(branches)
    if not isinstance(factored, Alternation):
        return _size(factored)
    return sum(_size(branch) + _seams(branch) for branch in factored.branches)


def _seams(branch: Regex) -> int:
    """Count the jumps where a branch begins or ends with a loop, or is empty."""
    parts = _parts(branch)
    if not parts:
        return 1
    ends = isinstance(parts[-1], Repetition) and parts[-1].most is None
    begins = isinstance(parts[0], Repetition) and parts[0].most is None
    return int(ends) + int(begins and parts[0].least == 0)  # type: ignore[union-attr]  # a loop


def _factor(branches: Sequence[Regex]) -> Regex:
    """Join neighbours: a common beginning is written once, characters become a class."""
    grouped: list[list[tuple[Regex, ...]]] = []
    for branch in branches:
        parts = _parts(branch)
        if (
            grouped
            and parts
            and grouped[-1][0]
            and _is_same(parts[0], grouped[-1][0][0])
        ):
            grouped[-1].append(parts)
        else:
            grouped.append([parts])
    joined: list[Regex] = []
    for group in grouped:
        if len(group) == 1:
            found: Regex = _whole(group[0])
        else:
            rest = _factor([_whole(parts[1:]) for parts in group])
            found = Concatenation((group[0][0], *_parts(rest)))
        last = joined[-1] if joined else None
        if isinstance(found, Characters) and isinstance(last, Characters):
            joined[-1] = Characters(_union((*last.ranges, *found.ranges)), False)
        else:
            joined.append(found)
    return joined[0] if len(joined) == 1 else Alternation(tuple(joined))


def _is_same(one: Regex, other: Regex) -> bool:
    """Whether RE2 takes two beginnings together: a character, an assertion, a class."""
    return one == other and isinstance(one, Characters | Assertion)


def _parts(regex: Regex) -> tuple[Regex, ...]:
    return regex.parts if isinstance(regex, Concatenation) else (regex,)


def _whole(parts: tuple[Regex, ...]) -> Regex:
    return parts[0] if len(parts) == 1 else Concatenation(parts)


# ---------------------------------------------------------------- characters


def _union(ranges: _Ranges) -> _Ranges:
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return tuple(found)


def _characters(ranges: _Ranges) -> int:
    size = 0
    joined = _union(ranges)
    folds = _letters(joined, 65) == _letters(joined, 97)
    for first, last in joined:
        # Where each letter has both cases, one range with a flag is enough.
        if first <= 0x7F and not (folds and first >= 65 and last <= 90):
            size += 1
        if last > 0x7F:
            first = max(first, 0x80)
            is_rest = (first, last) == (0x80, _LAST)
            size += _BEYOND_ASCII if is_rest else _utf8(first, last)
    return max(size, 1)


def _letters(ranges: _Ranges, start: int) -> list[tuple[int, int]]:
    """Return the letters of one case in some ranges, counted from its first."""
    return [
        (max(first, start) - start, min(last, start + 25) - start)
        for first, last in ranges
        if first <= start + 25 and last >= start
    ]


def _utf8(first: int, last: int) -> int:
    """Count the byte ranges of some characters beyond ASCII, as RE2 splits them."""
    for edge in (0x7FF, 0xFFFF):
        if first <= edge < last:
            return _utf8(first, edge) + _utf8(edge + 1, last)
    for bits in (6, 12, 18):
        mask = (1 << bits) - 1
        if first & ~mask != last & ~mask:
            if first & mask:
                return _utf8(first, first | mask) + _utf8((first | mask) + 1, last)
            if last & mask != mask:
                return _utf8(first, (last & ~mask) - 1) + _utf8(last & ~mask, last)
    return len(chr(min(last, 0xD7FF) if last < 0xE000 else last).encode())

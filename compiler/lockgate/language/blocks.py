"""A file to its blocks: policies, groups, tests, each read on its own.

A block ends with the brace that closes it.  One whose brace is missing ends where a line
begins, without indentation, as only a block does; so a forgotten brace spoils one block.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_PIECE = re.compile(
    r'"(?:[^"\\\n]|\\[^\n])*"|#[^\n]*|(?P<brace>[{}])'
    r"|(?P<head>(?m:^)(?:(?:(?:cluster|host|admin|baseline)[ \t]+)?policy[ \t]"
    r"|trace[ \t]+\S+[ \t]+(?:for|in)\b|service[ \t]+\S+[ \t]+in\b"
    r'|group[ \t]+[^\n#]*\{|test[ \t]+"))'
)
_BLANK = re.compile(r"(?:\s|#[^\n]*)*")


class Chunk(NamedTuple):
    """Where a block stands, from its first word to its last brace."""

    start: int
    end: int


def split_blocks(text: str) -> list[Chunk]:
    """Return the blocks of a file; what stands between them is blank or a comment."""
    chunks = []
    position = _skip_blank(text, 0)
    while position < len(text):
        end = _find_end(text, position)
        chunks.append(Chunk(position, _trim(text, position, end)))
        position = _skip_blank(text, end)
    return chunks


def _find_end(text: str, start: int) -> int:
    depth = 0
    position = start
    while match := _PIECE.search(text, position):
        position = match.end()
        if match["head"] and match.start() > start:
            return match.start()
        if match["head"]:
            position = match.start() + 1  # a brace may stand in it
        elif match["brace"] == "{":
            depth += 1
        elif match["brace"]:
            depth -= 1
            if depth <= 0 and not _goes_on(text, match.end()):
                return match.end()
    return len(text)


def _goes_on(text: str, position: int) -> bool:
    """Whether a brace closed only a set of values: ``for tier in {a, b} & app=web {``."""
    position = _skip_blank(text, position)
    return text[position : position + 1] in ("{", "&")


def _skip_blank(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


def _trim(text: str, start: int, end: int) -> int:
    """Leave out blanks and whole lines of comment at the end of an unclosed block."""
    while True:
        trimmed = start + len(text[start:end].rstrip())
        line = text.rfind("\n", start, trimmed) + 1
        if line <= start or not text[line:trimmed].lstrip().startswith("#"):
            return trimmed
        end = line

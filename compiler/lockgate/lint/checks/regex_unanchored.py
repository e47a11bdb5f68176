"""``regex-unanchored``: ``^/api`` where the whole path must match.

HTTP fields are matched as a whole, so anchors say nothing; who writes only one of the two
expects a search, and matches the one path and nothing behind it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockgate.diagnostics import quote
from lockgate.findings import Finding, Level
from lockgate.lint.expressions import expressions
from lockgate.lint.scene import Check, Needs, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEGINS = {
    "host": (".*", ".+", "["),
    "method": (".*", ".+", "["),
    "path": (".*", ".+", "[", "/", "\\/"),
}
"""Beginnings that leave nothing open; every path begins with a slash."""

_ENDS_OPEN = re.compile(r".*(?:[*+?}])\)*$", re.DOTALL)


def _find(scene: Scene) -> Iterator[Finding]:
    for found in expressions(scene):
        pattern = found.pattern
        begins, ends = pattern.startswith("^"), _is_ended(pattern)
        if begins is ends:
            continue
        if begins and _ENDS_OPEN.fullmatch(pattern):
            continue  # it says how it goes on
        if ends and pattern.lstrip("(").startswith(_BEGINS[found.field]):
            continue  # it says how it begins
        side, wild = (
            ("end", f"{pattern}.*") if begins else ("beginning", f".*{pattern}")
        )
        yield Finding(
            "W6009",
            Level.WARNING,
            f"{quote(pattern)} is open at its {side}, and is still matched with the whole "
            f"{found.field}: nothing more may stand there",
            found.span,
            f"write {quote(wild.strip('^$'))} if more may stand there; else take the "
            "anchor away",
            key=f"{found.field} {pattern}",
        )


def _is_ended(pattern: str) -> bool:
    return pattern.endswith("$") and not re.search(r"(?<!\\)(?:\\\\)*\\\$$", pattern)


CHECK = Check("regex-unanchored", Needs.POLICY, _find)

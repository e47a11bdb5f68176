"""Print a comparison for the comment on a pull request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockgate.excerpt import printable
from lockgate.review.difference import CHANGES, SNAPSHOT
from lockgate.review.names import print_ports
from lockgate.review.phrases import (
    list_reasons,
    list_sizes,
    name_some,
    print_arrow,
    summarise,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lockgate.review.comparison import Comparison, Row

_MOST_OPEN = 10
"""Rows of a table that stand open; the rest is folded away."""

_MOST = 100
"""Rows of a table; GitHub refuses comments of more than 65,536 characters."""

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~@&])")
_TITLES = {
    "gained": "Gained",
    "lost": "Lost",
    "changed": "Changed",
}


def print_markdown(comparison: Comparison) -> str:
    """Return a summary, then a table for each change, exposures on top."""
    return "".join(f"{line}\n" for line in _lines(comparison))


def _lines(comparison: Comparison) -> Iterator[str]:
    yield f"**Policy review**: {summarise(comparison)}."
    findings = list(_findings(comparison))
    if findings:
        yield ""
        yield from findings
    yield from _tracing(comparison)
    by_policy = [row for row in comparison.rows if row.cause != SNAPSHOT]
    for change in CHANGES:
        rows = [row for row in by_policy if row.change == change]
        yield from _section(_TITLES[change], rows)
    by_snapshot = [row for row in comparison.rows if row.cause == SNAPSHOT]
    yield from _folded("By the snapshot alone", by_snapshot)
    yield from _sizes(comparison)
    for note in comparison.notes:
        yield ""
        yield f"_{_escape(note)}._"


def _findings(comparison: Comparison) -> Iterator[str]:
    if comparison.exposed:
        yield f"- ⚠️ newly exposed to the world: **{_names(comparison.exposed)}**"
    for direction, names in comparison.unprotected:
        yield f"- ⚠️ newly unprotected ({direction}): **{_names(names)}**"
    for direction, names in comparison.isolated:
        yield f"- now isolated ({direction}): {_names(names)}"
    if comparison.only_before:
        yield f"- only before: {_names(comparison.only_before)}"
    if comparison.only_after:
        yield f"- only after: {_names(comparison.only_after)}"


def _tracing(comparison: Comparison) -> Iterator[str]:
    rows = comparison.tracing
    if not rows:
        return
    yield ""
    yield "**Tracing policies**"
    yield ""
    yield "| change | policy | hook | what | before | after | because |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows[:_MOST]:
        place = row.place_after or row.place_before
        what = f"⚠️ {row.what}" if row.is_enforcing else row.what
        selector = f" ({row.selector})" if row.selector else ""
        cells = (
            row.change,
            row.policy,
            row.hook,
            f"{what}{selector}",
            row.before,
            row.after,
            f"{place[0]}:{place[1]}" if place else "",
        )
        yield f"| {' | '.join(map(_escape, cells))} |"
    if len(rows) > _MOST:
        yield ""
        yield f"{len(rows) - _MOST} more: `lockgate diff --all`."


def _section(title: str, rows: Sequence[Row]) -> Iterator[str]:
    if not rows:
        return
    yield ""
    yield f"**{title}**"
    yield ""
    yield from _table(rows[:_MOST_OPEN])
    yield from _folded(f"{len(rows) - _MOST_OPEN} more", rows[_MOST_OPEN:])


def _folded(title: str, rows: Sequence[Row]) -> Iterator[str]:
    if not rows:
        return
    yield ""
    yield f"<details><summary>{title} ({len(rows)})</summary>"
    yield ""
    yield from _table(rows[:_MOST])
    if len(rows) > _MOST:
        yield ""
        yield f"{len(rows) - _MOST} more: `lockgate diff --all`."
    yield ""
    yield "</details>"


def _table(rows: Iterable[Row]) -> Iterator[str]:
    yield "| from | to | traffic | judged at | verdict | because |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        because = [*list_reasons(row.because_after)]
        if row.change == "lost":
            because = [
                *because,
                *(f"was {r}" for r in list_reasons(row.because_before)),
            ]
        cells = (
            _names(row.sources),
            _names(row.destinations),
            _escape(print_ports(row.ports)),
            "destination" if row.direction == "ingress" else "source",
            _escape(print_arrow(row.before, row.after)),
            "<br>".join(map(_escape, because)),
        )
        yield f"| {' | '.join(cells)} |"


def _sizes(comparison: Comparison) -> Iterator[str]:
    lines = []
    if comparison.sizes is not None and not comparison.is_same_text:
        lines += [
            f"| {what} | {before} | {after} | {delta} |"
            for what, before, after, delta in list_sizes(comparison.sizes)
        ]
    if any(comparison.hashes):
        before, after = (
            f"`{digest[:12]}`" if digest else "sources" for digest in comparison.hashes
        )
        delta = "=" if before == after else "differs"
        lines.append(f"| bundle | {before} | {after} | {delta} |")
    if lines:
        yield ""
        yield "| budget | before | after | |"
        yield "|---|--:|--:|--:|"
        yield from lines


def _names(names: Sequence[str]) -> str:
    return _escape(name_some(names))


def _escape(text: str) -> str:
    """Make the user's text stand as it is: no mark-up, no mention, no row's end."""
    return _SPECIAL.sub(r"\\\1", printable(text))

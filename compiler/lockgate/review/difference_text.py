"""Print a comparison for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.excerpt import printable
from lockgate.review.difference import CHANGED, GAINED, LOST, SNAPSHOT
from lockgate.review.names import print_ports
from lockgate.review.phrases import (
    list_reasons,
    list_sizes,
    name_some,
    print_arrow,
    summarise,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockgate.review.comparison import Comparison, Row

MOST_ROWS = 40

_SIGNS = {GAINED: "+", LOST: "-", CHANGED: "~"}
_COLOURS = {GAINED: "\x1b[32m", LOST: "\x1b[31m", CHANGED: "\x1b[33m"}
_BOLD, _DIM, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"
_PREPOSITIONS = {"ingress": "from", "egress": "to"}


def print_comparison(
    comparison: Comparison, *, has_all: bool = False, colour: bool = False
) -> str:
    """Return the text; ``has_all`` leaves out no row and no name."""
    printer = _Printer(comparison, has_all, colour)
    return "".join(f"{line}\n" for line in printer.lines())


class _Printer:
    def __init__(self, comparison: Comparison, has_all: bool, colour: bool) -> None:
        self._comparison = comparison
        self._has_all = has_all
        self._has_colour = colour

    def lines(self) -> Iterator[str]:
        comparison = self._comparison
        yield self._paint(_BOLD, summarise(comparison))
        rows = comparison.rows
        most = len(rows) if self._has_all else MOST_ROWS
        shown = rows[:most]
        by_policy = [row for row in shown if row.cause != SNAPSHOT]
        by_snapshot = [row for row in shown if row.cause == SNAPSHOT]
        yield from self._rows(by_policy, "")
        yield from self._rows(by_snapshot, "by the snapshot alone:")
        yield from self._tracing()
        if len(rows) > len(shown):
            yield ""
            yield f"{len(rows) - len(shown)} more rows: --all shows them"
        trailer = [*self._findings(), *self._sizes(), *comparison.notes]
        if trailer:
            yield ""
            yield from trailer

    def _rows(self, rows: Iterable[Row], title: str) -> Iterator[str]:
        for row in rows:
            yield ""
            if title:
                yield self._paint(_BOLD, title)
                yield ""
                title = ""
            yield from self._row(row)

    def _tracing(self) -> Iterator[str]:
        rows = self._comparison.tracing
        shown = rows if self._has_all else rows[:MOST_ROWS]
        for row in shown:
            yield ""
            head = f"{_SIGNS[row.change]} {row.change:8}"
            enforcing = ", enforcing" if row.is_enforcing else ""
            hook = f" {row.hook}" if row.hook else ""
            line = printable(f"{head}{row.policy}{hook}: {row.what}{enforcing}")
            yield line.replace(head, self._paint(_COLOURS[row.change], head), 1)
            if row.selector:
                yield f"    {printable(row.selector)}:"
            for side, said, place in (
                ("before", row.before, row.place_before),
                ("after", row.after, row.place_after),
            ):
                if said:
                    at = f"  ({place[0]}:{place[1]})" if place else ""
                    yield f"    {side}: {printable(said)}{self._paint(_DIM, at)}"
        if len(rows) > len(shown):
            yield ""
            yield f"{len(rows) - len(shown)} more differences of tracing policies: --all"

    def _row(self, row: Row) -> Iterator[str]:
        most = {"most": None} if self._has_all else {}
        subjects, peers = name_some(row.subjects, **most), name_some(row.peers, **most)
        head = f"{_SIGNS[row.change]} {row.change:8}"
        yield printable(
            f"{head}{row.direction} at {subjects} {_PREPOSITIONS[row.direction]} {peers}: "
            f"{print_ports(row.ports)}"
        ).replace(head, self._paint(_COLOURS[row.change], head), 1)
        exposed = ", exposed to the world" if row.is_exposed else ""
        yield f"    {printable(print_arrow(row.before, row.after))}{exposed}"
        for side, reasons in (
            ("after", row.because_after),
            ("before", row.because_before),
        ):
            for phrase in list_reasons(reasons, **most):
                yield self._paint(_DIM, f"    {side}: {printable(phrase)}")

    def _findings(self) -> Iterator[str]:
        comparison = self._comparison
        if comparison.exposed:
            yield f"newly exposed to the world: {name_some(comparison.exposed)}"
        for word, found in (
            ("newly unprotected", comparison.unprotected),
            ("now isolated", comparison.isolated),
        ):
            for direction, names in found:
                yield f"{word} ({direction}): {name_some(names)}"
        for word, names in (
            ("only before", comparison.only_before),
            ("only after", comparison.only_after),
        ):
            if names:
                yield f"{word}: {name_some(names)}"

    def _sizes(self) -> Iterator[str]:
        comparison = self._comparison
        if comparison.sizes is not None and not comparison.is_same_text:
            parts = [
                f"{after} {what} ({delta})"
                for what, _, after, delta in list_sizes(comparison.sizes)
            ]
            yield f"budget: {', '.join(parts)}"
        if any(comparison.hashes):
            before, after = (
                digest[:12] if digest else "sources" for digest in comparison.hashes
            )
            yield f"bundle: {before} → {after}"

    def _paint(self, code: str, text: str) -> str:
        return f"{code}{text}{_PLAIN}" if self._has_colour else text

"""All that a review is told about two policy sets, in words and ready to be printed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from lockgate.review.difference import (
    CHANGES,
    GAINED,
    UNKNOWN,
    find_differences,
    find_isolated,
)
from lockgate.review.dns_names import find_name_differences
from lockgate.review.joint import NOWHERE, find_ground
from lockgate.review.names import Namer
from lockgate.review.prefix_sets import prefixes_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lockgate.review.difference import Difference, Ports
    from lockgate.review.dns_names import NameDifference
    from lockgate.review.joint import Ground, Group
    from lockgate.review.tracing import TracingRow
    from lockgate.review.view import Reason, View

WORDS = (
    "gained",
    "lost",
    "changed",
    "exposed",
    "unprotected",
    "isolated",
    "enforcing",
    "any",
)
"""What ``--fail-on`` knows."""


class Row(NamedTuple):
    """One difference: subjects and peers by name.

    ``is_exposed``: the subjects can now be reached from public addresses.
    """

    change: str
    cause: str
    direction: str
    subjects: tuple[str, ...]
    peers: tuple[str, ...]
    ports: Ports
    before: str
    after: str
    because_before: tuple[Reason, ...]
    because_after: tuple[Reason, ...]
    is_exposed: bool = False

    @property
    def sources(self) -> tuple[str, ...]:
        """Who sends."""
        return self.peers if self.direction == "ingress" else self.subjects

    @property
    def destinations(self) -> tuple[str, ...]:
        """Who is sent to."""
        return self.subjects if self.direction == "ingress" else self.peers


class Sizes(NamedTuple):
    """What a policy set costs: of the whole cluster, before a node takes its part."""

    map_entries: int
    map_bytes: int
    instructions: int | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is not the same.

    ``exposed``, ``unprotected`` and ``isolated`` are (direction, names of the subjects);
    ``is_same_text``: not even the text of the inputs differs.  ``hashes`` are those of
    bundles.  ``notes`` are what the reader must know about the comparison itself.
    ``paths`` are those of the files of after, by their names in reasons.  ``uncompared``
    is what the inputs have, or may have, and nobody looked at.  ``tracing`` are the differences
    of tracing policies, which judge no traffic.
    """

    rows: tuple[Row, ...]
    exposed: tuple[str, ...] = ()
    unprotected: tuple[tuple[str, tuple[str, ...]], ...] = ()
    isolated: tuple[tuple[str, tuple[str, ...]], ...] = ()
    only_before: tuple[str, ...] = ()
    only_after: tuple[str, ...] = ()
    sizes: tuple[Sizes, Sizes] | None = None
    hashes: tuple[str | None, str | None] = (None, None)
    is_same_text: bool = False
    notes: tuple[str, ...] = ()
    uncompared: tuple[str, ...] = ()
    tracing: tuple[TracingRow, ...] = ()
    paths: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_same(self) -> bool:
        """Whether both sets judge everything that was compared alike."""
        return not (self.rows or self.only_before or self.only_after or self.tracing)

    @property
    def is_identical(self) -> bool:
        """Whether nothing differs, also of what was not compared."""
        return self.is_same and (self.is_same_text or not self.uncompared)

    def count(self, change: str) -> int:
        """Return how many rows are of one change."""
        changes = [
            *(row.change for row in self.rows),
            *(t.change for t in self.tracing),
        ]
        return changes.count(change)

    @property
    def enforcing(self) -> tuple[TracingRow, ...]:
        """What tracing policies deny or kill now, or no more, or otherwise."""
        return tuple(row for row in self.tracing if row.is_enforcing)

    def has(self, word: str) -> bool:
        """Whether something was found that ``--fail-on`` calls by this word."""
        if word == "any":
            return not self.is_same
        found: Any = getattr(self, word, None)
        return bool(found) if found is not None else self.count(word) > 0

    @property
    def summary(self) -> dict[str, Any]:
        """The counts, for machines."""
        found: dict[str, Any] = {
            "identical": self.is_identical,
            "same_text": self.is_same_text,
            **{change: self.count(change) for change in CHANGES},
            "enforcing": len(self.enforcing),
            "exposed": list(self.exposed),
            "unprotected": _by_direction(self.unprotected),
            "isolated": _by_direction(self.isolated),
            "only_before": list(self.only_before),
            "only_after": list(self.only_after),
            "not_compared": list(self.uncompared),
            "notes": list(self.notes),
        }
        if self.sizes is not None:
            before, after = self.sizes
            found["budget"] = {
                name: {"before": getattr(before, name), "after": getattr(after, name)}
                for name in Sizes._fields
                if getattr(before, name) is not None
            }
        if any(self.hashes):
            found["bundles"] = {"before": self.hashes[0], "after": self.hashes[1]}
        return found


def compare_views(
    before: View,
    between: View | None,
    after: View,
    cause: str,
    *,
    is_complete: bool = False,
) -> Comparison:
    """Compare; see ``difference`` for ``between`` and ``cause``.

    ``is_complete`` names every workload, node and prefix instead of sets of them.
    """
    ground = find_ground(before, after if between is None else between, after)
    found = find_differences(ground, before, between, after, cause)
    writer = _Writer(ground, before, after, is_complete=is_complete)
    rows = [row for difference in found if (row := writer.row(difference))]
    named = find_name_differences(ground, before, between, after, cause)
    rows += map(writer.row_of_name, named)
    isolated = [
        find_isolated(ground, view, place) for view, place in ((before, 0), (after, 2))
    ]
    there = {g for g in ground.groups if NOWHERE not in (g.tables[0], g.tables[2])}
    notes: tuple[str, ...] = ()
    if any(row.cause == UNKNOWN for row in rows):
        notes = (
            "the snapshots differ, and a bundle does not keep its policies: what the "
            "snapshot changed is not told apart; compare sources for that",
        )
    return Comparison(
        rows=tuple(sorted(rows, key=_order)),
        exposed=writer.exposed(found),
        unprotected=writer.by_direction((isolated[0] - isolated[1]) & there),
        isolated=writer.by_direction((isolated[1] - isolated[0]) & there),
        only_before=ground.only_before,
        only_after=ground.only_after,
        notes=notes,
    )


def _by_direction(
    some: Iterable[tuple[str, tuple[str, ...]]],
) -> Mapping[str, list[str]]:
    return {direction: list(names) for direction, names in some}


def _order(row: Row) -> tuple[object, ...]:
    is_by_snapshot = row.cause == "snapshot"
    return is_by_snapshot, CHANGES.index(row.change), not row.is_exposed, row[2:8]


class _Writer:
    """Puts differences into words."""

    def __init__(
        self, ground: Ground, before: View, after: View, *, is_complete: bool
    ) -> None:
        self._namer = Namer(ground)
        self._before = before
        self._after = after
        self._is_complete = is_complete

    def row(self, difference: Difference) -> Row | None:
        """Return a difference as a row; None where none of its peers can be one."""
        namer, kind, groups = self._namer, difference.kind, difference.groups
        seen = namer.seen(difference)
        if namer.ends(seen).is_empty:
            return None
        if self._is_complete:
            subjects, peers = namer.list_subjects(groups), namer.list_peers(seen)
        else:
            subjects = namer.name_subjects(groups)
            peers = namer.name_peers(kind, seen)
        return Row(
            kind.change,
            kind.cause,
            kind.direction,
            subjects,
            peers,
            kind.ports,
            kind.before,
            kind.after,
            _reasons(self._before, difference.decisions_before),
            _reasons(self._after, difference.decisions_after),
            self._exposes(difference),
        )

    def row_of_name(self, difference: NameDifference) -> Row:
        """Return the difference of a DNS name as a row."""
        kind, groups = difference.kind, difference.groups
        name_subjects = self._namer.name_subjects
        if self._is_complete:
            name_subjects = self._namer.list_subjects
        return Row(
            kind.change,
            kind.cause,
            kind.direction,
            name_subjects(groups),
            (f"fqdn {difference.name}",),
            kind.ports,
            kind.before,
            kind.after,
            tuple(sorted(difference.because_before, key=_reason_order)),
            tuple(sorted(difference.because_after, key=_reason_order)),
        )

    def exposed(self, differences: Iterable[Difference]) -> tuple[str, ...]:
        """Return who can be reached from public addresses that could not reach it."""
        groups = [g for d in differences if self._exposes(d) for g in d.groups]
        return self._namer.name_subjects(groups) if groups else ()

    def by_direction(
        self, groups: Iterable[Group]
    ) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return the names of some groups for each direction."""
        some = list(groups)
        found = []
        for direction in ("ingress", "egress"):
            own = [group for group in some if group.direction == direction]
            if own:
                found.append((direction, self._namer.name_subjects(own)))
        return tuple(found)

    def _exposes(self, difference: Difference) -> bool:
        kind = difference.kind
        if kind.change != GAINED or kind.direction != "ingress":
            return False
        world = self._namer.ends(self._namer.seen(difference)).world
        return any(prefix.is_global for prefix in prefixes_of(world))


def _reasons(view: View, decisions: Iterable[int]) -> tuple[Reason, ...]:
    found = {reason for number in decisions for reason in view.read_reasons(number)}
    return tuple(sorted(found, key=_reason_order))


def _reason_order(reason: Reason) -> tuple[str, int, Reason]:
    return reason.file or "", reason.line or 0, reason


__all__ = ["WORDS", "Comparison", "Row", "Sizes", "compare_views"]

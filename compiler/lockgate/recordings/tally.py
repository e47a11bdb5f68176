"""Count recorded flows: what is kept is one entry for each pair of ends, port and variant.

A hook on each side of a flow records for itself, so one flow has lines of two directions.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from lockgate.recordings.addresses import parse_address
from lockgate.recordings.ends import UnknownEndError
from lockgate.recordings.record import Record, Recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lockgate.ir.policy import Protocol
    from lockgate.recordings.ends import End, Ends
    from lockgate.recordings.record import RecordedEnd

MOST_NAMES = 8
"""So many DNS names are kept of an end outside."""

MOST_REASONS = 1000
"""So many unknown ends are named one by one; pods come and go without end."""


class FlowKey(NamedTuple):
    """Flows that are counted together; ``variant`` is the caller's own distinction."""

    source: End
    destination: End
    protocol: Protocol
    port: int
    variant: str = ""


@dataclass(slots=True)
class Seen:
    """How often a flow was recorded: (direction, what happened) → lines, first and last.

    ``passes`` and ``denials`` are the times (first, last) of those; "" is not known.
    """

    counts: Counter[tuple[str | None, Recorded]] = field(default_factory=Counter)
    passes: tuple[str, str] = ("", "")
    denials: tuple[str, str] = ("", "")
    names: set[str] = field(default_factory=set)

    def add(self, record: Record) -> None:
        """Count one line."""
        self.counts[record.direction, record.recorded] += 1
        if record.recorded is Recorded.DENIED:
            self.denials = _widen(self.denials, record.time)
        else:
            self.passes = _widen(self.passes, record.time)
        for name in record.destination.names[:MOST_NAMES]:
            if len(self.names) < MOST_NAMES:
                self.names.add(name)

    def count(self, *recorded: Recorded) -> int:
        """Return the lines of the side that has most of them."""
        directions = {direction for direction, _ in self.counts}
        return max(
            (sum(self.counts[d, what] for what in recorded) for d in directions),
            default=0,
        )

    @property
    def passed(self) -> bool:
        """Whether such flows got through: some side let one pass, and none only denied."""
        return bool(self.count(Recorded.PASSED, Recorded.AUDITED)) and not self.denied

    @property
    def denied(self) -> bool:
        """Whether some side denied them, and let none pass."""
        return any(
            what is Recorded.DENIED
            and not self.counts[direction, Recorded.PASSED]
            and not self.counts[direction, Recorded.AUDITED]
            for direction, what in tuple(self.counts)
        )


@dataclass(slots=True)
class Tally:
    """Counts records by their ends; ``unknown`` are those of which an end is not known.

    ``refine`` says under which key a record is counted: one address for all that are alike,
    a variant for what is to be counted apart.
    """

    ends: Ends
    refine: Callable[[FlowKey, Record], FlowKey]
    flows: dict[FlowKey, Seen] = field(default_factory=dict)
    unknown: Counter[str] = field(default_factory=Counter)

    def add(self, records: Iterable[Record]) -> None:
        """Count all of them."""
        for record in records:
            try:
                key = self._key(record)
            except UnknownEndError as error:
                self._note_unknown(str(error))
                continue
            seen = self.flows.get(key)
            if seen is None:
                seen = self.flows[key] = Seen()
            seen.add(record)

    def _note_unknown(self, why: str) -> None:
        if why not in self.unknown and len(self.unknown) >= MOST_REASONS:
            why = "more ends that are not in the snapshot"
        self.unknown[why] += 1

    def _key(self, record: Record) -> FlowKey:
        family = _family(record)
        source, destination = (
            self.ends.find(_plain(end), family, record.node, record.cluster)
            for end in (record.source, record.destination)
        )
        key = FlowKey(source, destination, record.protocol, record.port)
        return self.refine(key, record)


def _family(record: Record) -> int | None:
    """Return the IP version of a flow."""
    for end in (record.source, record.destination):
        address = parse_address(end.address) if end.address else None
        if address is not None:
            return address.version
    return None


def _plain(end: RecordedEnd) -> RecordedEnd:
    """Leave out what does not matter for who it is, so that ends are found again."""
    return end._replace(names=()) if end.names else end


def _widen(times: tuple[str, str], time: str) -> tuple[str, str]:
    if not time:
        return times
    first, last = times
    return (min(first, time) if first else time), max(last, time)

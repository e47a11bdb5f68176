"""Hold back beginnings and ends of processes of a cgroup that has too many of them.

As the reference's ``--cgroup-rate``: past so many in an interval the events of the cgroup are held
back, which ``process_throttle`` tells; when an interval passes with fewer, it tells the end.  The
reader does it, so that processes stay known: what is saved is what is written and stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate_runtime.tracing.json_text import dumps
from lockgate_runtime.tracing.times import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST = 8192
"""Cgroups that are watched at once; those that were quiet longest are forgotten first."""


@dataclass(slots=True)
class _Interval:
    """One cgroup: since when it is counted, and how many there were."""

    since: int
    count: int = 0
    is_throttled: bool = False


class Throttle:
    """At most ``most`` events of a cgroup in ``interval`` nanoseconds; counts ``withheld`` ones.

    ``tell`` makes a line of (word, cgroup, time); times are of the records, of boot.
    """

    def __init__(
        self, most: int, interval: int, tell: Callable[[str, int, int], str]
    ) -> None:
        self._most, self._interval, self._tell = most, interval, tell
        self._cgroups: dict[int, _Interval] = {}
        self.withheld = 0

    def admit(self, cgroup: int, time: int, line: str) -> list[str]:
        """Return what to write of one event of a cgroup: it, nothing, or what changed."""
        found = self._cgroups.pop(cgroup, None) or _Interval(time)
        self._cgroups[cgroup] = found
        told = self._pass(cgroup, found, time)
        if len(self._cgroups) > _MOST:
            oldest = next(iter(self._cgroups))
            if self._cgroups.pop(oldest).is_throttled:
                told.append(self._tell("THROTTLE_STOP", oldest, time))
        found.count += 1
        if found.count > self._most and not found.is_throttled:
            found.is_throttled = True
            told.append(self._tell("THROTTLE_START", cgroup, time))
        if found.is_throttled:
            self.withheld += 1
            return told
        return [*told, line]

    def settle(self, time: int) -> list[str]:
        """Return the ends of those that are quiet now."""
        told: list[str] = []
        for cgroup, found in self._cgroups.items():
            if found.is_throttled:
                told += self._pass(cgroup, found, time)
        return told

    def _pass(self, cgroup: int, found: _Interval, time: int) -> list[str]:
        """Begin a new interval where one is over; tell the end where it had few, or none was."""
        passed = (time - found.since) // self._interval
        if passed < 1:
            return []
        was_quiet = passed > 1 or found.count <= self._most
        found.since, found.count = found.since + passed * self._interval, 0
        if not (found.is_throttled and was_quiet):
            return []
        found.is_throttled = False
        return [self._tell("THROTTLE_STOP", cgroup, time)]


def throttle_line(word: str, cgroup: str, node: str, time: int) -> str:
    """Return the line that tells it.  ``time``: nanoseconds since 1970."""
    event = {
        "process_throttle": {"type": word, "cgroup": cgroup},
        "node_name": node,
        "time": timestamp(time),
    }
    return dumps(event)

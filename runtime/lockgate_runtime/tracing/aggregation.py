"""Events that differ in nothing but their time are told once in a window, with their count.

As the interface has it: ``aggregation_info.count``, and the time is that of the first.  Beginnings
and ends of processes are never joined, nor what was lost.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST = 8192
"""Events that wait at once; with more the window ends early."""
_SINGLE = (
    '{"process_exec"',
    '{"process_exit"',
    '{"process_throttle"',
    '{"rate_limit_info"',
)
_TIME = re.compile(r',\s*"time":\s*"[^"]*"')


class Aggregator:
    """One window after the other, each ``seconds`` long."""

    def __init__(
        self, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds, self._clock = seconds, clock
        self._since = clock()
        self._waiting: dict[str, list[str | int]] = {}

    def add(self, lines: list[str]) -> list[str]:
        """Return what is to be written now, in the order of the first of each."""
        passed: list[str] = []
        if self._waiting and self._clock() - self._since >= self._seconds:
            passed = self.flush()
        for line in lines:
            times = list(_TIME.finditer(line))
            if line.startswith(_SINGLE) or not times:
                passed.append(line)
                continue
            if not self._waiting:
                self._since = self._clock()
            found = self._waiting.setdefault(_without(line, times[-1]), [line, 0])
            found[1] = int(found[1]) + 1
            if len(self._waiting) >= _MOST:
                passed += self.flush()
        return passed

    def flush(self) -> list[str]:
        """End the window; return what waited."""
        waiting, self._waiting = self._waiting, {}
        return [
            f'{line[:-1]},"aggregation_info":{{"count":"{count}"}}}}'
            for line, count in (map(str, row) for row in waiting.values())
        ]


def _without(line: str, match: re.Match[str]) -> str:
    return line[: match.start()] + line[match.end() :]

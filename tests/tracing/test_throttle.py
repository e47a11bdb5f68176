"""Cgroups that begin too many processes are held back, and told of."""

from __future__ import annotations

import json

from lockgate_runtime.tracing.compact import print_event
from lockgate_runtime.tracing.throttle import Throttle, throttle_line
from tests.tracing.walk_events import faults


def _tell(word: str, cgroup: int, time: int) -> str:
    return f"{word.removeprefix('THROTTLE_')} {cgroup} {time}"


def test_a_cgroup_is_held_back_until_an_interval_has_few() -> None:
    """Others go on; beginning and end are told once."""
    throttle = Throttle(2, 100, _tell)
    written = [line for t in range(5) for line in throttle.admit(7, t, f"e{t}")]
    assert written == ["e0", "e1", "START 7 2"]
    assert throttle.withheld == 3
    assert throttle.admit(8, 5, "other") == ["other"]
    assert throttle.admit(7, 101, "x") == []  # the interval before had too many
    assert throttle.settle(150) == []
    assert throttle.admit(7, 202, "y") == ["STOP 7 202", "y"]
    assert throttle.withheld == 4


def test_a_cgroup_that_is_silent_is_let_go() -> None:
    """Without an event of it, when the next interval is over."""
    throttle = Throttle(1, 100, _tell)
    for time in range(3):
        throttle.admit(7, time, "e")
    assert throttle.settle(99) == []
    assert throttle.settle(100) == []
    assert throttle.settle(200) == ["STOP 7 200"]
    assert throttle.settle(1000) == []


def test_memory_is_bounded(monkeypatch: object) -> None:
    """Cgroups come and go."""
    throttle = Throttle(1, 100, _tell)
    for cgroup in range(20_000):
        throttle.admit(cgroup, cgroup, "e")
    assert len(throttle._cgroups) <= 8192


def test_the_event_is_of_the_interface() -> None:
    """And has its short line."""
    event = json.loads(throttle_line("THROTTLE_START", "shop\x1b.slice", "node", 1))
    assert faults(event, additions=False) == []
    assert print_event(event) == '🧬 throttle START "shop\\x1b.slice"'

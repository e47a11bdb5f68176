"""Events whose like there was: the same lines as those that are decoded, and what changes shows."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

from lockgate_runtime.tracing import alike, layout
from lockgate_runtime.tracing.alike import AlikeEvents
from lockgate_runtime.tracing.frames import Hooks
from lockgate_runtime.tracing.records import decode_record
from tests.tracing.test_events import process, record, renderer, value

if TYPE_CHECKING:
    import pytest

HOOK = {
    "number": 0,
    "name": "files",
    "kind": "kprobe",
    "function": "f",
    "arguments": [{"type": "int", "label": ""}],
    "data": [],
    "returned": None,
    "selectors": [],
}
SITES = {"sites": [{"functions": ["f"], "hooks": [0]}], "hooks": [HOOK]}


def hook(number: int, time: int = 7, **fields: int) -> bytes:
    """Return the record of a hook with a number for its argument."""
    shown = value("signed", 0, struct.pack("<q", number))
    return record("hook", shown, **{"time": time, "start": 1000, "tgid": 10, **fields})


def line_of(events: AlikeEvents, data: bytes) -> str:
    """Return the line as a reader gets it: found, or else rendered and remembered."""
    line = events.find(data) or events.render(data, decode_record(data))
    assert line is not None
    return line


def test_found_lines_are_those_that_decoding_gives() -> None:
    """Whatever of a record differs from the one before."""
    found = renderer(hooks_of=lambda _: Hooks.of(SITES))
    found.cache.add_record(process(20, 2000, (10, 1000)))
    events = AlikeEvents(found)
    line_of(events, hook(1))
    assert events.find(hook(1, time=9)), "time is its own"
    for data in (
        hook(1, time=10**9),
        hook(1, tid=11),
        hook(1, start=2000, tgid=20),
        hook(1, start=5, tgid=99),
        hook(2),
        hook(1, action=3),
        hook(1, cgroup=5),
        hook(1, generation=2),
    ):
        for _ in range(2):
            plain = renderer(hooks_of=lambda _: Hooks.of(SITES))
            plain.cache.add_record(process(20, 2000, (10, 1000)))
            assert line_of(events, data) == plain.render(decode_record(data))


def test_who_changed_is_shown_as_it_is() -> None:
    """New credentials are in the next event, of the same thread too."""
    found = renderer(hooks_of=lambda _: Hooks.of(SITES))
    events = AlikeEvents(found)
    before = json.loads(line_of(events, hook(1)))
    changed = struct.pack("<8I3Q6I", *[7] * 8, 1, 1, 0, *[0] * 6)
    told = record("credentials", value("credentials", 0, changed), start=1000, tgid=10)
    assert events.render(told, decode_record(told)) is None
    after = json.loads(line_of(events, hook(1)))
    assert before["process_kprobe"]["process"]["uid"] == 0
    assert after["process_kprobe"]["process"]["uid"] == 7


def test_what_has_side_effects_or_is_of_one_process_is_not_remembered() -> None:
    """Stacks, hashes, requests; hooks whose names may still come; long values."""
    events = AlikeEvents(renderer(hooks_of=lambda _: Hooks.of(SITES)))
    for kind in sorted(layout.SUPPLEMENTS):
        line_of(events, record("hook", value(kind, 0, bytes(16)), start=1000, tgid=10))
    line_of(events, record("hook", value("string", 0, bytes(600)), tgid=10))
    assert len(events) == 0
    nameless = AlikeEvents(renderer())
    line_of(nameless, hook(1))
    assert len(nameless) == 0


def test_bodies_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many values there are."""
    monkeypatch.setattr(alike, "_MOST", 10)
    events = AlikeEvents(renderer(hooks_of=lambda _: Hooks.of(SITES)))
    for number in range(100):
        line_of(events, hook(number))
        assert len(events) <= 10

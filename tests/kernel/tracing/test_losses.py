"""What is lost is counted: a full ring, a full map, readers that end before they wrote."""

from __future__ import annotations

import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime.bpf import Map
from lockgate_runtime.bpf_object import Object
from lockgate_runtime.observe.ring import Ring
from lockgate_runtime.state import State
from lockgate_runtime.tracing import layout
from lockgate_runtime.tracing.attach import attach_site
from lockgate_runtime.tracing.records import is_tracing
from lockgate_runtime.tracing.sites import Site
from lockgate_runtime.tracing.stream import EventStream, read_counters
from tests.kernel.tracing.sensed import ALL, Events, sensor, spawn

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate_runtime.pins import Pins

pytestmark = pytest.mark.kernel


def test_what_a_full_ring_loses_is_counted(pins: Pins, events: Events) -> None:
    """What was read and what was lost are together what happened; the stream says so."""
    before = _counters(pins)
    rounds = 150
    for _ in range(rounds):
        spawn("/bin/true", "x" * 12_000)
    lines = events.read()
    after = _counters(pins)
    made, lost = (after[n] - before[n] for n in ("events", "lost"))
    assert made + lost >= 3 * rounds
    assert lost > 0
    told = sum(event["losses"]["lost"] for event in lines if "losses" in event)
    assert told == lost
    execs = [e for e in lines if "process_exec" in e]
    assert 0 < len(execs) < rounds


def test_a_full_map_is_counted_and_events_go_on(tmp_path: Path) -> None:
    """A process without room has no record, but its exec is told."""
    with Object("process", sensor(), is_tracing=True) as loaded:
        loaded.resize("processes", 1)
        loaded.skip("credentials_changed")  # not every kernel has trampolines
        loaded.load()
        with (
            loaded.map("processes") as processes,
            loaded.map("tracing_counters") as counters,
            loaded.program("process_fork") as fork,
            loaded.program("process_exec") as execute,
        ):
            processes.set(struct.pack("=Q", 0), layout.PROCESS.pack(tgid=0))
            links = [
                link
                for program, name in ((fork, "process_fork"), (execute, "process_exec"))
                for link in attach_site(_site(loaded, name), [program])
            ]
            spawn("/bin/true")
            spawn("/bin/true")
            found = read_counters(counters)
            for link in links:
                link.close()
    assert found["full"] >= 4
    assert found["events"] >= 4


def test_a_reader_that_is_killed_leaves_all_to_the_next(
    pins: Pins, tmp_path: Path
) -> None:
    """Programs are pinned; what happened meanwhile is in the ring."""
    command = (sys.executable, "-m", "lockgate_runtime", "events", "--follow")
    place = ("--root", str(pins.root), "--state", str(tmp_path))
    with subprocess.Popen(  # noqa: S603 - ours
        [*command, "-o", "json", *place], stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout is not None
        spawn("/bin/true", "seen")
        assert any('"seen"' in line for line in iter(reader.stdout.readline, ""))
        reader.kill()
    pid = spawn("/bin/true", "unseen")
    with EventStream(pins, State(pins.root, tmp_path), "node-1", ALL) as stream:
        (body,) = Events(stream).of("process_exec", pid)
    assert body["process"]["arguments"] == "unseen"


def test_what_a_reader_took_and_never_wrote_is_counted(
    pins: Pins, tmp_path: Path
) -> None:
    """The next one tells how many, once: events, forks and all."""
    state = State(pins.root, tmp_path)

    def unseen() -> list[int]:
        with EventStream(pins, state, "node-1", ALL) as stream:
            found = Events(stream).read()
            stream.confirm()
        losses = [event["losses"] for event in found if "losses" in event]
        return [lost["unseen"] for lost in losses if "unseen" in lost]

    spawn("/bin/true", "first")
    assert unseen() == []
    spawn("/bin/true", "second")
    with Ring(pins.map("events")) as ring:
        taken = [data for data in ring.take(0) if is_tracing(data)]
    assert len(taken) >= 3
    spawn("/bin/true", "third")
    assert unseen() == [len(taken)]
    assert unseen() == []


def _counters(pins: Pins) -> dict[str, int]:
    with Map.pinned(pins.map("tracing_counters")) as counters:
        return read_counters(counters)


def _site(loaded: Object, name: str) -> Site:
    place = loaded.section(name).partition("/")[2]
    return Site(name, "process.o", "tp_btf", (place,))

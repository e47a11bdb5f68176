"""The process sensor, started below pins of the tests' own, and who reads it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime.bpf import Map, MapType
from lockgate_runtime.pins import Pins, remove_tree
from lockgate_runtime.state import State
from lockgate_runtime.tracing.sensor import start_sensor, stop_sensor
from lockgate_runtime.tracing.stream import EventStream
from tests.kernel.tracing.sensed import ALL, Events, sensor

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def pins() -> Iterator[Pins]:
    """Start the sensor below pins of the tests' own."""
    if " /sys/fs/bpf bpf " not in Path("/proc/mounts").read_text():
        pytest.skip("needs a BPF file system: mount -t bpf bpf /sys/fs/bpf")
    pins = Pins(Path(f"/sys/fs/bpf/lockgate-test-{os.getpid()}"))
    pins.create()
    try:
        # Smaller than it would be, so that it is soon full.
        with Map.create(MapType.RINGBUF, "events", 0, 0, 1 << 20) as ring:
            ring.pin(pins.map("events"))
        start_sensor(pins, sensor())
        yield pins
    finally:
        stop_sensor(pins)
        remove_tree(pins.root)


@pytest.fixture
def events(pins: Pins, tmp_path: Path) -> Iterator[Events]:
    """Read the events of this node."""
    state = State(pins.root, tmp_path)
    with EventStream(pins, state, "node-1", ALL) as stream:
        while stream.take(0):
            pass  # what other tests have left
        yield Events(stream)

"""Counters and sizes of maps, of all that is loaded."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import Map
from lockgate_runtime.damage import check_active
from lockgate_runtime.errors import BpfError
from lockgate_runtime.layout import COUNTER, ENUMERATIONS, EVENT_BUDGET
from lockgate_runtime.tracing.metric import Metric, of_one
from lockgate_runtime.tracing.plane_metrics import plane_metrics
from lockgate_runtime.tracing.stream import read_counters

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State


_TRACING = {
    "events": "Records of tracing that were put into the ring.",
    "lost": "Records of tracing for which the ring had no room.",
    "limited": "Events that a rate limit held back.",
    "unknown": "Hits whose binary was judged on the spot, for want of a record.",
    "full": "Processes and cgroups for which a map had no room.",
    "nested": "Events lost because a CPU was building too many at once.",
    "calls": "Calls that were kept until they return, where probes see returns.",
    "returns": "Calls that returned; others are under way, never end, or were missed.",
    "missed": "Returns whose call was not kept, for want of room.",
    "unclassified": "Hits of processes of unknown pods, which count as selected.",
}
_MAPS = ("processes", "cgroups", "flows")


def all_metrics(pins: Pins, state: State) -> list[Metric]:
    """Return all metrics of what is loaded; of nothing, that nothing is.

    E5042 where it is not known what is in force.
    """
    check_active(pins)
    return [*_metrics(pins), *plane_metrics(pins, state)]


def _metrics(pins: Pins) -> Iterable[Metric]:
    help_ = "Whether anything is loaded."
    yield of_one("lockgate_loaded", "gauge", help_, int(pins.exist))
    counters = _open(pins, "tracing_counters")
    if counters:
        with counters:
            for name, value in read_counters(counters).items():
                full_name = f"lockgate_tracing_{name}_total"
                yield of_one(full_name, "counter", _TRACING[name], value)
    sizes = []
    for name in _MAPS:
        opened = _open(pins, name)
        if opened:
            with opened:
                room = opened.info.max_entries
                sizes.append(({"map": name}, sum(1 for _ in opened.items()), room))
    if sizes:
        used = [(labels, count) for labels, count, _ in sizes]
        yield Metric("lockgate_map_entries", "gauge", "Entries of a map.", used)
        rooms = [(labels, room) for labels, _, room in sizes]
        yield Metric("lockgate_map_entries_max", "gauge", "Entries that fit.", rooms)
    yield from _network(pins)


def _network(pins: Pins) -> Iterable[Metric]:
    budget = _open(pins, "event_budget")
    if budget:
        with budget:
            value = budget.get(bytes(4)) or b""
        size = (EVENT_BUDGET.size + 7) // 8 * 8
        lost = sum(
            int(EVENT_BUDGET.unpack(value[at:])["lost"])
            for at in range(0, len(value), size)
        )
        help_ = "Events of the network that were over the budget or found no room."
        yield of_one("lockgate_flow_events_lost_total", "counter", help_, lost)
    drops = _open(pins, "drop_counters")
    if drops:
        with drops:
            samples = []
            for number, word in enumerate(ENUMERATIONS["reason"]):
                value = drops.get(number.to_bytes(4, "little")) or b""
                packets = sum(
                    int(COUNTER.unpack(value[at:])["packets"])
                    for at in range(0, len(value), COUNTER.size)
                )
                if packets:
                    samples.append(({"reason": word}, packets))
        help_ = "Packets that were dropped, by reason."
        yield Metric("lockgate_dropped_packets_total", "counter", help_, samples)


def _open(pins: Pins, name: str) -> Map | None:
    try:
        return Map.pinned(pins.map(name))
    except BpfError as error:
        if error.errno != errno.ENOENT:
            raise
        return None

"""Metrics of what is in force and of its readers: generation, policies, programs, events."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import Map, Program
from lockgate_runtime.errors import BpfError
from lockgate_runtime.generation import generation_in
from lockgate_runtime.pins import list_folder
from lockgate_runtime.slot import read_slot
from lockgate_runtime.tracing.generation import tracing_folder
from lockgate_runtime.tracing.metric import Metric, of_one
from lockgate_runtime.tracing.modes import is_to_trace, read_modes
from lockgate_runtime.tracing.reader_state import LOSSES, read_state
from lockgate_runtime.tracing.sites import SITES, SitesError, read_sites

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State
    from lockgate_runtime.tracing.metric import Sample


def plane_metrics(pins: Pins, state: State) -> Iterator[Metric]:
    """Yield the metrics; none where nothing is loaded."""
    if not pins.exist or not pins.map("slot").exists():
        return
    slot = read_slot(pins)
    number = generation_in(pins, slot.active)
    help_ = "Number of the generation that is in force; 0 where none is."
    yield of_one("lockgate_generation", "gauge", help_, number or 0)
    help_ = "Whether the generation waits for its confirmation."
    yield of_one("lockgate_generation_pending", "gauge", help_, int(slot.is_pending))
    if number is not None and is_to_trace(pins, state, number):
        yield from _policies(pins, state, number)
        yield from _programs(pins, number)
    yield from _readers(pins, state)


def _policies(pins: Pins, state: State, number: int) -> Iterator[Metric]:
    """Tell how many policies are in which mode, and which; nothing where names are lost."""
    try:
        sites = read_sites(state.generation(number) / SITES)
    except (OSError, SitesError):
        return
    modes = [
        mode if policy.enforces else "observe"
        for policy, mode in zip(
            sites.policies, read_modes(pins, number, sites.policies), strict=True
        )
    ]
    counts = Counter(modes)
    yield Metric(
        "lockgate_tracing_policies",
        "gauge",
        "Tracing policies in force, by mode; observe: they have nothing to enforce.",
        [({"mode": mode}, counts[mode]) for mode in ("enforce", "monitor", "observe")],
    )
    yield Metric(
        "lockgate_tracing_policy",
        "gauge",
        "1 for each tracing policy in force, with its mode.",
        [
            ({"policy": policy.key, "mode": mode}, 1)
            for policy, mode in zip(sites.policies, modes, strict=True)
        ],
    )
    links = len(list_folder(tracing_folder(pins, number) / "links"))
    help_ = "Places where programs of tracing policies are attached."
    yield of_one("lockgate_tracing_links", "gauge", help_, links)


def _programs(pins: Pins, number: int) -> Iterator[Metric]:
    """Tell of each program what the kernel counts; runs and time only if it was asked to."""
    missed: list[Sample] = []
    runs: list[Sample] = []
    seconds: list[Sample] = []
    for pin in list_folder(tracing_folder(pins, number) / "programs"):
        try:
            with Program.pinned(pin) as program:
                info = program.info
        except BpfError:
            continue  # it went away meanwhile
        name = {"program": pin.name}
        missed.append((name, info.missed))
        if info.runs:
            runs.append((name, info.runs))
            seconds.append((name, info.nanoseconds / 1e9))
    yield Metric(
        "lockgate_program_missed_total",
        "counter",
        "Runs of a program that were left out, because it ran on that CPU already.",
        missed,
    )
    if runs:
        counted = "(counted after: sysctl kernel.bpf_stats_enabled=1)"
        help_ = f"Runs of a program {counted}."
        yield Metric("lockgate_program_runs_total", "counter", help_, runs)
        help_ = f"Time spent in a program {counted}."
        yield Metric("lockgate_program_seconds_total", "counter", help_, seconds)


def _readers(pins: Pins, state: State) -> Iterator[Metric]:
    """Tell what readers of events left: what they showed, what they lost."""
    try:
        with Map.pinned(pins.map("tracing_counters")) as counters:
            left = read_state(state.folder, counters.info.id)
    except BpfError:
        return
    if not left.is_known:
        return
    yield Metric(
        "lockgate_events_total",
        "counter",
        "Events that readers showed, by kind, policy and action.",
        [
            ({"event": event, "policy": policy, "action": action}, count)
            for (event, policy, action), count in sorted(left.seen.items())
        ],
    )
    help_ = "Records of tracing that readers took out of the ring."
    yield of_one("lockgate_events_read_total", "counter", help_, left.read)
    help_ = "Records that readers took and never wrote: they were killed."
    yield of_one("lockgate_events_unseen_total", "counter", help_, left.unseen)
    help_ = "Values that were shown cut: the ring had no room for their rests."
    yield of_one("lockgate_events_cut_total", "counter", help_, left.cut)
    told = [({"reason": name}, left.told.get(name, 0)) for name in LOSSES]
    help_ = "Losses of events that readers told of."
    yield Metric("lockgate_events_lost_told_total", "counter", help_, told)

"""The events of this node as lines: the ring, the processes, the names of what is in force."""

from __future__ import annotations

import contextlib
import errno
import json
import struct
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lockgate_runtime.bpf import Map
from lockgate_runtime.errors import BpfError
from lockgate_runtime.layout import EVENT_BUDGET
from lockgate_runtime.libbpf import keep_freed_memory
from lockgate_runtime.observe.events import EventError, decode_event
from lockgate_runtime.observe.flows import name_flow
from lockgate_runtime.observe.names import Names
from lockgate_runtime.observe.ring import Ring
from lockgate_runtime.pins import boot_time
from lockgate_runtime.tracing import layout
from lockgate_runtime.tracing.alike import AlikeEvents
from lockgate_runtime.tracing.cgroup_names import CgroupNames
from lockgate_runtime.tracing.continuations import Continuations, is_continuation
from lockgate_runtime.tracing.frames import Hooks
from lockgate_runtime.tracing.json_text import dumps
from lockgate_runtime.tracing.pod_names import PODS, PodNames, read_pod_names
from lockgate_runtime.tracing.proc import PROC, read_command
from lockgate_runtime.tracing.process_cache import ProcessCache
from lockgate_runtime.tracing.reader_state import (
    LOSSES,
    ReaderState,
    read_state,
    write_state,
)
from lockgate_runtime.tracing.records import RecordError, decode_record, is_tracing
from lockgate_runtime.tracing.render import Renderer, losses_line
from lockgate_runtime.tracing.requests import Requests
from lockgate_runtime.tracing.sites import SITES, SitesError, parse_sites
from lockgate_runtime.tracing.supplements import Supplements
from lockgate_runtime.tracing.symbols import Symbols
from lockgate_runtime.tracing.throttle import Throttle, throttle_line
from lockgate_runtime.tracing.times import timestamp
from lockgate_runtime.tracing.user_symbols import UserSymbols

if TYPE_CHECKING:
    from types import TracebackType

    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State

_SETTLED = 100_000_000
"""Nanoseconds after which no record comes late: CPUs write them side by side."""
_TIME, _TIME_AT = struct.Struct("<Q"), layout.TRACING_EVENT.offset("time")
_BASE = ("exec", "exit")
"""Records that a throttle may hold back."""
_BATCH = 1024
"""Records that are taken at once: their lines stay below some megabytes, ..."""
_KEPT = 8 << 20
"""... and that memory is used again and again."""
_GENERATIONS = 8
"""Generations whose names are remembered."""
_HOOKS_AGE = 2.0
"""Seconds after which a generation's names are looked for again."""


class EventStream:
    """The events of this node; a context manager with one reader's right to the ring."""

    def __init__(
        self,
        pins: Pins,
        state: State,
        node: str,
        ancestry: frozenset[str],
        cluster: str = "",
        requests: Requests | None = None,
        *,
        shows_addresses: bool = False,
    ) -> None:
        keep_freed_memory(_KEPT)
        self._ring = Ring(pins.map("events"), _BATCH)
        self._processes = _open(pins, "processes")
        self._counters = _open(pins, "tracing_counters")
        self._state = state
        self._symbols = Symbols()
        self._throttle: Throttle | None = None
        self._requests = requests or Requests()
        self._hooks: dict[int, tuple[float, Hooks]] = {}
        self._node = node
        self._clock = time.time_ns() - boot_time()
        self._budget = _open(pins, "event_budget")
        self._state_left = self._take_over()
        self.counts = {"events": 0, "lost": 0}
        self.is_drained = False
        """Whether the last :meth:`take` found nothing, or only what began after we did."""
        numbers = state.generation_numbers()
        self._cgroups = CgroupNames(pods=self._pods_of(max(numbers, default=0)))
        self.cache = ProcessCache(self._look_up, read_command)
        self.renderer = Renderer(
            self.cache,
            node,
            self._clock,
            host_namespaces(),
            hooks_of=self._hooks_of,
            cgroup=self._cgroups.find,
            symbol=lambda address: self._symbols.find(address)[0],
            supplements=Supplements(
                self._hooks_of,
                self._symbols,
                UserSymbols(self._is_running),
                self._requests,
                shows_addresses=shows_addresses,
            ).show,
            ancestry=ancestry,
            cluster=cluster,
            count=self._state_left.count,
        )
        self._alike = AlikeEvents(self.renderer)
        self._continuations = Continuations()
        if self._processes:
            for _, record in sorted(
                self._processes.items(), key=lambda item: item[1][:8]
            ):
                self.cache.add_record(record)

    def take(self, milliseconds: int) -> list[str]:
        """Wait for events, at most so long; what was lost since the last call comes last."""
        lines = []
        unreadable = 0
        records = self._ring.take(milliseconds)
        self.is_drained = not records
        for data in records:
            try:
                lines += self._lines(data)
            except (RecordError, EventError, struct.error, IndexError):
                unreadable += 1
        self._state_left.cut += self._continuations.take_cut()
        if self._throttle:
            lines += self._throttle.settle(boot_time())
        self.counts["events"] += len(lines)
        lines += map(self._answer, self._requests.take())
        lost = self._count_losses()
        lost["unreadable"] = unreadable
        if count := sum(lost.values()):
            self.counts["lost"] += count
            lines.append(losses_line(self._node, time.time_ns(), lost))
        return lines

    @property
    def is_over(self) -> bool:
        """Whether the ring was unloaded, and all that was in it is taken."""
        return self._ring.is_over

    def throttle(self, most: int, interval: int) -> None:
        """Hold back a cgroup's beginnings and ends past so many in so many nanoseconds."""

        def tell(word: str, cgroup: int, time: int) -> str:
            name = self._cgroups.path(cgroup) or f"cgroup {cgroup}"
            return throttle_line(word, name, self._node, self._clock + time)

        self._throttle = Throttle(most, interval, tell)

    @property
    def throttled(self) -> int:
        """How many events of cgroups were held back."""
        return self._throttle.withheld if self._throttle else 0

    def confirm(self) -> None:
        """Say that all that was taken is written: the next reader need not look for it."""
        write_state(self._state.folder, self._state_left)

    def finish(self) -> list[str]:
        """Return the last lines: what was asked for is waited for, some seconds."""
        return list(map(self._answer, self._requests.finish()))

    def close(self) -> None:
        """Leave the ring to the next reader."""
        self._ring.close()
        for opened in (self._processes, self._counters, self._budget):
            if opened:
                opened.close()

    def __enter__(self) -> EventStream:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def _lines(self, data: bytes) -> list[str]:
        """Return the line of one record, and others that it makes due; most often one."""
        if not is_tracing(data):
            return [self._flow(data)]
        self._state_left.read += 1
        self._note(data)
        if is_continuation(data):
            self._continuations.add(data)
            return []
        line = self._alike.find(data)
        if line is None:
            record = self._continuations.join(decode_record(data))
            line = self._alike.render(data, record)
            if line and self._throttle and record.kind in _BASE:
                return self._throttle.admit(record.cgroup, record.time, line)
        return [] if line is None else [line]

    def _flow(self, data: bytes) -> str:
        """Return the line of one of the network's events, which stand in the same ring."""
        event = decode_event(data)
        flow = name_flow(event, Names(), self._clock)
        return dumps(
            {
                "flow": asdict(flow),
                "node_name": self._node,
                "time": timestamp(self._clock + event.time),
            }
        )

    def _look_up(self, tgid: int) -> bytes | None:
        return self._processes.get(struct.pack("=Q", tgid)) if self._processes else None

    def _hooks_of(self, generation: int) -> Hooks:
        now = time.monotonic()
        asked, hooks = self._hooks.get(generation, (-_HOOKS_AGE, Hooks()))
        if not hooks.hooks and now - asked >= _HOOKS_AGE:
            try:
                text = (self._state.generation(generation) / SITES).read_bytes()
                parse_sites(text)
                hooks = Hooks.of(json.loads(text))
            except (OSError, SitesError):
                hooks = Hooks()
            else:
                self._cgroups.pods = self._pods_of(generation)
            self._hooks[generation] = now, hooks
            if len(self._hooks) > _GENERATIONS:
                del self._hooks[next(iter(self._hooks))]
        return hooks

    def _is_running(self, tgid: int, start: int) -> bool:
        """Whether a process still runs the program that it ran at ``start``."""
        record = self._look_up(tgid)
        return record is not None and struct.unpack_from("<Q", record)[0] == start

    def _pods_of(self, generation: int) -> PodNames:
        return read_pod_names(self._state.generation(generation) / PODS)

    def _answer(self, answer: dict[str, Any]) -> str:
        """Return the line of what came of a request."""
        return dumps(
            {
                "request": answer,
                "node_name": self._node,
                "time": timestamp(time.time_ns()),
            }
        )

    def _take_over(self) -> ReaderState:
        """Go on where the reader before ended; what it took and did not write is to be told."""
        number = self._counters.info.id if self._counters else 0
        left = read_state(self._state.folder, number)
        self._began = boot_time()
        total = read_counters(self._counters)["events"] if self._counters else 0
        # Less what we find in the ring, of those that were there when we began.
        self._missing = total - left.read - left.unseen
        self._is_continued, left.is_known = left.is_known, True
        with contextlib.suppress(OSError):  # then the next reader knows less
            self._state.folder.mkdir(parents=True, exist_ok=True)
        write_state(self._state.folder, left)
        return left

    def _note(self, data: bytes) -> None:
        """Take a record's time down: it was waiting for us, or all that did is read."""
        (time,) = _TIME.unpack_from(data, _TIME_AT)
        if time <= self._began:
            self._missing -= 1
        elif time > self._began + _SETTLED:
            self.is_drained = True

    def _count_losses(self) -> dict[str, int]:
        """Return what was lost since it was told last, by counter."""
        left = self._state_left
        totals = read_counters(self._counters) if self._counters else {}
        totals["flows"] = read_budget_lost(self._budget) if self._budget else 0
        lost = {name: totals.get(name, 0) - left.told.get(name, 0) for name in LOSSES}
        left.told = {name: totals.get(name, 0) for name in LOSSES}
        lost["unseen"] = 0
        if self.is_drained and self._missing > 0:
            lost["unseen"] = self._missing if self._is_continued else 0
            left.unseen += self._missing
            self._missing = 0
        return lost


def read_budget_lost(budget: Map) -> int:
    """Return how many events of the network found no room, over all CPUs."""
    values = budget.get(bytes(4)) or b""
    size = (EVENT_BUDGET.size + 7) // 8 * 8
    return sum(
        int(EVENT_BUDGET.unpack(values[at:])["lost"])
        for at in range(0, len(values), size)
    )


def read_counters(counters: Map) -> dict[str, int]:
    """Return the sums of ``layout.TRACING_COUNTERS`` over all CPUs."""
    values = counters.get(bytes(4)) or b""
    size = (layout.TRACING_COUNTERS.size + 7) // 8 * 8
    totals: dict[str, int] = {f.name: 0 for f in layout.TRACING_COUNTERS.fields}
    for at in range(0, len(values), size):
        for name, count in layout.TRACING_COUNTERS.unpack(values[at:]).items():
            totals[name] += int(count)
    return totals


def host_namespaces() -> tuple[int, ...]:
    """Return the namespaces of the host's first process; 0 where they may not be seen."""
    found = []
    for name in layout.NAMESPACES:
        try:
            found.append((PROC / "1/ns" / name).stat().st_ino)
        except OSError:
            found.append(0)
    return tuple(found)


def _open(pins: Pins, name: str) -> Map | None:
    try:
        return Map.pinned(pins.map(name))
    except BpfError as error:
        if error.errno != errno.ENOENT:
            raise
        return None

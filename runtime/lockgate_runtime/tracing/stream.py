"""The events of this node as lines: the ring, the processes, the names of what is in force."""

from __future__ import annotations

import errno
import json
import struct
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lockgate_runtime.bpf import Map
from lockgate_runtime.errors import BpfError
from lockgate_runtime.observe.events import EventError, decode_event
from lockgate_runtime.observe.flows import name_flow
from lockgate_runtime.observe.names import Names
from lockgate_runtime.observe.ring import Ring
from lockgate_runtime.pins import boot_time
from lockgate_runtime.tracing import layout
from lockgate_runtime.tracing.cgroup_names import CgroupNames
from lockgate_runtime.tracing.frames import Hooks
from lockgate_runtime.tracing.json_text import dumps
from lockgate_runtime.tracing.proc import PROC, read_command
from lockgate_runtime.tracing.process_cache import ProcessCache
from lockgate_runtime.tracing.records import RecordError, decode_record, is_tracing
from lockgate_runtime.tracing.render import Renderer, losses_line
from lockgate_runtime.tracing.sites import SITES
from lockgate_runtime.tracing.symbols import Symbols
from lockgate_runtime.tracing.times import timestamp

if TYPE_CHECKING:
    from types import TracebackType

    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State

_HOOKS_AGE = 2.0
"""Seconds after which a generation's names are looked for again."""
_LOSSES = ("lost", "nested")
"""Counters of events that nobody will see."""


class EventStream:
    """The events of this node; a context manager with one reader's right to the ring."""

    def __init__(
        self, pins: Pins, state: State, node: str, ancestry: frozenset[str]
    ) -> None:
        self._ring = Ring(pins.map("events"))
        self._processes = _open(pins, "processes")
        self._counters = _open(pins, "tracing_counters")
        self._stacks = _open(pins, "stacks")
        self._state = state
        self._symbols = Symbols()
        self._hooks: dict[int, tuple[float, Hooks]] = {}
        self._node = node
        self._clock = time.time_ns() - boot_time()
        self._lost = self._count_lost()
        self.counts = {"events": 0, "lost": 0}
        self.cache = ProcessCache(self._look_up, read_command)
        self.renderer = Renderer(
            self.cache,
            node,
            self._clock,
            host_namespaces(),
            hooks_of=self._hooks_of,
            cgroup=CgroupNames().find,
            symbol=lambda address: self._symbols.find(address)[0],
            stack=self._stack,
            ancestry=ancestry,
        )
        if self._processes:
            for _, record in sorted(
                self._processes.items(), key=lambda item: item[1][:8]
            ):
                self.cache.add_record(record)

    def take(self, milliseconds: int) -> list[str]:
        """Wait for events, at most so long; what was lost since the last call comes last."""
        lines = []
        unreadable = 0
        for data in self._ring.take(milliseconds):
            try:
                line = (
                    self.renderer.render(decode_record(data))
                    if is_tracing(data)
                    else self._flow(data)
                )
            except (RecordError, EventError, struct.error, IndexError):
                unreadable += 1
            else:
                if line is not None:
                    lines.append(line)
        self.counts["events"] += len(lines)
        total = self._count_lost()
        lost = {name: total[name] - self._lost[name] for name in _LOSSES}
        lost["unreadable"] = unreadable
        self._lost = total
        if count := sum(lost.values()):
            self.counts["lost"] += count
            lines.append(losses_line(self._node, time.time_ns(), lost))
        return lines

    def close(self) -> None:
        """Leave the ring to the next reader."""
        self._ring.close()
        for opened in (self._processes, self._counters, self._stacks):
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
                text = (self._state.generation(generation) / SITES).read_text()
                hooks = Hooks.of(json.loads(text))
            except (OSError, ValueError, KeyError, TypeError):
                hooks = Hooks()
            self._hooks[generation] = now, hooks
        return hooks

    def _stack(self, number: int) -> list[dict[str, Any]]:
        value = self._stacks.get(struct.pack("=I", number)) if self._stacks else None
        found = []
        for (address,) in struct.iter_unpack("<Q", value or b""):
            if not address:
                break
            name, offset, module = self._symbols.find(address)
            entry: dict[str, Any] = {}
            if offset:
                entry["offset"] = str(offset)
            if name:
                entry["symbol"] = name
            if module:
                entry["module"] = module.strip("[]")
            found.append(entry)
        return found

    def _count_lost(self) -> dict[str, int]:
        """Sum the counters over all CPUs."""
        totals = read_counters(self._counters) if self._counters else {}
        return {name: totals.get(name, 0) for name in _LOSSES}


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

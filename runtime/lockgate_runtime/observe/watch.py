"""Watch the flows of this node: the ring, the names that are in force, what was lost."""

from __future__ import annotations

import errno
import time
from typing import TYPE_CHECKING, cast

from lockgate_runtime import layout
from lockgate_runtime.bpf import Map
from lockgate_runtime.errors import BpfError
from lockgate_runtime.observe.events import EventError, decode_event
from lockgate_runtime.observe.flows import Flow, lost_flow, name_flow
from lockgate_runtime.observe.names import Names
from lockgate_runtime.observe.ring import Ring
from lockgate_runtime.pins import boot_time
from lockgate_runtime.tables import PackedTables
from lockgate_runtime.tracing.records import is_tracing

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State

_DAMAGES = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
_NAMES_AGE = 2.0
"""Seconds after which names are read again for a generation that is not known yet."""


class Watch:
    """The flows of this node as they happen; a context manager with one reader's right."""

    def __init__(
        self,
        pins: Pins,
        state: State,
        bundle: Path | None = None,
        *,
        is_next: bool = False,
    ) -> None:
        """Take names from a bundle, or else from what ``apply`` kept of it.

        ``is_next``: of one who watched the ring before; all that is lost is to be told.
        """
        self._ring = Ring(pins.map("events"))
        self._budget = _open_budget(pins.map("event_budget"))
        self._lost = 0 if is_next else self._count_lost()
        self._state = state
        self._bundle = bundle
        self._names: dict[int, Names] = {}
        self._asked: dict[int, float] = {}

    @property
    def is_over(self) -> bool:
        """Whether the ring was unloaded, and all that was in it is taken."""
        return self._ring.is_over

    def take(self, milliseconds: int) -> list[Flow]:
        """Wait for flows, at most so long; what was lost since the last call comes last."""
        clock = time.time_ns() - boot_time()
        flows = []
        unreadable = 0
        for record in self._ring.take(milliseconds):
            if is_tracing(record):
                continue  # `lockgate events` shows both
            try:
                event = decode_event(record)
            except EventError:
                unreadable += 1
            else:
                flows.append(name_flow(event, self._names_of(event.generation), clock))
        total = self._count_lost()
        lost, self._lost = total - self._lost + unreadable, total
        if lost:
            flows.append(lost_flow(lost, clock + boot_time()))
        return flows

    def close(self) -> None:
        """Leave the ring to the next reader."""
        self._ring.close()
        if self._budget:
            self._budget.close()

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def _names_of(self, generation: int) -> Names:
        """Return the names of a generation; ``apply`` writes them before it switches."""
        names = self._names.get(generation)
        now = time.monotonic()
        if (
            names is None
            and now - self._asked.get(generation, -_NAMES_AGE) >= _NAMES_AGE
        ):
            self._asked[generation] = now
            names = self._read_names(generation)
            if names:
                self._names[generation] = names
        return names or Names()

    def _read_names(self, generation: int) -> Names | None:
        folder = (
            self._bundle / "tables"
            if self._bundle
            else self._state.generation(generation)
        )
        names = ("rules.json", "identities.json", "endpoints.json")
        try:
            files = {name: (folder / name).read_bytes() for name in names}
            return Names.of(PackedTables(files), self._read_attachments(generation))
        except _DAMAGES:
            return None  # lost, or damaged

    def _read_attachments(self, generation: int) -> dict[int, str]:
        rows = self._state.read_node(generation).get("endpoints", [])
        return {row["attachment"]: f"{row['namespace']}/{row['name']}" for row in rows}

    def _count_lost(self) -> int:
        """Sum what the datapath could not write, over all CPUs."""
        if self._budget is None:
            return 0
        values = self._budget.get(bytes(4)) or b""
        size = (layout.EVENT_BUDGET.size + 7) // 8 * 8
        total = 0
        for at in range(0, len(values), size):
            total += cast("int", layout.EVENT_BUDGET.unpack(values[at:])["lost"])
        return total


def _open_budget(pin: Path) -> Map | None:
    try:
        return Map.pinned(pin)
    except BpfError as error:
        if error.errno != errno.ENOENT:
            raise
        return None

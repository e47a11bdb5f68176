"""Events of a machine as ``lockgate events`` shows them, held against the reference's interface."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from lockgate_runtime.bpf import Map
from lockgate_runtime.pins import boot_time
from lockgate_runtime.tracing.continuations import Continuations, is_continuation
from lockgate_runtime.tracing.frames import Hooks
from lockgate_runtime.tracing.proc import read_command
from lockgate_runtime.tracing.process_cache import ProcessCache
from lockgate_runtime.tracing.records import decode_record
from lockgate_runtime.tracing.render import ANCESTRY, Renderer
from lockgate_runtime.tracing.stream import host_namespaces
from lockgate_runtime.tracing.symbols import Symbols
from tests.tracing.walk_events import faults

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate_runtime.pins import Pins


class Reader:
    """Events as ``lockgate events`` shows them, with all ancestors."""

    def __init__(self, pins: Pins, folder: Path) -> None:
        self._continuations = Continuations()
        self._processes = Map.pinned(pins.map("processes"))
        symbols = Symbols()
        hooks = Hooks.of(json.loads((folder / "sites.json").read_text()))
        self._renderer = Renderer(
            ProcessCache(self._look_up, read_command),
            "machine",
            time.time_ns() - boot_time(),
            host_namespaces(),
            hooks_of=lambda _generation: hooks,
            symbol=lambda address: symbols.find(address)[0],
            ancestry=frozenset(ANCESTRY),
        )

    def show(self, record: bytes) -> tuple[dict[str, Any], list[str]]:
        """Return the event, and what is wrong with it by the reference's interface."""
        if is_continuation(record):
            self._continuations.add(record)
            return {}, []
        joined = self._continuations.join(decode_record(record))
        line = self._renderer.render(joined)
        event = json.loads(line) if line else {}
        return event, faults(event) if line else []

    def _look_up(self, tgid: int) -> bytes | None:
        return self._processes.get(
            tgid.to_bytes(self._processes.info.key_size, "little")
        )

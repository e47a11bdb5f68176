"""Load objects of the tracing plane, give them their maps, and fill those.

Three kinds of maps: shared ones outlive generations and are pinned by name; the other maps of a
generation are shared by its objects, by name; sections of constants belong to one object.
"""

from __future__ import annotations

import errno
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import Map, MapType
from lockgate_runtime.bpf_object import Object
from lockgate_runtime.environment import permission_error
from lockgate_runtime.errors import BpfError, NodeError
from lockgate_runtime.maps import fill_array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from lockgate_runtime.pins import Pins
    from lockgate_runtime.tracing.sites import TableFile

SHARED = frozenset(
    (
        "slot",
        "events",
        "processes",
        "cgroups",
        "tracing_counters",
        "classifiers",
        "event_rooms",
        "event_rooms_taken",
        "stacks",
        "sockets",
    )
)
"""Maps that outlive generations, pinned by their names; two of them are the network's, too."""

MODES = "modes"
"""The map of policies' modes, which people change: by policy number, 1 where it enforces."""

_LINES_OF_LOG = 24


class Pool:
    """The maps of one generation, and those that it shares with others below a root."""

    def __init__(
        self, pins: Pins, tables: Mapping[str, tuple[TableFile, Path]]
    ) -> None:
        self._pins = pins
        self._tables = tables
        self.own: dict[str, Map] = {}

    def close(self) -> None:
        """Let go of the generation's maps; programs and pins keep them."""
        for target in self.own.values():
            target.close()

    @contextmanager
    def loaded(
        self,
        name: str,
        elf: bytes,
        prepare: Callable[[Object], None] = lambda _object: None,
    ) -> Iterator[Object]:
        """Load an object with its maps; ``prepare`` is called before.  E5020, E5021, E5022."""
        try:
            target = Object(name, elf, is_tracing=True)
        except BpfError as error:
            raise refusal(error, f"open the object {name}") from None
        with target:
            prepare(target)
            for map_name in target.maps:
                self._prepare(target, map_name)
            try:
                target.load()
            except BpfError as error:
                raise refusal(error, f"load {name}") from None
            for map_name in target.maps:
                self._keep(target, map_name)
            yield target

    def _prepare(self, target: Object, name: str) -> None:
        if name in self.own:
            self._reuse(target, name, self.own[name])
        elif name in self._tables:
            table, _ = self._tables[name]
            _check_shape(target, table)
            target.resize(name, max(1, table.records))
        elif name in SHARED and self._pins.map(name).exists():
            with Map.pinned(self._pins.map(name)) as pinned:
                self._reuse(target, name, pinned)

    def _reuse(self, target: Object, name: str, source: Map) -> None:
        try:
            target.reuse(name, source)
        except ValueError:
            raise NodeError(
                "E5022",
                f"the map {name} pinned below {self._pins.top} is of another shape",
                "unload (lockgate unload), then apply again",
            ) from None

    def _keep(self, target: Object, name: str) -> None:
        if "." in name or name in self.own:
            return
        if name in SHARED:
            if not self._pins.map(name).exists():
                with target.map(name) as created:
                    created.pin(self._pins.map(name))
            return
        created = self.own[name] = target.map(name)
        if name in self._tables:
            table, path = self._tables[name]
            try:
                fill(created, table, path.read_bytes())
            except BpfError as error:
                raise refusal(error, f"fill {name}") from None


def fill(target: Map, table: TableFile, content: bytes) -> None:
    """Write the records of a table into its map; nobody changes it again, but for modes."""
    if not table.key_bytes:
        fill_array(target, [content])
    else:
        for key, value in _records(table, content):
            target.set(key, value)
    if target.info.name != MODES:
        target.freeze()


def _records(table: TableFile, content: bytes) -> Iterator[tuple[bytes, bytes]]:
    form = struct.Struct(f"={table.key_bytes}s{table.value_bytes}s")
    yield from form.iter_unpack(content)


def _check_shape(target: Object, table: TableFile) -> None:
    """E5010 where a table does not fit its map: the bundle is not of one piece."""
    kind, key, value = target.map_shape(table.map)
    is_array = kind in (MapType.ARRAY, MapType.PERCPU_ARRAY)
    if value != table.value_bytes or (0 if is_array else key) != table.key_bytes:
        raise NodeError(
            "E5010",
            f"{table.file} does not fit the map {table.map}",
            "compile the bundle again",
        )


def refusal(error: BpfError, what: str) -> NodeError:
    """Say which of our errors a refusal of the kernel is."""
    if error.errno in (errno.EPERM, errno.EACCES) and "LOAD LOG" not in error.log:
        return permission_error()
    lines = [line.rstrip() for line in error.log.splitlines() if line.strip()]
    log = "".join(f"\n  {line}" for line in lines[-_LINES_OF_LOG:])
    if error.errno == errno.ENOMEM or "create_map" in error.log:
        return NodeError(
            "E5021",
            f"cannot {what}: {error}{log}",
            "nothing was changed; give the node (or this control group) more memory",
        )
    return NodeError(
        "E5020",
        f"cannot {what}: {error}{log}",
        "nothing was changed; compile for this very kernel (lockgate target record)",
    )

"""Load objects of the tracing plane, give them their maps, and fill those.

Four kinds of maps: shared ones outlive generations and are pinned by name; those that a table of
no object names are shared by a generation; the other ones belong to one object, whose copies (a
program for each function) share them; sections of constants belong to one copy.
"""

from __future__ import annotations

import errno
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import Map
from lockgate_runtime.bpf_object import Object
from lockgate_runtime.environment import permission_error
from lockgate_runtime.errors import BpfError, NodeError
from lockgate_runtime.maps import fill_array, reuse_map
from lockgate_runtime.tracing.mode_map import MODES
from lockgate_runtime.tracing.place_tables import entries_of, read_table
from lockgate_runtime.tracing.sites import form_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

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
        "fork_classifiers",
        "event_rooms",
        "event_rooms_taken",
        "text_rooms",
        "sockets",
        "turns",
    )
)
"""Maps that outlive generations, pinned by their names; two of them are the network's, too."""

NOTIFICATIONS = "notifications"
"""The map of threads that enforcers were notified of, which hooks and enforcers share."""

_LINES_OF_LOG = 24


class Pool:
    """The maps of one generation, and those that it shares with others below a root.

    ``tables`` fill maps from files in ``folder``.  ``own`` is by object (empty for maps that
    all objects share) and name; ``kept`` are such as another generation has, too.
    """

    def __init__(
        self,
        pins: Pins,
        tables: Iterable[TableFile] = (),
        folder: Path = Path(),
        kept: Mapping[str, Map] = MappingProxyType({}),
    ) -> None:
        self._pins = pins
        self._tables = {(table.object, table.map): table for table in tables}
        self._folder = folder
        self.own: dict[tuple[str, str], Map] = {("", n): m for n, m in kept.items()}

    def _key(self, target: Object, name: str) -> tuple[str, str]:
        is_common = ("", name) in self._tables or name in (MODES, NOTIFICATIONS)
        return ("" if is_common else target.name), name

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
        key = self._key(target, name)
        if key in self.own:
            reuse_map(target, name, self.own[key], self._pins)
        elif key in self._tables:
            if entries := entries_of(self._tables[key]):
                target.resize(name, entries)
        elif form_of(name):
            raise NodeError(
                "E5010",
                f"the bundle has no table for the map {name} of {target.name}",
                "compile the bundle again",
            )
        elif name in SHARED and self._pins.map(name).exists():
            with Map.pinned(self._pins.map(name)) as pinned:
                reuse_map(target, name, pinned, self._pins)

    def _keep(self, target: Object, name: str) -> None:
        key = self._key(target, name)
        if "." in name or key in self.own:
            return
        if name in SHARED:
            if not self._pins.map(name).exists():
                with target.map(name) as created:
                    created.pin(self._pins.map(name))
            return
        created = self.own[key] = target.map(name)
        if key in self._tables and not self._tables[key].form:
            try:
                fill(created, self._tables[key], self._folder)
            except BpfError as error:
                raise refusal(error, f"fill {name}") from None


def fill(target: Map, table: TableFile, folder: Path) -> None:
    """Write a table into its map; nobody changes it again, but for modes.  E5010 as always."""
    keys, values = read_table(table, folder, target)
    if keys:
        target.set_many(keys, values)
    else:
        fill_array(target, [values])
    if target.info.name != MODES:
        target.freeze()


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

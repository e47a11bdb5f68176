"""Records of the processes that ran before the sensor did, from /proc.

The sensor is attached already, so that what begins, executes or ends meanwhile is written by the
kernel.  Its records are never touched: ours are only added (BPF_NOEXIST), and one whose process
ended in between is taken back.
"""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import Map
from lockgate_runtime.errors import BpfError
from lockgate_runtime.tracing import layout
from lockgate_runtime.tracing.proc import (
    cgroup_root,
    list_processes,
    read_process,
    read_start,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lockgate_runtime.pins import Pins
    from lockgate_runtime.tracing.proc import RunningProcess

_NOEXIST = 1
_MOST_PATH = layout.PATH_ROOM - 1


def seed(pins: Pins) -> int:
    """Add what runs and what cgroups there are; return how many processes had no room."""
    with (
        Map.pinned(pins.map("cgroups")) as cgroups,
        Map.pinned(pins.map("processes")) as processes,
    ):
        seed_cgroups(cgroups)
        return seed_processes(processes)


def seed_processes(processes: Map) -> int:
    """Add a record of each process that has none; return how many had no room."""
    found = [one for tgid in list_processes() if (one := read_process(tgid))]
    starts = {one.tgid: one.start for one in found}
    full = 0
    for one in found:
        key = struct.pack("=Q", one.tgid)
        try:
            processes.set(key, pack_process(one, starts), _NOEXIST)
        except BpfError as error:
            if error.errno == errno.E2BIG:
                full += 1
            elif error.errno != errno.EEXIST:
                raise
        else:
            if read_start(one.tgid) != one.start:
                _take_back(processes, key, one.start)
    return full


def pack_process(one: RunningProcess, starts: Mapping[int, int]) -> bytes:
    """Pack a record; ``starts`` are those of other processes, for the parent's."""
    path = one.path.encode(errors="surrogateescape")
    flags = layout.PROCESS_IS_SEEDED
    if not path:
        flags |= layout.PROCESS_HAS_NO_PATH
    if one.is_unlinked:
        flags |= layout.PROCESS_IS_UNLINKED
    if one.is_unlinked and path.startswith(b"/memfd:"):
        flags |= layout.PROCESS_IS_IN_MEMORY
    if len(path) > _MOST_PATH:
        flags |= layout.PROCESS_IS_PATH_CUT
    values: dict[str, int | bytes] = {
        name: getattr(one, name)
        for name in (
            *("tgid", "parent", "start", "cgroup", "login_uid"),
            *("permitted", "effective", "inheritable"),
        )
    }
    return layout.PROCESS.pack(
        **values,
        parent_start=starts.get(one.parent, 0),
        flags=flags,
        first_permitted=one.permitted,
        first_effective=one.effective,
        first_inheritable=one.inheritable,
        born=one.start,
        user_namespace=one.namespaces[layout.NAMESPACES.index("user")],
        number=one.number,
        credentials=struct.pack("<8I", *one.credentials),
        namespaces=struct.pack("<10I", *one.namespaces),
        path_length=min(len(path), _MOST_PATH),
        path=path[:_MOST_PATH],
    )


def seed_cgroups(cgroups: Map) -> None:
    """Add every cgroup of version 2 that the kernel has not added by itself."""
    root = cgroup_root()
    if root is not None:
        _seed_below(cgroups, root, 0)


def _seed_below(cgroups: Map, folder: Path, parent: int) -> None:
    try:
        number = folder.stat().st_ino
        inner = sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:  # it went away
        return
    value = layout.CGROUP.pack(parent=parent, flags=layout.CGROUP_IS_INHERITED)
    try:
        cgroups.set(struct.pack("=Q", number), value, _NOEXIST)
    except BpfError as error:
        if error.errno not in (errno.EEXIST, errno.E2BIG):
            raise
    for path in inner:
        _seed_below(cgroups, path, number)


def _take_back(processes: Map, key: bytes, start: int) -> None:
    """Remove a record of ours whose process is gone; one that came in its place stays."""
    value = processes.take(key)
    if value is None:
        return
    record = layout.PROCESS.unpack(value)
    if record["start"] != start or not _is_seeded(record["flags"]):
        try:
            processes.set(key, value, _NOEXIST)
        except BpfError as error:
            if error.errno not in (errno.EEXIST, errno.E2BIG):
                raise


def _is_seeded(flags: int | bytes) -> bool:
    return isinstance(flags, int) and bool(flags & layout.PROCESS_IS_SEEDED)

"""What /proc says of a process, as far as a record of it needs.

Everything may vanish while it is read: None then.  ``start`` is in nanoseconds since boot, as
coarse as the kernel tells it (a hundredth of a second).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lockgate_runtime.tracing.layout import NAMESPACES

PROC = Path("/proc")
_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_NO_LOGIN = (1 << 32) - 1
_DELETED = " (deleted)"


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """One process; ``credentials`` in the order of the record's, kernel threads have no path."""

    tgid: int
    parent: int
    start: int
    cgroup: int
    permitted: int
    effective: int
    inheritable: int
    login_uid: int
    credentials: tuple[int, ...]
    namespaces: tuple[int, ...]
    path: str
    is_unlinked: bool
    number: int
    """In its own pid namespace; 0 where it has the same one everywhere."""


@cache
def cgroup_root() -> Path | None:
    """Return where cgroups of version 2 are mounted; None where they are not."""
    for line in _text(PROC / "self/mounts").splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place)
    return None


def list_processes() -> list[int]:
    """Return the numbers of the thread groups that are there now."""
    return sorted(int(p.name) for p in PROC.iterdir() if p.name.isdecimal())


def read_start(tgid: int) -> int | None:
    """Return when a process began; None where it is gone."""
    found = _read_stat(tgid)
    return found and found[1]


def read_process(tgid: int) -> RunningProcess | None:
    """Return what is to be known of a process; None where it went away meanwhile."""
    stat = _read_stat(tgid)
    if stat is None:
        return None
    folder = PROC / str(tgid)
    try:
        status = dict(
            line.split(":", 1) for line in _text(folder / "status").splitlines()
        )
        login_uid = int(_text(folder / "loginuid") or _NO_LOGIN)
    except (OSError, ValueError):
        return None
    users, groups = ([int(n) for n in status[name].split()] for name in ("Uid", "Gid"))
    path, is_unlinked = read_binary(tgid)
    numbers = [int(n) for n in status.get("NSpid", "").split()]
    return RunningProcess(
        tgid=tgid,
        parent=stat[0],
        start=stat[1],
        cgroup=_read_cgroup(folder),
        permitted=int(status["CapPrm"], 16),
        effective=int(status["CapEff"], 16),
        inheritable=int(status["CapInh"], 16),
        login_uid=login_uid,
        credentials=tuple(
            pair for place in range(4) for pair in (users[place], groups[place])
        ),
        namespaces=tuple(_read_namespace(folder, name) for name in NAMESPACES),
        path=path,
        is_unlinked=is_unlinked,
        number=numbers[-1] if len(numbers) > 1 else 0,
    )


def read_binary(tgid: int) -> tuple[str, bool]:
    """Return the path of a binary, and whether it has no link; nothing for kernel threads."""
    try:
        path = str((PROC / str(tgid) / "exe").readlink())
    except OSError:
        return "", False
    if path.endswith(_DELETED):
        return path.removesuffix(_DELETED), True
    return path, False


def read_command(tgid: int) -> tuple[bytes, str]:
    """Return the arguments with their zeros, the program's name first, and the directory."""
    folder = PROC / str(tgid)
    try:
        words = (folder / "cmdline").read_bytes()
    except OSError:
        words = b""
    try:
        directory = str((folder / "cwd").readlink())
    except OSError:
        directory = ""
    return words, directory


def _read_stat(tgid: int) -> tuple[int, int] | None:
    """Return (parent, start); the name in parentheses may hold anything."""
    try:
        fields = _text(PROC / str(tgid) / "stat").rpartition(")")[2].split()
        return int(fields[1]), int(fields[19]) * _TICK
    except (OSError, IndexError, ValueError):
        return None


def _read_cgroup(folder: Path) -> int:
    root = cgroup_root()
    if root is None:
        return 0
    try:
        for line in _text(folder / "cgroup").splitlines():
            if line.startswith("0::"):
                return (root / line[4:]).stat().st_ino
    except OSError:
        pass
    return 0


def _read_namespace(folder: Path, name: str) -> int:
    try:
        return (folder / "ns" / name).stat().st_ino
    except OSError:
        return 0


def _text(path: Path) -> str:
    return path.read_text(errors="replace")

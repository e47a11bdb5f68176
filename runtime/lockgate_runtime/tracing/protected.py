"""Who must not be hit on a node: what runs, and what may begin at any time.

Init, the doors through which an administrator comes, kubelet, container runtimes, and whoever
applies a bundle are looked up in /proc.  What does not run now is imagined as it would begin: a
daemon as init's child, a login shell behind a door, sudo in such a shell.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate_runtime.tracing.connections import api_servers, connections
from lockgate_runtime.tracing.roles import (
    DAEMONS,
    DOORS,
    HELPERS,
    INIT,
    KUBELETS,
    NAMES,
    SHELL,
    WAYS,
    Role,
    role_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate_runtime.tracing.connections import Connection

_INSTALLED = (
    *("usr/sbin", "usr/bin", "sbin", "bin", "usr/local/sbin", "usr/local/bin"),
    *("usr/lib/systemd", "usr/lib/openssh", "usr/libexec/openssh", "opt/bin"),
    *("usr/lib/polkit-1", "usr/libexec"),
)
_DELETED = " (deleted)"
"""What the kernel writes behind the name of a file that is replaced while somebody runs it."""

_NAMESPACE_FILES = {
    "Uts": "uts",
    "Ipc": "ipc",
    "Mnt": "mnt",
    "Pid": "pid",
    "PidForChildren": "pid_for_children",
    "Net": "net",
    "Time": "time",
    "TimeForChildren": "time_for_children",
    "Cgroup": "cgroup",
    "User": "user",
}
_CAPABILITY_LINES = {
    "Effective": "CapEff",
    "Inheritable": "CapInh",
    "Permitted": "CapPrm",
}
_SHELLS = ("/bin/sh", "/bin/bash")
_FIRST_USER, _NOBODY = 1000, 65534
_NO_SHELLS = ("nologin", "false", "sync", "shutdown", "halt")
_MOST_LINKS = 8


@dataclass(frozen=True)
class Host:
    """The host whose /proc this is, by the root of its first process."""

    proc: Path

    @cached_property
    def root(self) -> Path:
        """Its root file system: init's, or else ours.

        Not every host lets root see init's (/proc/1/root asks for the right to trace it).
        """
        try:
            (self.proc / "1/root/.").stat()
        except OSError:
            return Path("/")
        return self.proc / "1/root"

    @cached_property
    def programs(self) -> dict[str, str]:
        """Return the protected programs that it has, by name: which file each is."""
        found: dict[str, str] = {}
        for folder in _INSTALLED:
            for name in sorted(NAMES - found.keys()):
                file = self.resolve(f"/{folder}/{name}")
                if file:
                    found[name] = file
        return found

    @cached_property
    def shells(self) -> tuple[str, ...]:
        """Return what the administrator and users log in with, as the kernel names them."""
        lines: list[str] = []
        with suppress(OSError):
            lines = (self.root / "etc/passwd").read_text(errors="replace").splitlines()
        rows = [words for line in lines if len(words := line.split(":")) > 6]
        shells = {row[6] or _SHELLS[0] for row in rows if _logs_in(row[2])}
        known = {one for one in shells if Path(one).name not in _NO_SHELLS}
        files = {file for one in known if (file := self.resolve(one))}
        return tuple(sorted(files or map(os.path.realpath, _SHELLS)))

    def names_of(self, file: str) -> set[str]:
        """Return the paths by which one executes a file: by those above /usr, too."""
        short = file.removeprefix("/usr")
        has_links = short != file and _is_link(self.root / short.split("/")[1])
        return {file, short} if has_links else {file}

    def resolve(self, path: str) -> str:
        """Return which file of the host a path is, without links; empty if it is none."""
        with suppress(OSError):
            for _ in range(_MOST_LINKS):
                folder, _, name = path.rpartition("/")
                if (self.root / folder[1:]).is_symlink():
                    path = _target(self.root, folder) + "/" + name
                elif (self.root / path[1:]).is_symlink():
                    path = _target(self.root, path)
                else:
                    return path if (self.root / path[1:]).is_file() else ""
        return ""

    def executed_by(self, role: Role) -> frozenset[str]:
        """Return what a program of a role executes, by all its paths."""
        if role not in self._executed:
            self._executed[role] = frozenset(self._find_executed(role))
        return self._executed[role]

    @cached_property
    def _executed(self) -> dict[Role, frozenset[str]]:
        return {}

    def _find_executed(self, role: Role) -> Iterator[str]:
        files = {self.programs[n] for n in role.executes if n in self.programs}
        if SHELL in role.executes:
            files |= {*self.shells, *_SHELLS}
        return chain.from_iterable(map(self.names_of, sorted(files)))


@dataclass(frozen=True)
class Process:
    """A process that runs, as /proc shows it; ``why``: why it is protected."""

    pid: int
    why: str
    folder: Path
    host: Host | None = None

    @cached_property
    def binary(self) -> str:
        """What it executed, from its own root."""
        return _link(self.folder / "exe").removesuffix(_DELETED)

    @property
    def role(self) -> Role:
        """What it does."""
        if self.pid == 1:
            return INIT
        is_shell = self.host is not None and self.binary in self.host.shells
        return role_of(Path(self.binary).name, is_shell=is_shell)

    @property
    def parent(self) -> Process:
        """Who began it, or has taken it over."""
        parent = _status(self.folder).get("PPid", "0")
        return Process(int(parent), "", self.folder.parent / parent, self.host)

    @property
    def line(self) -> Iterator[Process]:
        """Itself and its ancestors."""
        one: Process = self
        while one.pid > 0:
            yield one
            one = one.parent

    @cached_property
    def files(self) -> frozenset[str]:
        """What it executes and the libraries that it has mapped."""
        try:
            lines = (self.folder / "maps").read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        paths = (line.split(maxsplit=5)[5:] for line in lines)
        found = {path[0].removesuffix(_DELETED) for path in paths if path}
        return frozenset({f for f in found if f.startswith("/")} | {self.binary})

    @property
    def executes(self) -> frozenset[str]:
        """What it must be able to execute."""
        return self.host.executed_by(self.role) if self.host else frozenset()

    @cached_property
    def connections(self) -> tuple[Connection, ...]:
        """What it would lose by a policy on addresses."""
        found = connections(self.folder)
        if self.host and Path(self.binary).name in KUBELETS:
            found += api_servers(self.host.root)
        return found

    def namespace(self, name: str) -> int:
        """Return the inode of a namespace."""
        match = re.search(r"\d+", _link(self.folder / "ns" / _NAMESPACE_FILES[name]))
        return int(match[0]) if match else 0

    def capabilities(self, name: str) -> int:
        """Return one set of capabilities as a mask."""
        return int(_status(self.folder).get(_CAPABILITY_LINES[name], "0"), 16)

    @property
    def inner_pid(self) -> int:
        """Its pid in a pid namespace of its own; 0 where it has none."""
        numbers = _status(self.folder).get("NSpid", "").split()
        return int(numbers[-1]) if len(numbers) > 1 else 0


@dataclass(frozen=True)
class Imagined:
    """A program that nobody runs now; ``parent``: who would begin it."""

    binary: str
    parent: Imagined | Process
    host: Host
    role: Role
    is_root: bool = True

    pid = 0
    inner_pid = 0

    @property
    def why(self) -> str:
        """Name it, and who it is where that is not said by its name."""
        name = Path(self.binary).name
        if self.binary not in self.host.shells:
            return f"{name}, once it runs"
        return f"the shell of {'root' if self.is_root else 'a user'} who logs in"

    @property
    def line(self) -> Iterator[Imagined | Process]:
        """Itself and its ancestors."""
        yield self
        yield from self.parent.line

    @property
    def _init(self) -> Process:
        *_, init = self.line
        return init if isinstance(init, Process) else Process(1, "", self.host.proc)

    @cached_property
    def files(self) -> frozenset[str]:
        """What it would have mapped: as init's libraries."""
        return self._init.files - {self._init.binary} | {self.binary}

    @property
    def executes(self) -> frozenset[str]:
        """What it must be able to execute."""
        return self.host.executed_by(self.role)

    @cached_property
    def connections(self) -> tuple[Connection, ...]:
        """Where it would connect to, as far as its configuration says."""
        is_kubelet = Path(self.binary).name in KUBELETS
        return api_servers(self.host.root) if is_kubelet else ()

    def namespace(self, name: str) -> int:
        """Return the inode of a namespace: the host's."""
        return self._init.namespace(name)

    def capabilities(self, name: str) -> int:
        """Return one set of capabilities as a mask: root's, or none."""
        return self._init.capabilities(name) if self.is_root else 0


def protected(proc: Path) -> Iterator[Process | Imagined]:
    """Yield everybody who must not be hit: who runs first."""
    running = list(running_processes(proc))
    yield from running
    host = next((one.host for one in running if one.host), Host(proc))
    yield from _imagined(host, {process.binary for process in running})


def running_processes(proc: Path) -> Iterator[Process]:
    """Yield init, what is known by its name, and ourselves with our ancestors."""
    host = Host(proc)
    ours = set(_ancestors(proc))
    for folder in sorted(proc.iterdir()):
        if not folder.name.isdigit():
            continue
        pid = int(folder.name)
        name = Process(pid, "", folder).binary.rpartition("/")[2]
        if pid == 1:
            yield Process(pid, "init", folder, host)
        elif name in DAEMONS:
            yield Process(pid, name, folder, host)
        elif pid in ours:
            yield Process(pid, "who applies it", folder, host)


def _imagined(host: Host, running: set[str]) -> Iterator[Imagined]:
    init = Process(1, "init", host.proc / "1", host)
    programs = host.programs
    for name in sorted(programs.keys() & DAEMONS):
        if programs[name] not in running:
            yield Imagined(programs[name], init, host, role_of(name))
    behind = next((name for name in DOORS if name in programs), None)
    door = Imagined(programs[behind], init, host, role_of(behind)) if behind else init
    for file in host.shells:
        role = role_of(SHELL)
        yield Imagined(file, door, host, role)
        shell = Imagined(file, door, host, role, is_root=False)
        yield shell
        for name in WAYS:
            if name in programs:
                way = Imagined(programs[name], shell, host, role_of(name))
                yield way
                yield Imagined(file, way, host, role)
                yield from _helpers(host, way)
    yield from _helpers(host, door)


def _helpers(host: Host, parent: Imagined | Process) -> Iterator[Imagined]:
    for name in HELPERS:
        if name in host.programs:
            yield Imagined(host.programs[name], parent, host, role_of(name))


def _logs_in(user: str) -> bool:
    return user.isdecimal() and (int(user) == 0 or _FIRST_USER <= int(user) < _NOBODY)


def _is_link(path: Path) -> bool:
    with suppress(OSError):
        return path.is_symlink()
    return False


def _target(root: Path, path: str) -> str:
    """Return where a link leads, from the host's root."""
    target = str((root / path[1:]).readlink())
    return os.path.normpath(str(Path(path).parent / target))


def _ancestors(proc: Path) -> Iterator[int]:
    pid = os.getpid()
    while pid > 1:
        yield pid
        pid = int(_status(proc / str(pid)).get("PPid", "0"))


def _status(folder: Path) -> dict[str, str]:
    try:
        lines = (folder / "status").read_text(errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines)
    return {name: value.strip() for name, _, value in pairs}


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""

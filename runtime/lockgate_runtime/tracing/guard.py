"""Refuse a policy that would hit what keeps the node alive: init, sshd, the kubelet, ourselves.

The compiler writes for each enforcing selector whom it concerns (``deeds.json``); here its
filters of processes are asked about the processes that run, and about what is installed and may
run next.  A selector that also asks for values (a path, an address) is let through where these
spare a process that does what every process does (:mod:`lockgate_runtime.tracing.everyday`).
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any

from lockgate_runtime.errors import NodeError
from lockgate_runtime.tracing.everyday import is_narrow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

DEEDS = "deeds.json"

PROTECTED = frozenset(
    (
        *("sshd", "sshd-session", "sshd-auth", "dropbear", "login", "agetty"),
        *("kubelet", "kubelite", "k3s", "k3s-server", "k3s-agent", "k0s", "rke2"),
        *("containerd", "containerd-shim-runc-v2", "crio", "conmon", "dockerd"),
        *("runc", "crun"),
        *("systemd", "systemd-journald", "systemd-logind", "systemd-udevd"),
        *("systemd-networkd", "systemd-resolved", "NetworkManager"),
        *("dbus-daemon", "dbus-broker"),
    )
)
"""Names of binaries without which nobody reaches a node, or nothing runs on it."""

_INSTALLED = (
    *("usr/sbin", "usr/bin", "usr/local/bin", "usr/lib/systemd", "usr/lib/openssh"),
    *("usr/libexec/openssh", "opt/bin"),
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


@dataclass(frozen=True)
class Installed:
    """A binary that nobody runs now; it would begin as init's child."""

    binary: str
    init: Process

    pid = 0

    @property
    def why(self) -> str:
        """Name it."""
        return f"{self.binary.rpartition('/')[2]}, once it runs"

    @property
    def line(self) -> Iterator[Installed | Process]:
        """Itself and its ancestors."""
        yield self
        yield self.init

    @property
    def parent(self) -> Process:
        """Who would begin it."""
        return self.init

    @property
    def inner_pid(self) -> int:
        """No pid yet."""
        return 0

    @property
    def files(self) -> frozenset[str]:
        """What it would have mapped: as init's libraries."""
        return self.init.files - {self.init.binary} | {self.binary}

    def namespace(self, name: str) -> int:
        """Return the inode of a namespace: the host's."""
        return self.init.namespace(name)

    def capabilities(self, name: str) -> int:
        """Return one set of capabilities as a mask: root's."""
        return self.init.capabilities(name)


@dataclass(frozen=True)
class Process:
    """A process that runs, as /proc shows it; ``why``: why it is protected."""

    pid: int
    why: str
    folder: Path

    @property
    def binary(self) -> str:
        """What it executed, from its own root."""
        return _link(self.folder / "exe").removesuffix(_DELETED)

    @property
    def parent(self) -> Process:
        """Who began it, or has taken it over."""
        parent = _status(self.folder).get("PPid", "0")
        return Process(int(parent), "", self.folder.parent / parent)

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


def read_deeds(folder: Path) -> list[dict[str, Any]]:
    """Read what the enforcing selectors do, and to whom; nothing where nothing enforces."""
    path = folder / DEEDS
    if not path.exists():
        return []
    found: list[dict[str, Any]] = json.loads(path.read_bytes())
    return found


def on_node(
    deeds: Iterable[Mapping[str, Any]], node: str
) -> Iterator[Mapping[str, Any]]:
    """Yield what is done on a node: not that of policies for other nodes."""
    return (deed for deed in deeds if node not in deed.get("spared_nodes", ()))


def check_processes(
    deeds: Iterable[Mapping[str, Any]], proc: Path = Path("/proc")
) -> None:
    """E5145 for the first deed that would hit a protected process."""
    processes: list[Process | Installed] = list(protected_processes(proc))
    running = {process.binary for process in processes}
    init = Process(1, "init", proc / "1")
    processes += [Installed(b, init) for b in installed(proc) if b not in running]
    for deed in deeds:
        for process in processes:
            if would_hit(deed, process):
                raise NodeError(
                    "E5145",
                    f"{deed['policy']} ({deed['source']}) would {deed['action']} {process.why} "
                    f"(pid {process.pid or '?'}, {process.binary or 'no binary'}): every filter "
                    "of processes holds for it, and no value spares it; nothing was changed",
                    "narrow the selector, let the policy monitor first (policy-mode: monitor), "
                    "or apply with --unguarded",
                )


def protected_processes(proc: Path) -> Iterator[Process]:
    """Yield init, what is known by its name, and ourselves with our ancestors."""
    ours = set(_ancestors(proc))
    for folder in sorted(proc.iterdir()):
        if not folder.name.isdigit():
            continue
        pid = int(folder.name)
        name = Process(pid, "", folder).binary.rpartition("/")[2]
        if pid == 1:
            yield Process(pid, "init", folder)
        elif name in PROTECTED:
            yield Process(pid, name, folder)
        elif pid in ours:
            yield Process(pid, "who applies it", folder)


def installed(proc: Path) -> Iterator[str]:
    """Yield the protected binaries that the host has; ``proc``: whose first process is init."""
    root = proc / "1/root"
    for folder in _INSTALLED:
        for name in sorted(PROTECTED):
            # Not every host lets root see it (/proc/1/root asks for the right to trace init).
            with suppress(OSError):
                if S_ISREG((root / folder / name).lstat().st_mode):
                    yield f"/{folder}/{name}"


def would_hit(deed: Mapping[str, Any], process: Process | Installed) -> bool:
    """Whether all filters of processes hold, and nothing else narrows the selector."""
    name = process.binary.rpartition("/")[2]
    if deed["is_narrowed"] or is_narrow(deed, process.files, name):
        return False
    file = deed.get("file")
    if file and not {file, os.path.realpath(file)} & process.files:
        return False
    return (
        all(_holds_binary(row, process) for row in deed["binaries"])
        and all(_holds_binary(row, process.parent) for row in deed["parents"])
        and all(_holds_pid(row, process) for row in deed["pids"])
        and all(_holds_namespace(row, process) for row in deed["namespaces"])
        and all(_holds_capability(row, process) for row in deed["capabilities"])
    )


def _holds_binary(row: Mapping[str, Any], process: Process | Installed) -> bool:
    line = process.line if row.get("follows") else (process,)
    held = any(_has_binary(row, one.binary) for one in line)
    return held != bool(row["is_negated"])


def _has_binary(row: Mapping[str, Any], binary: str) -> bool:
    values: Sequence[str] = row["values"]
    compare = {
        "Equal": lambda value: binary == value,
        "Prefix": binary.startswith,
        "Postfix": binary.endswith,
    }[row["comparison"]]
    return any(map(compare, values))


def _holds_pid(row: Mapping[str, Any], process: Process | Installed) -> bool:
    if row.get("follows") and row["is_namespaced"] and not process.inner_pid:
        return False  # of what is in no namespace of its own nothing is asked
    line = process.line if row.get("follows") else (process,)
    pids = {one.inner_pid if row["is_namespaced"] else one.pid for one in line}
    return bool(pids & set(row["pids"])) != bool(row["is_negated"])


def _holds_namespace(row: Mapping[str, Any], process: Process | Installed) -> bool:
    inode = process.namespace(row["namespace"])
    wanted = set(row["inodes"])
    if row["is_host"]:
        *_, init = process.line
        wanted.add(init.namespace(row["namespace"]))
    return (inode in wanted) != bool(row["is_negated"])


def _holds_capability(row: Mapping[str, Any], process: Process | Installed) -> bool:
    # In namespaces of users; who is protected is in the host's.
    inner = 0 if row.get("is_namespaced") else process.capabilities(row["set"])
    has_one = bool(inner & row["capabilities"])
    return has_one != bool(row["is_negated"])


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

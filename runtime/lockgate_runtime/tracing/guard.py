"""Refuse a policy that would hit what keeps the node alive: init, sshd, the kubelet, ourselves.

The compiler writes for each enforcing selector whom it concerns (``deeds.json``); here its
filters of processes are asked about the processes that run.  A selector that also asks for values
(a path, an address) cannot be judged beforehand and is let through.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate_runtime.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

DEEDS = "deeds.json"

PROTECTED = frozenset(
    (
        "sshd",
        "sshd-session",
        "kubelet",
        "containerd",
        "crio",
        "dockerd",
        "systemd",
        "systemd-journald",
        "systemd-logind",
    )
)
"""Names of binaries without which nobody reaches a node, or nothing runs on it."""

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
class Process:
    """A process that runs, as /proc shows it; ``why``: why it is protected."""

    pid: int
    why: str
    folder: Path

    @property
    def binary(self) -> str:
        """What it executed, from its own root."""
        return _link(self.folder / "exe")

    @property
    def parent_binary(self) -> str:
        """What its parent executed."""
        parent = _status(self.folder).get("PPid", "0")
        return _link(self.folder.parent / parent / "exe")

    def namespace(self, name: str) -> int:
        """Return the inode of a namespace."""
        match = re.search(r"\d+", _link(self.folder / "ns" / _NAMESPACE_FILES[name]))
        return int(match[0]) if match else 0

    def capabilities(self, name: str) -> int:
        """Return one set of capabilities as a mask."""
        return int(_status(self.folder).get(_CAPABILITY_LINES[name], "0"), 16)

    @property
    def inner_pid(self) -> int:
        """Its pid in its own pid namespace."""
        return int(_status(self.folder).get("NSpid", str(self.pid)).split()[-1])


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
    processes = list(protected_processes(proc))
    for deed in deeds:
        for process in processes:
            if would_hit(deed, process):
                raise NodeError(
                    "E5145",
                    f"{deed['policy']} ({deed['source']}) would {deed['action']} {process.why} "
                    f"(pid {process.pid}, {process.binary or 'no binary'}): every filter of "
                    "processes holds for it, and no value narrows it; nothing was changed",
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
        name = _link(folder / "exe").removesuffix(" (deleted)").rpartition("/")[2]
        if pid == 1:
            yield Process(pid, "init", folder)
        elif name in PROTECTED:
            yield Process(pid, name, folder)
        elif pid in ours:
            yield Process(pid, "who applies it", folder)


def would_hit(deed: Mapping[str, Any], process: Process) -> bool:
    """Whether all filters of processes hold, and nothing else narrows the selector."""
    if deed["is_narrowed"]:
        return False
    return (
        all(_holds_binary(row, process.binary) for row in deed["binaries"])
        and all(_holds_binary(row, process.parent_binary) for row in deed["parents"])
        and all(_holds_pid(row, process) for row in deed["pids"])
        and all(_holds_namespace(row, process) for row in deed["namespaces"])
        and all(_holds_capability(row, process) for row in deed["capabilities"])
    )


def _holds_binary(row: Mapping[str, Any], binary: str) -> bool:
    values: Sequence[str] = row["values"]
    compare = {
        "Equal": lambda value: binary == value,
        "Prefix": binary.startswith,
        "Postfix": binary.endswith,
    }[row["comparison"]]
    return any(map(compare, values)) != bool(row["is_negated"])


def _holds_pid(row: Mapping[str, Any], process: Process) -> bool:
    pid = process.inner_pid if row["is_namespaced"] else process.pid
    return (pid in row["pids"]) != bool(row["is_negated"])


def _holds_namespace(row: Mapping[str, Any], process: Process) -> bool:
    inode = process.namespace(row["namespace"])
    wanted = set(row["inodes"])
    if row["is_host"]:
        init = Process(1, "init", process.folder.parent / "1")
        wanted.add(init.namespace(row["namespace"]))
    return (inode in wanted) != bool(row["is_negated"])


def _holds_capability(row: Mapping[str, Any], process: Process) -> bool:
    has_one = bool(process.capabilities(row["set"]) & row["capabilities"])
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

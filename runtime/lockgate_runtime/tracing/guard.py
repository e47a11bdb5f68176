"""Refuse a policy that would hit what keeps the node alive, or an administrator out of it.

The compiler writes for each enforcing selector whom it concerns (``deeds.json``); here its
filters of processes are asked about the processes that run, and about what is installed and may
run next (:mod:`lockgate_runtime.tracing.protected`): init, sshd, the kubelet, ourselves, a login
shell and sudo in it.  A selector that also asks for values (a path, an address) is let through
where these spare a process that does what every process of its kind does
(:mod:`lockgate_runtime.tracing.everyday`, :mod:`lockgate_runtime.tracing.roles`).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate_runtime.errors import NodeError
from lockgate_runtime.tracing.everyday import is_narrow
from lockgate_runtime.tracing.protected import protected

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lockgate_runtime.tracing.protected import Imagined, Process
    from lockgate_runtime.tracing.roles import Role

DEEDS = "deeds.json"
_IN_MEMORY = "/memfd:"
_SHOWN = 6
"""How many of those who would be hit are named beside the first."""


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
    """E5145 for the first deed that would hit a protected process; it names all that it would."""
    deeds = list(deeds)
    processes = list(protected(proc)) if deeds else []
    for deed in deeds:
        hit = [process for process in processes if would_hit(deed, process)]
        if hit:
            first = hit[0]
            raise NodeError(
                "E5145",
                f"{deed['policy']} ({deed['source']}) would {deed['action']} {first.why} "
                f"(pid {first.pid or '?'}, {first.binary or 'no binary'})"
                f"{_others(hit)}: every filter of processes holds for it, and no value spares "
                "it; nothing was changed",
                f"{_sparing(deed, hit)}, narrow the selector otherwise, let the policy "
                "monitor first (policy-mode: monitor), or apply with --unguarded",
            )


def _others(hit: Sequence[Process | Imagined]) -> str:
    """Name who would be hit beside the first, each once."""
    names = list(dict.fromkeys(one.why for one in hit))[1:]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f", besides {', '.join(names[:_SHOWN])}{more}" if names else ""


def _sparing(deed: Mapping[str, Any], hit: Iterable[Process | Imagined]) -> str:
    """Return which filter lets all of them through; a selector has one of binaries."""
    names = {one.binary for one in hit if one.binary}
    # Files in memory have their names by chance, and others when the node is booted anew.
    binaries = ", ".join(sorted(n for n in names if not n.startswith(_IN_MEMORY)))
    asked = deed["binaries"]
    if not binaries:
        return "spare them by another filter of processes (matchPIDs, matchNamespaces)"
    if not asked:
        return (
            f"spare them (matchBinaries: [{{operator: NotIn, values: [{binaries}]}}])"
        )
    if asked[0]["is_negated"]:
        return f"add them to those that matchBinaries excludes ({binaries})"
    return f"leave them out of matchBinaries ({binaries})"


def would_hit(deed: Mapping[str, Any], process: Process | Imagined) -> bool:
    """Whether all filters of processes hold, and nothing else narrows the selector."""
    if deed["is_narrowed"] or not _has_changed(deed, process.role):
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
        and not is_narrow(deed, process)
    )


def _has_changed(deed: Mapping[str, Any], role: Role) -> bool:
    """Whether a process may have changed what a selector asks changes of, or not have."""
    return all(
        bool(row["is_negated"]) or changes
        for rows, changes in (
            (deed.get("namespace_changes", ()), role.changes_namespaces),
            (deed.get("capability_changes", ()), role.changes_capabilities),
        )
        for row in rows
    )


def _holds_binary(row: Mapping[str, Any], process: Process | Imagined) -> bool:
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


def _holds_pid(row: Mapping[str, Any], process: Process | Imagined) -> bool:
    if row.get("follows") and row["is_namespaced"] and not process.inner_pid:
        return False  # of what is in no namespace of its own nothing is asked
    line = process.line if row.get("follows") else (process,)
    pids = {one.inner_pid if row["is_namespaced"] else one.pid for one in line}
    return bool(pids & set(row["pids"])) != bool(row["is_negated"])


def _holds_namespace(row: Mapping[str, Any], process: Process | Imagined) -> bool:
    inode = process.namespace(row["namespace"])
    wanted = set(row["inodes"])
    if row["is_host"]:
        *_, init = process.line
        wanted.add(init.namespace(row["namespace"]))
    return (inode in wanted) != bool(row["is_negated"])


def _holds_capability(row: Mapping[str, Any], process: Process | Imagined) -> bool:
    # In namespaces of users; who is protected is in the host's.
    inner = 0 if row.get("is_namespaced") else process.capabilities(row["set"])
    has_one = bool(inner & row["capabilities"])
    return has_one != bool(row["is_negated"])

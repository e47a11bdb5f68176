"""The guard asks filters of processes about the processes that a node needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lockgate_runtime.errors import NodeError
from lockgate_runtime.tracing.guard import (
    check_processes,
    on_node,
    protected_processes,
)
from lockgate_runtime.tracing.plane import TargetFacts, choose_target

SSHD, INIT = 812, 1
EVERYBODY: dict[str, Any] = {
    "policy": "TracingPolicy/harsh",
    "mode": "enforce",
    "source": "harsh.yaml:3:5",
    "action": "kill",
    "is_narrowed": False,
    "binaries": [],
    "parents": [],
    "pids": [],
    "namespaces": [],
    "capabilities": [],
}


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Give a /proc with init, sshd and somebody in a container."""
    for pid, parent, binary, namespace in (
        (INIT, 0, "/usr/lib/systemd/systemd", 100),
        (SSHD, 1, "/usr/sbin/sshd", 100),
        (900, 1, "/usr/sbin/nginx", 200),
    ):
        folder = tmp_path / str(pid)
        (folder / "ns").mkdir(parents=True)
        (folder / "exe").symlink_to(binary)
        (folder / "ns" / "pid").symlink_to(f"pid:[{namespace}]")
        (folder / "status").write_text(
            f"Name:\tx\nPPid:\t{parent}\nCapEff:\t{0x21:016x}\nNSpid:\t{pid}\n"
        )
    (tmp_path / "self").mkdir()
    return tmp_path


def binary(comparison: str, *values: str, is_negated: bool = False) -> dict[str, Any]:
    """Return a filter of binaries."""
    return {"comparison": comparison, "values": values, "is_negated": is_negated}


def pid_namespace(*, is_negated: bool) -> dict[str, Any]:
    """Return a filter on the host's pid namespace."""
    return {
        "namespace": "Pid",
        "inodes": [],
        "is_host": True,
        "is_negated": is_negated,
    }


HITS: dict[str, dict[str, Any]] = {
    "everybody": {},
    "a prefix": {"binaries": [binary("Prefix", "/usr/")]},
    "all but one": {"binaries": [binary("Equal", "/bin/sh", is_negated=True)]},
    "a child of init": {"parents": [binary("Postfix", "/systemd")]},
    "a pid": {"pids": [{"pids": [1], "is_negated": False, "is_namespaced": False}]},
    "the host": {"namespaces": [pid_namespace(is_negated=False)]},
    "a capability": {
        "capabilities": [{"set": "Effective", "capabilities": 1, "is_negated": False}]
    },
}
MISSES: dict[str, dict[str, Any]] = {
    "a value": {"is_narrowed": True},
    "another binary": {"binaries": [binary("Equal", "/usr/sbin/nginx")]},
    "another parent": {"parents": [binary("Equal", "/usr/sbin/nginx")]},
    "another pid": {
        "pids": [{"pids": [900], "is_negated": False, "is_namespaced": False}]
    },
    "not the host": {"namespaces": [pid_namespace(is_negated=True)]},
    "a capability that none has": {
        "capabilities": [{"set": "Effective", "capabilities": 2, "is_negated": False}]
    },
}


@pytest.mark.parametrize("name", HITS)
def test_hits(name: str, proc: Path) -> None:
    """Every filter holds for one of them."""
    with pytest.raises(NodeError, match=r"harsh.yaml:3:5\) would kill") as caught:
        check_processes([EVERYBODY | HITS[name]], proc)
    assert caught.value.code == "E5145"


@pytest.mark.parametrize("name", MISSES)
def test_misses(name: str, proc: Path) -> None:
    """One filter does not hold, or a value decides."""
    check_processes([EVERYBODY | MISSES[name]], proc)


def test_who_is_protected(proc: Path) -> None:
    """Init, sshd, and ourselves with our ancestors; nobody else."""
    found = {(one.pid, one.why) for one in protected_processes(proc)}
    assert found == {(INIT, "init"), (SSHD, "sshd")}
    ours = [one for one in protected_processes(Path("/proc")) if "applies" in one.why]
    assert ours


def test_choice_of_a_target() -> None:
    """The same types go before the same release, and that before the same series."""
    kernel = TargetFacts("", "6.12.7-amd64", "x86_64", "types")
    series = TargetFacts("series", "6.12.3-amd64", "x86_64", "other")
    release = TargetFacts("release", "6.12.7-amd64", "x86_64", "other")
    types = TargetFacts("types", "6.99.1", "x86_64", "types")
    strange = TargetFacts("strange", "6.12.7-amd64", "aarch64", "types")
    older = TargetFacts("older", "6.1.7", "x86_64", "older")
    every = [series, release, types, strange, older]
    assert choose_target(every, kernel) == types
    every.remove(types)
    assert choose_target(every, kernel) == release
    every.remove(release)
    assert choose_target(every, kernel) == series
    every.remove(series)
    with pytest.raises(NodeError, match=r"strange \(6.12.7-amd64 aarch64\)") as caught:
        choose_target(every, kernel)
    assert caught.value.code == "E5140"


def test_nodes() -> None:
    """What a policy for other nodes does is not judged by the processes of this one."""
    deeds: list[dict[str, Any]] = [
        {"spared_nodes": ["node-2"]},
        {"spared_nodes": []},
        {},
    ]
    assert list(on_node(deeds, "node-2")) == deeds[1:]
    assert list(on_node(deeds, "node-1")) == deeds

"""The guard asks filters of processes about the processes that a node needs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from lockgate_runtime.errors import NodeError
from lockgate_runtime.tracing.guard import (
    check_processes,
    on_node,
)
from lockgate_runtime.tracing.plane import TargetFacts, choose_target
from lockgate_runtime.tracing.protected import Host, protected, running_processes
from tests.runtime.tracing.guard_cases import (
    EVERYBODY,
    HITS,
    INIT,
    LIBRARY,
    MISSES,
    NOT_SSHD,
    SSHD,
    value,
)

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712
   1: 0100000A:0016 076433C6:D431 01 00000000:00000000 00:00000000 00000000     0        0 4711
   2: 0100000A:9C40 2A7100CB:01BB 01 00000000:00000000 00:00000000 00000000     0        0 9999
"""
"""Who listens at the door, an administrator at 198.51.100.7, and somebody else's connection."""


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let system calls have the numbers of one machine."""
    monkeypatch.setattr("platform.machine", lambda: "x86_64")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Give a /proc with init, sshd and somebody in a container."""
    for pid, parent, binary, namespace in (
        (INIT, 0, "/usr/lib/systemd/systemd", 100),
        (SSHD, 1, "/usr/sbin/sshd", 100),
        (814, SSHD, "/usr/sbin/sshd-session (deleted)", 100),
        (900, 1, "/usr/sbin/nginx", 200),
        (os.getpid(), SSHD, "/usr/bin/python3.13", 100),
    ):
        folder = tmp_path / str(pid)
        (folder / "ns").mkdir(parents=True)
        (folder / "exe").symlink_to(binary)
        (folder / "ns" / "pid").symlink_to(f"pid:[{namespace}]")
        (folder / "maps").write_text(
            f"7f00-7f01 r-xp 00000000 08:01 12   {binary}\n"
            "7f01-7f02 rw-p 00000000 00:00 0\n"
            f"7f02-7f03 r-xp 00000000 08:01 13   {LIBRARY}\n"
        )
        (folder / "status").write_text(
            f"Name:\tx\nPPid:\t{parent}\nCapEff:\t{0x21:016x}\nNSpid:\t{pid}\n"
        )
    (tmp_path / "self").mkdir()
    root = tmp_path / "1/root"
    for name in ("local/bin/kubelet", "lib/cargo/bin/sudo", "bin/su", "bin/bash"):
        (root / "usr" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "usr" / name).touch()
    (root / "bin").symlink_to("usr/bin")
    for name in ("sbin/sshd", "sbin/unix_chkpwd", "bin/runc", "bin/dash"):
        (root / "usr" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "usr" / name).touch()
    (root / "usr/bin/sh").symlink_to("dash")
    (root / "usr/bin/sudo").symlink_to("/etc/alternatives/sudo")
    (root / "etc/alternatives").mkdir(parents=True)
    (root / "etc/alternatives/sudo").symlink_to("/usr/lib/cargo/bin/sudo")
    (root / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/bash\n"
        "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
        "ann:x:1000:1000:Ann:/home/ann:/bin/sh\n"
    )
    kubernetes = root / "etc/kubernetes"
    kubernetes.mkdir()
    (kubernetes / "kubelet.conf").write_text(
        "clusters:\n- cluster:\n    server: https://203.0.113.9:443\n"
    )
    (tmp_path / str(SSHD) / "fd").mkdir()
    (tmp_path / str(SSHD) / "fd" / "3").symlink_to("socket:[4711]")
    (tmp_path / str(SSHD) / "fd" / "4").symlink_to("socket:[4712]")
    (tmp_path / str(SSHD) / "net").mkdir()
    (tmp_path / str(SSHD) / "net" / "tcp").write_text(TCP)
    return tmp_path


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
    found = {(one.pid, one.why) for one in running_processes(proc)}
    assert found == {
        *((INIT, "init"), (SSHD, "sshd"), (814, "sshd-session")),
        (os.getpid(), "who applies it"),
    }
    ours = [one for one in running_processes(Path("/proc")) if "applies" in one.why]
    assert ours


def test_who_may_begin(proc: Path) -> None:
    """What is installed would begin behind the door: shells in it, sudo and su in these."""
    lines = {
        tuple(Path(one.binary).name for one in who.line)
        for who in protected(proc)
        if not who.pid
    }
    assert ("kubelet", "systemd") in lines
    assert ("bash", "sshd", "systemd") in lines
    assert ("sudo", "dash", "sshd", "systemd") in lines
    assert ("unix_chkpwd", "su", "bash", "sshd", "systemd") in lines
    assert not {line[0] for line in lines} & {"sshd", "nologin", "nginx"}


def test_a_host_that_hides_its_root(
    proc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where init may not be traced nobody sees its root: ours is asked, and nothing breaks."""

    def refuse(_path: Path, *_words: object, **_more: object) -> bool:
        raise PermissionError

    with monkeypatch.context() as hidden:
        hidden.setattr(Path, "stat", refuse)
        assert Host(proc).root == Path("/")
    with monkeypatch.context() as hidden:
        hidden.setattr(Path, "is_symlink", refuse)
        check_processes([EVERYBODY | MISSES["a program"]], proc)


def test_files_in_memory_are_not_proposed(proc: Path) -> None:
    """A policy that names them is of this boot only."""
    for pid in (814, os.getpid()):
        (proc / str(pid) / "exe").unlink()
        (proc / str(pid) / "exe").symlink_to("/memfd:made (deleted)")
    with pytest.raises(NodeError) as caught:
        check_processes([EVERYBODY], proc)
    assert "/usr/sbin/sshd" in caught.value.cure
    assert "memfd" not in caught.value.cure
    this = [{"pids": [os.getpid()], "is_negated": False, "is_namespaced": False}]
    with pytest.raises(NodeError) as caught:
        check_processes([EVERYBODY | {"pids": this}], proc)
    assert "/memfd:made" in caught.value.message
    assert "spare them by another filter of processes" in caught.value.cure


def test_all_are_named(proc: Path) -> None:
    """Who writes NotIn for one of them would else meet the next."""
    with pytest.raises(NodeError) as caught:
        check_processes([EVERYBODY | value("Equal", "/etc/shadow") | NOT_SSHD], proc)
    assert "would kill sudo, once it runs" in caught.value.message
    assert ", su, once it runs" in caught.value.message
    assert "/usr/bin/su, /usr/lib/cargo/bin/sudo" in caught.value.cure
    assert "add them to those that matchBinaries excludes" in caught.value.cure


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

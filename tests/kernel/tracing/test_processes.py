"""The process sensor and its reader: who ran what, with which privileges, how it ended."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import subprocess
import sys
import time
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lockgate_runtime.bpf import Map
from lockgate_runtime.tracing import layout
from lockgate_runtime.tracing.proc import cgroup_root
from lockgate_runtime.tracing.sensor import follows_credentials
from tests.kernel.tracing.sensed import Events, execs_with, execute, in_child, spawn

if TYPE_CHECKING:
    from lockgate_runtime.pins import Pins

pytestmark = pytest.mark.kernel

NOBODY = 65534
_PR_SET_KEEPCAPS = 8
"""include/uapi/linux/prctl.h."""
_CLONE_NEWUSER = 0x10000000


def test_an_exec_says_all_that_the_reference_says(
    events: Events, tmp_path: Path
) -> None:
    """Program, arguments, directory, credentials, capabilities, namespaces, names, parent."""
    act = execute("/bin/sh", "-c", "exit 3", "a b", "", directory=tmp_path)
    pid, _ = in_child(act)
    (body,) = events.of("process_exec", pid)
    process, parent = body["process"], body["parent"]
    assert process["binary"] == "/bin/sh"
    assert process["arguments"] == '-c "exit 3" "a b"'
    assert process["cwd"] == str(tmp_path)
    assert process["flags"] == "execve clone"
    assert process["tid"] == process["pid"] == pid
    assert process["uid"] == 0
    assert process["auid"] == int(Path("/proc/self/loginuid").read_text())
    assert process["process_credentials"] == dict.fromkeys(layout.CREDENTIALS, 0)
    assert "DAC_OVERRIDE" in process["cap"]["effective"]
    assert {name: ns["inum"] for name, ns in process["ns"].items()} == {
        name: Path(f"/proc/self/ns/{name}").stat().st_ino for name in layout.NAMESPACES
    }
    assert parent["pid"] == os.getpid()
    assert parent["exec_id"] == process["parent_exec_id"]
    assert parent["flags"].startswith("procFS")
    node, start, number = b64decode(process["exec_id"]).decode().split(":")
    assert (node, number) == ("node-1", str(pid))
    assert abs(int(start) - time.clock_gettime_ns(time.CLOCK_BOOTTIME)) < 60e9
    (end,) = events.of("process_exit", pid)
    assert (end["status"], end.get("signal")) == (3, None)
    assert end["process"]["exec_id"] == process["exec_id"]


def test_ends_by_signal_and_by_status(events: Events) -> None:
    """As wait() would say it."""
    pid, status = in_child(lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert os.WTERMSIG(status) == signal.SIGKILL
    (body,) = events.of("process_exit", pid)
    assert (body["signal"], body.get("status")) == ("SIGKILL", None)
    assert body["process"]["flags"] == "clone"


def test_threads_end_once_and_may_exec(events: Events) -> None:
    """A process whose first thread ended first ends once; a thread's exec is the process's."""
    program = (
        "import ctypes, os, threading, time\n"
        "def later():\n"
        "    time.sleep(0.1); os._exit(5)\n"
        "threading.Thread(target=later).start()\n"
        "ctypes.CDLL(None).pthread_exit(0)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program])  # noqa: S603 - ours
    assert child.wait() == 5
    (body,) = events.of("process_exit", child.pid)
    assert body["status"] == 5
    program = (
        "import os, threading, time\n"
        "words = ['sh', '-c', '/bin/true of-thread; :']\n"
        "threading.Thread(target=os.execv, args=('/bin/sh', words)).start()\n"
        "time.sleep(10)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program])  # noqa: S603 - ours
    assert child.wait() == 0
    first, second = events.of("process_exec", child.pid)
    assert second["process"]["binary"] == "/bin/sh"
    assert second["process"]["tid"] == child.pid
    assert second["process"]["exec_id"] != first["process"]["exec_id"]
    assert second["parent"] == first["parent"]
    (end,) = events.of("process_exit", child.pid)
    assert end["process"]["exec_id"] == second["process"]["exec_id"]
    (leaf,) = execs_with(events, "of-thread")
    assert leaf["parent"]["exec_id"] == second["process"]["exec_id"]


def test_a_binary_in_memory_and_one_that_was_removed(
    events: Events, tmp_path: Path
) -> None:
    """Their inode has no link, and the event says so."""
    content = Path("/bin/true").read_bytes()
    memory = os.memfd_create("secret", 0)
    os.write(memory, content)
    pid, _ = in_child(execute(memory))
    (body,) = events.of("process_exec", pid)
    file = body["process"]["binary_properties"]["file"]
    assert file["inode"] == {"number": str(os.fstat(memory).st_ino), "links": 0}
    record = events.cache.find(
        pid, int(b64decode(body["process"]["exec_id"]).split(b":")[1])
    )
    assert record is not None
    program = tmp_path / "gone"
    program.write_bytes(content)
    program.chmod(0o755)
    opened = os.open(program, os.O_RDONLY)
    program.unlink()
    pid, _ = in_child(execute(opened))
    (body,) = events.of("process_exec", pid)
    assert body["process"]["binary_properties"]["file"]["inode"]["links"] == 0


def execute_as_nobody(mode: int, owner: int, capabilities: bytes) -> int:
    """Let nobody execute a program that is made special; return the process's number."""
    program = Path(f"/var/tmp/lockgate-test-{os.getpid()}")  # noqa: S108 - pytest's is root's
    program.write_bytes(Path("/bin/true").read_bytes())
    os.chown(program, owner, owner)
    program.chmod(mode)
    if capabilities:
        os.setxattr(program, "security.capability", capabilities)

    def become_nobody() -> None:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        execute(str(program))()

    try:
        return in_child(become_nobody)[0]
    finally:
        program.unlink()


_CAN_SEND_RAW = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)
"""``struct vfs_cap_data``, version 2: permitted, and effective with it."""

_RAISED = "PRIVILEGES_RAISED_EXEC_FILE"
_PRIVILEGES: list[tuple[int, int, bytes, dict[str, int], dict[str, Any] | None]] = [
    (0o755, 0, b"", {}, None),
    (
        *(0o4755, 0, b"", {"euid": 0, "suid": 0, "fsuid": 0}),
        {"setuid": 0, "privileges_changed": [f"{_RAISED}_SETUID"]},
    ),
    (
        *(0o2755, 0, b"", {"egid": 0, "sgid": 0, "fsgid": 0}),
        {"setgid": 0, "privileges_changed": [f"{_RAISED}_SETGID"]},
    ),
    (0o4755, 1, b"", {"euid": 1, "suid": 1, "fsuid": 1}, {"setuid": 1}),
    (0o755, 0, _CAN_SEND_RAW, {}, {"privileges_changed": [f"{_RAISED}_CAP"]}),
]
"""Mode, owner and capabilities of a program, the ids that it gives, and what its exec says."""


def test_privileges_that_a_binary_gave(events: Events) -> None:
    """They show as the reference shows them, and the credentials are those after exec."""
    for mode, owner, capabilities, ids, properties in _PRIVILEGES:
        pid = execute_as_nobody(mode, owner, capabilities)
        (body,) = events.of("process_exec", pid)
        process = body["process"]
        assert process["process_credentials"] == (
            dict.fromkeys(layout.CREDENTIALS, NOBODY) | ids
        )
        assert process["uid"] == ids.get("euid", NOBODY)
        assert process.get("binary_properties") == properties
        can = process["cap"].get("effective", [])
        if capabilities:
            assert can == ["CAP_NET_RAW"]
        else:
            assert bool(can) == (ids.get("euid") == 0)
    pid, _ = in_child(execute("/bin/true"))
    (body,) = events.of("process_exec", pid)
    assert "binary_properties" not in body["process"], "root was root before"


def test_credentials_that_change_show_at_once(pins: Pins, events: Events) -> None:
    """Later events have the new ones, children too, and so does who begins to read later."""
    if not follows_credentials(pins):
        pytest.skip("needs a kernel that attaches programs by fentry")
    libc = ctypes.CDLL(None)

    def change() -> None:
        libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
        os.setresgid(7, 8, 9)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        spawn("/bin/true", "of-nobody")
        os._exit(0)

    pid, _ = in_child(change)
    (end,) = events.of("process_exit", pid)
    credentials = end["process"]["process_credentials"]
    assert credentials["securebits"] == ["SecBitKeepCaps"]
    assert [credentials[f"{kind}gid"] for kind in ("", "e", "s", "fs")] == [7, 8, 9, 8]
    assert end["process"]["uid"] == NOBODY
    assert sorted(end["process"]["cap"]) == ["permitted"]
    (leaf,) = execs_with(events, "of-nobody")
    assert leaf["parent"]["uid"] == NOBODY
    assert "securebits" not in leaf["process"]["process_credentials"]

    child = os.fork()
    if not child:
        os.setresuid(NOBODY, NOBODY, NOBODY)
        code = libc.unshare(_CLONE_NEWUSER)
        os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(code)
    os.waitpid(child, os.WUNTRACED)
    with Map.pinned(pins.map("processes")) as processes:
        value = processes.get(struct.pack("=Q", child))
    os.kill(child, signal.SIGCONT)
    assert os.waitpid(child, 0)[1] == 0
    (end,) = events.of("process_exit", child)
    space = end["process"]["ns"]["user"]
    assert "is_host" not in space
    assert "CAP_SYS_ADMIN" in end["process"]["cap"]["effective"]
    assert value is not None
    record = layout.PROCESS.unpack(value)
    assert record["user_namespace"] == space["inum"]
    assert record["effective"] == record["first_effective"]


def test_a_new_cgroup_is_of_its_parents_workload(pins: Pins) -> None:
    """From its first moment, and it is forgotten when it goes."""
    root = cgroup_root()
    if root is None:
        pytest.skip("needs cgroups of version 2: mount -t cgroup2 none /sys/fs/cgroup")
    outer = root / f"lockgate-test-{os.getpid()}"
    outer.mkdir()
    try:
        with Map.pinned(pins.map("cgroups")) as cgroups:
            number = outer.stat().st_ino
            key = struct.pack("=Q", number)
            workload = struct.pack("<2I", 7, 9)
            cgroups.set(key, layout.CGROUP.pack(workload=workload))
            inner = outer / "inner"
            inner.mkdir()
            inner_key = struct.pack("=Q", inner.stat().st_ino)
            value = cgroups.get(inner_key)
            inner.rmdir()
            assert value is not None
            found = layout.CGROUP.unpack(value)
            assert (found["workload"], found["parent"]) == (workload, number)
            assert found["flags"] == layout.CGROUP_IS_INHERITED
            assert cgroups.get(inner_key) is None
    finally:
        outer.rmdir()

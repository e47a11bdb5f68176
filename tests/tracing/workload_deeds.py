"""Words of the rows about workloads: cgroups are entered, and records are forgotten."""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

from lockgate_runtime.bpf import Map
from lockgate_runtime.pins import Pins
from lockgate_runtime.tracing.proc import cgroup_root
from tests.tracing.cases.snapshot import CGROUPS, LATER

PINS = Path("/sys/fs/bpf/lockgate-test")
DEEP = Path("/lg/bin/deep")
_libc = ctypes.CDLL(None, use_errno=True)


def make_cgroups(paths: dict[str, str]) -> None:
    """Make the cgroups of some pods and units."""
    for path in paths.values():
        _cgroup(path).mkdir(parents=True, exist_ok=True)


def _cgroup(path: str) -> Path:
    root = cgroup_root()
    assert root is not None
    return root / path


def enter(word: str) -> None:
    """Go on in a cgroup; in one that is made now, if nobody has it yet."""
    folder = _cgroup({**CGROUPS, **LATER}[word])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.procs").write_text(str(os.getpid()))


def forget_cgroup() -> None:
    """Take the own cgroup's class away, as if the map had had no room for it."""
    path = Path("/proc/self/cgroup").read_text().rpartition("0::/")[2].strip()
    _forget("cgroups", struct.pack("=Q", _cgroup(path).stat().st_ino))


def forget() -> None:
    """Take the own record away, as if the map had had no room for it."""
    _forget("processes", struct.pack("=Q", os.getpid()))


def _forget(name: str, key: bytes) -> None:
    with Map.pinned(Pins(PINS).map(name)) as records:
        records.delete(key)


def getsid() -> None:
    """Ask for the own session."""
    os.getsid(os.getpid())


def getscheduler() -> None:
    """Ask how the own process is scheduled."""
    os.sched_getscheduler(os.getpid())


def getpgid() -> None:
    """Ask for the own group."""
    os.getpgid(os.getpid())


def in_long_path(number: int) -> None:
    """Execute a program that makes the call, whose path is longer than a record has room for."""
    folder = DEEP / ("a" * 200) / ("b" * 200)
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    # getpriority(number, 0); exit(0)
    code = b"\xbf" + struct.pack("<I", number) + bytes.fromhex("31f6 b88c000000 0f05")
    _run(code + bytes.fromhex("31ff b83c000000 0f05"))


def in_endless_path() -> None:
    """Ask for the own priority of input and output, as a program whose path nobody can know."""
    DEEP.mkdir(exist_ok=True)
    os.chdir(DEEP)
    for _ in range(22):
        Path("d" * 200).mkdir(exist_ok=True)
        os.chdir("d" * 200)
    # exit(ioprio_get(IOPRIO_WHO_PROCESS, 0) < 0)
    code = "bf01000000 31f6 b8fc000000 0f05 48c1e83f 89c7 b83c000000 0f05"
    _run(bytes.fromhex(code))


def getioprio() -> None:
    """Ask for the own priority of input and output."""
    _libc.syscall(252, 1, 0)


def _run(code: bytes) -> None:
    """Execute a program of these instructions, from the current directory."""
    base, start = 0x400000, 64 + 56
    size = start + len(code)
    head = (b"\x7fELF\2\1\1", 2, 62, 1, base + start, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    segment = (1, 5, 0, base, base, size, size, 0x1000)
    path = Path("one")
    path.write_bytes(
        struct.pack("<16sHHIQQQIHHHHHH", *head)
        + struct.pack("<IIQQQQQQ", *segment)
        + code
    )
    path.chmod(0o755)
    os.execv("./one", ["one"])  # noqa: S606  # our own

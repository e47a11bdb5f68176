"""The virtual machine does what it says, and leaves nothing running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockgate.vm.kernels import SERIES, missing
from lockgate.vm.machine import Machine, MachineError

ROOT = Path(__file__).parent.parent.parent

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = [series for series in SERIES if not missing(series)]

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(
        not HERE, reason="needs QEMU and a kernel: ./dev test fetches what apt offers"
    ),
]


def test_exit_code_output_and_kernel(tmp_path: Path) -> None:
    """A command's exit code and output come back from the guest's own kernel."""
    machine = Machine(HERE[0], append=["lsm=yama"])
    inside = (
        f"uname -r; pwd; touch {tmp_path}/from-guest; "
        "grep -o 'lsm=[a-z]*$' /proc/cmdline; exit 7"
    )
    done = machine.run(["sh", "-c", inside], timeout=60, folder=ROOT)
    assert done.exit_code == 7
    told = done.output.splitlines()
    assert told == [machine.kernel.release, str(ROOT), "lsm=yama"]
    assert list(tmp_path.iterdir()) == [], "the guest wrote to the host"


def test_features() -> None:
    """The guest has the devices and protocols that the kernel tests want."""
    steps = (
        "ip link add left type veth peer name right",
        "ip link add link left name left.7 type vlan id 7",
        "tc qdisc add dev left clsact",
        "ip netns add inside",
        "test -r /sys/kernel/btf/vmlinux",
        "mountpoint -q /sys/fs/bpf",
        "test -f /sys/fs/cgroup/cgroup.controllers",
        f"{sys.executable} -c 'import socket; socket.socket(2, 1, 132)'",
    )
    done = Machine(HERE[-1]).run(["sh", "-ec", "\n".join(steps)], timeout=60)
    assert done.exit_code == 0, done.output


def test_time_limit() -> None:
    """A guest that hangs is ended, and its last words are shown."""
    command = ["sh", "-c", "echo waiting; sleep 1000"]
    with pytest.raises(MachineError, match=r"(?s)in time.*waiting"):
        Machine(HERE[0]).run(command, timeout=15)
    assert _children(os.getpid()) == []


def test_a_folder_that_no_command_line_takes(tmp_path: Path) -> None:
    """It is refused before anything starts, with the cure."""
    folder = tmp_path / "a, b"
    folder.mkdir()
    with pytest.raises(MachineError, match="a, b cannot stand"):
        Machine(HERE[0], shared=folder).run(["true"], timeout=60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_killed(number: signal.Signals, tmp_path: Path) -> None:
    """QEMU ends with the process that started it, however that ends."""
    command = [sys.executable, "-m", "lockgate.vm", HERE[0], "--", "sleep", "1000"]
    place = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=place) as process:  # noqa: S603 - ours
        assert _soon(lambda: bool(_children(process.pid)))
        machines = _children(process.pid)
        process.send_signal(number)
    assert _soon(lambda: not any(map(_is_running, machines)))


def _children(process: int) -> list[int]:
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(number) for number in text.split()]


def _is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _soon(condition: Callable[[], bool]) -> bool:
    """Wait at most 10 s for something to become true."""
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True

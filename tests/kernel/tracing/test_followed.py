"""Processes that run when a policy begins are followed from there, their children by their line."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernel.tracing.programs import require
from tests.kernel.tracing.test_differential import stage
from tests.targets.running import running_kernel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kernel.tracing.test_differential import Stage

pytestmark = pytest.mark.kernel

_GETPRIORITY = 140
_POLICY = """
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {{name: followed}}
spec:
  kprobes:
  - call: sys_getpriority
    syscall: true
    args: [{{index: 1, type: int}}]
    selectors:
    - matchPIDs: [{{operator: In, values: [{number}], followForks: true}}]
"""

__all__ = ["stage"]


def waiting(number: int, before: Callable[[], object] = lambda: None) -> int:
    """Fork a child that stops, then makes a call with a number; return its own."""
    child = os.fork()
    if not child:
        before()
        os.kill(os.getpid(), signal.SIGSTOP)
        ctypes.CDLL(None).syscall(_GETPRIORITY, 0, ctypes.c_long(number))
        os._exit(0)
    return child


def test_those_that_run_already_are_followed_by_their_line(stage: Stage) -> None:
    """A listed one with its children; not the child of one whose number went to such a child."""
    require("fentry")
    told, tell = os.pipe()
    here, there = os.pipe()

    def adopt() -> None:
        waiting(2)
        wanted = int(os.read(told, 16))
        for _ in range(50):
            Path("/proc/sys/kernel/ns_last_pid").write_text(str(wanted - 1))
            child = waiting(3)
            if child == wanted:
                break
            os.kill(child, signal.SIGKILL)
        os.write(there, b"x")

    listed = waiting(1, adopt)
    waiting(4)
    parent = os.fork()
    if not parent:
        waiting(5)
        os._exit(0)
    os.waitpid(parent, 0)
    os.write(tell, str(parent).encode())
    os.read(here, 1)
    for end in (told, tell, here, there):
        os.close(end)
    policy = {"followed.yaml": _POLICY.format(number=listed)}
    stage.arm_texts(1, policy, running_kernel())
    stage.take()
    group = os.getpgid(0)
    signal.signal(signal.SIGCONT, signal.SIG_IGN)
    found: set[int] = set()
    for _ in range(100):
        os.killpg(group, signal.SIGCONT)
        signal.sigtimedwait([signal.SIGCHLD], 0.05)
        found |= {int.from_bytes(e.values[0].data, "little") for e in stage.take()}
        if {1, 2, 3} <= found:
            break
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            break
    found |= {int.from_bytes(e.values[0].data, "little") for e in stage.take()}
    assert found == {1, 2, 3}

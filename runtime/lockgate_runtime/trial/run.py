"""Run one operation, and say how it ended."""

from __future__ import annotations

import mmap
import os
import signal
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lockgate_runtime.trial.stage import enter_cgroup

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockgate_runtime.trial.plan import Trial

_REPORT = struct.Struct("=ii")
_NOT_EXECUTED, _BEGUN, _DONE = -1, 1, 2
"""States of the report; the first is the driver's own, the others workload.c has, too."""
_DESCRIPTOR = 3
_POLL = 0.005


@dataclass(slots=True)
class Run:
    """How an operation ended.

    ``end`` is ``done``, ``failed`` (``error`` is its errno), ``killed`` (by ``signal``),
    ``hung`` (it was ended by us), ``not-started``: the program itself could not be executed
    (``error``) or was ended before it began (``signal``), or ``not-prepared``: what it needs
    could not be made.
    """

    pid: int
    end: str
    error: int = 0
    signal: int = 0

    def row(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"end": self.end, "error": self.error, "signal": self.signal}


def run(trial: Trial, seconds: float, look: Callable[[], None]) -> Run:
    """Run a trial's operation in a child; ``look`` is called when it is about to begin."""
    descriptor = os.memfd_create("lockgate-trial")
    try:
        os.ftruncate(descriptor, mmap.PAGESIZE)
        with mmap.mmap(descriptor, mmap.PAGESIZE) as report:
            child = os.fork()
            if child == 0:
                _execute(trial, descriptor, report)
            return _watch(child, report, seconds, look)
    finally:
        os.close(descriptor)


def _execute(trial: Trial, descriptor: int, report: mmap.mmap) -> None:
    """Become the program; never returns."""
    try:
        nothing = os.open("/dev/null", os.O_RDWR)
        for number in range(_DESCRIPTOR):
            os.dup2(nothing, number)
        os.dup2(descriptor, _DESCRIPTOR)
        os.set_inheritable(_DESCRIPTOR, True)  # dup2 leaves one that is itself alone
        os.closerange(_DESCRIPTOR + 1, 1024)
        os.setsid()
        if trial.cgroup:
            enter_cgroup(trial.cgroup)
        if trial.user is not None:
            os.setgroups([])
            os.setgid(trial.user)
            os.setuid(trial.user)
        command = [trial.program, trial.operation, *trial.operands]
        os.execve(trial.program, command, {})  # noqa: S606  # what the plan says
    except OSError as error:
        report[: _REPORT.size] = _REPORT.pack(_NOT_EXECUTED, error.errno or 0)
    finally:
        os._exit(0)


def _watch(
    child: int, report: mmap.mmap, seconds: float, look: Callable[[], None]
) -> Run:
    deadline = time.monotonic() + seconds
    status = _wait(child, os.WUNTRACED, deadline)
    if status is None:
        return _end(child, "hung")
    if not os.WIFSTOPPED(status):
        _, error = _REPORT.unpack_from(report)
        return Run(child, "not-started", error, _signal_of(status))
    look()
    os.kill(child, signal.SIGCONT)
    status = _wait(child, 0, deadline)
    if status is None:
        return _end(child, "hung")
    state, error = _REPORT.unpack_from(report)
    if ended := _signal_of(status):
        return Run(child, "killed", signal=ended)
    # A program that was executed has taken the workload's place, which stays at "begun".
    if state == _DONE and error:
        return Run(child, "failed", error)
    return Run(child, "done" if state in (_BEGUN, _DONE) else "not-started")


def _wait(child: int, options: int, deadline: float) -> int | None:
    """Wait for a child's end (or what ``options`` say); None after the deadline."""
    while True:
        found, status = os.waitpid(child, options | os.WNOHANG)
        if found:
            return status
        if time.monotonic() > deadline:
            return None
        time.sleep(_POLL)


def _end(child: int, end: str) -> Run:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return Run(child, end)


def _signal_of(status: int) -> int:
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0

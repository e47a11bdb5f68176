"""Try each way to enforce on a call of our own, before a policy relies on it.

A kernel may take a program and never run it (an LSM program without ``bpf`` in lsm=), or run it
and not obey.  Each trial attaches a few instructions that concern one process only, lets that
process ask for its own session (getsid(2), with its pid: with 0 no hook is asked), and looks at
what became of it.  Hooks in programs are tried at that function of the C library which this very
process uses.  All of it is gone afterwards.
"""

from __future__ import annotations

import os
import signal
import struct
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import Program
from lockgate_runtime.environment import is_in_first_pid_namespace
from lockgate_runtime.errors import BpfError, NodeError
from lockgate_runtime.libbpf import find_function
from lockgate_runtime.target.hooks import KINDS, load_program
from lockgate_runtime.tracing.attach import attach_site
from lockgate_runtime.tracing.sites import DENYING_STANDS, Site

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FUNCTION = "security_task_getsid"

_TRIALS = {
    "lsm": (KINDS["lsm"]._replace(place="bpf_lsm_task_getsid"), "task_getsid"),
    "fmod_ret": (KINDS["fmod_ret"]._replace(place=_FUNCTION), _FUNCTION),
    "fentry": (KINDS["fentry"]._replace(place=_FUNCTION), _FUNCTION),
    "fexit": (KINDS["fexit"]._replace(place=_FUNCTION), _FUNCTION),
    "kprobe": (KINDS["kprobe"], _FUNCTION),
    "kretprobe": (KINDS["kprobe"], _FUNCTION),
    "tracepoint": (KINDS["tracepoint"], "syscalls/sys_enter_getsid"),
    "raw_tracepoint": (KINDS["raw_tracepoint"], "sys_enter"),
}
"""By stand: the kind of program, and where it is attached for the trial."""

_STANDS_IN_PROGRAMS = frozenset({"uprobe", "uretprobe", "usdt"})
_EPERM = 1


def try_stands(stands: Iterable[str]) -> list[str]:
    """Try the stands that enforcing programs have; return those that were tried.

    E5144 for one that had no effect, with what had been attached gone again, and where
    the trial would concern somebody else: a process has another number in a PID namespace.
    """
    wanted = sorted(set(stands) & (_TRIALS.keys() | _STANDS_IN_PROGRAMS))
    if wanted and not is_in_first_pid_namespace():
        raise NodeError(
            "E5144",
            "enforcement cannot be tried in a PID namespace of its own; nothing was changed",
            "run it in the host's PID namespace (in Kubernetes `hostPID: true`)",
        )
    tried = []
    for stand in wanted:
        try:
            works = _denies(stand) if stand in DENYING_STANDS else _kills(stand)
        except (BpfError, LookupError) as error:
            raise _failed(stand, str(error)) from None
        if not works:
            raise _failed(stand, "the call passed as if nobody had objected")
        tried.append(stand)
    return tried


def _denies(stand: str) -> bool:
    with _attached(stand, _denying(os.getpid())):
        try:
            os.getsid(os.getpid())
        except PermissionError:
            return True
    return False


def _kills(stand: str) -> bool:
    """Let a child be killed by its own call."""
    receiver, sender = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(sender)
            os.read(receiver, 1)
            os.getsid(os.getpid())
        finally:
            os._exit(0)
    os.close(receiver)
    try:
        with _attached(stand, _killing(child)):
            os.close(sender)
            sender = -1
            _, status = os.waitpid(child, 0)
            child = 0
    finally:
        if sender >= 0:
            os.close(sender)
        if child:
            os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


@contextmanager
def _attached(stand: str, instructions: bytes) -> Iterator[None]:
    if stand in _STANDS_IN_PROGRAMS:
        kind, site = KINDS["kprobe"], _site_in_library(stand)
    else:
        kind, place = _TRIALS[stand]
        site = Site("lockgate_try", "", stand, (place,), is_multi_disabled=True)
    descriptor = load_program(kind, instructions, bytearray(4096))
    with Program(descriptor) as program:
        links = list(attach_site(site, [program]))
        try:
            yield
        finally:
            for link in links:
                link.close()


def _site_in_library(stand: str, function: str = "getsid") -> Site:
    """Return the place of a function in the file that is mapped here; LookupError without."""
    address = find_function(function)
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, _, offset, *_ = line.split()
        start, end = (int(number, 16) for number in span.split("-"))
        if start <= address < end:
            return Site(
                "lockgate_try",
                "",
                stand,
                (),
                # The very file, even if another one has its name by now.
                binary=f"/proc/self/map_files/{span}",
                offsets=(address - start + int(offset, 16),),
                is_multi_disabled=True,
            )
    raise LookupError(f"{function} is in no file")


def _denying(tgid: int) -> bytes:
    """Return -EPERM to one process, and 0 to all others."""
    return b"".join(
        (
            *_own_tgid(),
            _instruction(0x15, 0, 0, 2, tgid),  # if r0 == tgid skip 2
            _instruction(0xB7, 0, 0, 0, 0),  # r0 = 0
            _instruction(0x95),  # exit
            _instruction(0xB7, 0, 0, 0, -_EPERM),  # r0 = -EPERM
            _instruction(0x95),  # exit
        )
    )


def _killing(tgid: int) -> bytes:
    """Send SIGKILL to one process."""
    send_signal = 109
    return b"".join(
        (
            *_own_tgid(),
            _instruction(0x55, 0, 0, 2, tgid),  # if r0 != tgid skip 2
            _instruction(0xB7, 1, 0, 0, signal.SIGKILL),  # r1 = SIGKILL
            _instruction(0x85, 0, 0, 0, send_signal),  # call
            _instruction(0xB7, 0, 0, 0, 0),  # r0 = 0
            _instruction(0x95),  # exit
        )
    )


def _own_tgid() -> tuple[bytes, ...]:
    get_current_pid_tgid = 14
    return (
        _instruction(0x85, 0, 0, 0, get_current_pid_tgid),
        _instruction(0x77, 0, 0, 0, 32),  # r0 >>= 32
    )


def _instruction(
    code: int, target: int = 0, source: int = 0, offset: int = 0, value: int = 0
) -> bytes:
    """Pack struct bpf_insn."""
    return struct.pack("=BBhi", code, source << 4 | target, offset, value)


def _failed(stand: str, reason: str) -> NodeError:
    what = "a denial" if stand in DENYING_STANDS else "a signal"
    return NodeError(
        "E5144",
        f"{what} by {stand} was tried on a call of our own: {reason}; nothing was changed",
        "see whether bpf is in /sys/kernel/security/lsm; compile for this very kernel "
        "(lockgate target record), or put the policies in monitor mode",
    )

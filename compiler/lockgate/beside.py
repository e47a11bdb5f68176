"""Do two things at once: one of them in a process of its own, a copy of this one.

A copy sees all that is in memory without being sent it, so only the result travels.  What
cannot be done so (no ``fork``, one processor, no memory for a copy) is done here, one after
the other: nothing but time depends on it.
"""

from __future__ import annotations

import marshal
import mmap
import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_T = TypeVar("_T")
_U = TypeVar("_U")


def do_beside(work: Callable[[], _T], here: Callable[[], _U]) -> tuple[_T, _U]:
    """Return what ``work``, in a copy of this process, and ``here`` return."""
    with started_beside(work) as copy:
        done = here()
        return copy.result(), done


@contextmanager
def started_beside(
    work: Callable[[], _T], *, is_long: bool = True
) -> Iterator[Copy[_T]]:
    """Start ``work`` in a copy of this process; no copy is left when the block ends.

    What ``work`` returns must be something that :mod:`marshal` writes: numbers, strings,
    bytes, and tuples, lists and dictionaries of them.  Work that is not long is done here.
    """
    copy = Copy(work, is_long)
    try:
        yield copy
    finally:
        copy.end()


class Copy(Generic[_T]):
    """Something that is being done in a copy of this process."""

    def __init__(self, work: Callable[[], _T], is_long: bool) -> None:
        self._work = work
        self._file = -1
        self._pid = self._start() if is_long and _can_copy() else None

    def result(self) -> _T:
        """Wait, and return what the work returned; once."""
        if self._pid is None:
            return self._work()
        _, status = os.waitpid(self._pid, 0)
        self._pid = None
        if status != 0:
            return self._work()  # killed for want of memory, or it fails here as well
        with mmap.mmap(self._file, 0, access=mmap.ACCESS_READ) as packed:
            found: _T = marshal.loads(packed)  # noqa: S302  # from a copy of ourselves
        return found

    def end(self) -> None:
        """Let go of the copy, whether it is done or nobody asked for its result."""
        if self._pid is not None:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = None
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _start(self) -> int | None:
        """Return the copy's process; None if there is none."""
        try:
            # A file in memory and not a pipe: the copy need not wait for a reader.
            self._file = os.memfd_create("lockgate")
            pid = os.fork()
        except OSError:
            return None
        if pid:
            return pid
        status = 1
        try:
            with os.fdopen(self._file, "wb") as file:
                marshal.dump(cast("Any", self._work()), file)
            status = 0
        finally:
            os._exit(status)  # and nothing of what the other process will do at its end


def _can_copy() -> bool:
    """Whether there are two processors, and no thread whose lock a copy would miss."""
    return len(os.sched_getaffinity(0)) > 1 and threading.active_count() == 1

"""Do two things at once: one of them in a process of its own, a copy of this one.

A copy sees all that is in memory without being sent it, so only the result travels.  What
cannot be done so (no ``fork``, one processor, no memory for a copy) is done here, one after
the other: nothing but time depends on it.
"""

from __future__ import annotations

import marshal
import os
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

Texts = dict[str, bytes]
"""What a copy may return; it must be something that :mod:`marshal` writes."""


def do_beside(work: Callable[[], Texts], here: Callable[[], _T]) -> tuple[Texts, _T]:
    """Return what ``work``, in a copy of this process, and ``here`` return."""
    copy = _start(work)
    if copy is None:
        return work(), here()
    pid, end = copy
    try:
        # The pipe holds little: the copy waits with its result until we are done.
        done = here()
        with os.fdopen(end, "rb", closefd=False) as pipe:
            packed = pipe.read()
    finally:
        os.close(end)
        _, status = os.waitpid(pid, 0)
    if status != 0:
        return work(), done  # killed for want of memory, or it fails here as well
    texts: Texts = marshal.loads(packed)  # noqa: S302  # from a copy of ourselves
    return texts, done


def _start(work: Callable[[], Texts]) -> tuple[int, int] | None:
    """Return the copy's process and the end of the pipe to read; None if there is none."""
    if len(os.sched_getaffinity(0)) < 2 or threading.active_count() > 1:  # one of each
        return None  # a copy has no other threads, and whatever lock they held is stuck
    ours, theirs = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(ours)
        os.close(theirs)
        return None
    if pid:
        os.close(theirs)
        return pid, ours
    status = 1
    try:
        os.close(ours)  # else the copy would not see that nobody reads any more
        packed = marshal.dumps(work())
        with os.fdopen(theirs, "wb") as pipe:
            pipe.write(packed)
        status = 0
    finally:
        os._exit(status)  # and nothing of what the other process will do at its end

"""Hold the garbage collector while a compilation makes many objects and no garbage.

Looking through millions of living objects again and again cost a quarter of the time (5,000
policies, 20,000 pods); reference counting frees what does become free.  Whoever ends the
process afterwards holds it to the end: the first collection would look through them all.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn


@contextmanager
def without_collection() -> Iterator[None]:
    """Let no collection run inside, and none after it where the process is to end."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled and _last is None:
            gc.enable()


_last: list[object] | None = None
"""What nobody takes to pieces any more: a list once the process is about to end."""


def end_process_after(main: Callable[[], int]) -> NoReturn:
    """Call ``main`` and end with its exit code, leaving memory to the kernel as it is."""
    global _last  # a process has one end
    _last = []
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(
            OSError
        ):  # main has told; older Pythons keep what they cannot write
            stream.flush()
    os._exit(code)


def keep_to_the_end(value: object) -> None:
    """Do not take a large value to pieces where the process is about to end anyway."""
    if _last is not None:
        _last.append(value)

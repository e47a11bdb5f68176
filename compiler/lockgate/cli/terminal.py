"""Progress, for a person who looks."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lockgate_runtime.terminal import is_terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CLEAR_LINE = "\r\033[K"


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Give a function that says what is being done; it is silent where nobody looks."""
    if not is_terminal(sys.stderr):
        yield lambda _step: None
        return

    def tell(step: str) -> None:
        print(f"{_CLEAR_LINE}{step} ...", end="", file=sys.stderr, flush=True)

    try:
        yield tell
    finally:
        print(_CLEAR_LINE, end="", file=sys.stderr, flush=True)

"""What differs when a person looks: colour and progress, only on a terminal."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CLEAR_LINE = "\r\033[K"


def has_colour(stream: TextIO) -> bool:
    """Whether to write colours; see https://no-color.org."""
    return not os.environ.get("NO_COLOR") and _is_terminal(stream)


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Give a function that says what is being done; it is silent where nobody looks."""
    if not _is_terminal(sys.stderr):
        yield lambda _step: None
        return

    def tell(step: str) -> None:
        print(f"{_CLEAR_LINE}{step} ...", end="", file=sys.stderr, flush=True)

    try:
        yield tell
    finally:
        print(_CLEAR_LINE, end="", file=sys.stderr, flush=True)


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"

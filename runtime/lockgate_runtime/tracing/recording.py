"""Lines of events that somebody wrote: a file, also one that is written and rotated, or stdin."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from lockgate_runtime.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_TAIL = 0.2
"""Seconds between two looks at a file that is followed."""


class Recording:
    """A file of events; ``place`` is that of the line that was read last.

    ``torn`` counts lines that are no JSON object: who wrote them was killed, or no events are
    here at all.  They are left out, and :meth:`check` tells of them.
    """

    def __init__(
        self, path: Path, *, follow: bool, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._path, self._follow, self._pause = path, follow, pause
        self._number = 0
        self.torn = 0
        self._first_torn = ""

    @property
    def place(self) -> str:
        """Return FILE:LINE."""
        return f"{self._path}:{self._number}"

    def batches(self) -> Iterator[list[str]]:
        """Give line by line, and nothing while one is waited for; E5100 where none can be read."""
        try:
            while True:
                yield from self._one_file()
                if not self._follow:
                    return
                self._number = 0
        except OSError as error:
            raise NodeError(
                "E5100",
                f"cannot read {self._path}: {error.strerror}",
                "name a file of events",
            ) from None

    def _one_file(self) -> Iterator[list[str]]:
        """Read to the end; one that is followed until another stands in its place."""
        rest, is_last = "", not self._follow
        with _opened(self._path) as lines:
            while True:
                text = lines.readline()
                if text.endswith("\n") or (is_last and rest + text):
                    self._number += 1
                    text, rest = rest + text, ""
                    yield (
                        [text.strip()] if text.strip() and self._is_event(text) else []
                    )
                elif text:
                    rest += text  # the writer is in the middle of a line
                elif is_last:
                    return
                elif self._is_rotated(lines):
                    is_last = (
                        True  # but for what was written before it got its new name
                    )
                else:
                    yield []
                    self._pause(_TAIL)

    def _is_rotated(self, lines: TextIO) -> bool:
        """Whether another file has the name."""
        if lines is sys.stdin:
            return False
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return False  # between two names
        here = os.fstat(lines.fileno())
        return (here.st_dev, here.st_ino) != (now.st_dev, now.st_ino)

    def _is_event(self, text: str) -> bool:
        with suppress(ValueError, RecursionError):
            if isinstance(json.loads(text), dict):
                return True
        self._first_torn = self._first_torn or self.place
        self.torn += 1
        return False

    def check(self) -> None:
        """E5100 where lines were left out."""
        if self.torn:
            more = f" ({self.torn} such lines)" if self.torn > 1 else ""
            raise NodeError(
                "E5100",
                f"{self._first_torn}: not an event{more}; the others are printed",
                "it is half a line where who wrote it was killed; record with `lockgate events "
                "-o json --out FILE`",
            )

    def fault(self) -> NodeError:
        """Return what is said of the line that was given last when it is no event."""
        return NodeError(
            "E5100",
            f"{self.place}: not an event",
            "record with `lockgate events -o json --out FILE`",
        )


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    if str(path) == "-":
        yield sys.stdin
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        yield lines

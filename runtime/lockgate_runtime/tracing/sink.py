"""Where events are written: standard output, or a file that is rotated by its size."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

_MINUTE = 60.0


class Sink:
    """Standard output; a context manager."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout

    def write(self, lines: list[str]) -> None:
        """Write lines, and let them be seen."""
        if lines:
            self._stream.write("\n".join(lines) + "\n")
            self._stream.flush()

    def close(self) -> None:
        """Do nothing: the stream is not ours."""

    def __enter__(self) -> Sink:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()


class RotatingFile(Sink):
    """A file for root alone: past ``most`` bytes it becomes FILE.1, that FILE.2, up to ``keep``.

    No line is torn in two files.  0 bytes: it is never rotated.
    """

    def __init__(self, path: Path, most: int = 0, keep: int = 5) -> None:
        self._path, self._most, self._keep = path, most, keep
        super().__init__(self._open())
        self._size = path.stat().st_size

    def write(self, lines: list[str]) -> None:
        """Append lines; rotate before one that would not fit."""
        if not self._most:
            super().write(lines)
            return
        batch: list[str] = []
        for line in lines:
            size = len(line.encode()) + 1
            if self._size and self._size + size > self._most:
                super().write(batch)
                batch = []
                self._rotate()
            batch.append(line)
            self._size += size
        super().write(batch)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _open(self) -> TextIO:
        descriptor = os.open(
            self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
        )
        return os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape")

    def _rotate(self) -> None:
        self._stream.close()
        for number in range(self._keep, 0, -1):
            older = self._numbered(number)
            newer = self._numbered(number - 1) if number > 1 else self._path
            if newer.exists():
                newer.replace(older)
        if not self._keep:
            self._path.unlink(missing_ok=True)
        self._stream, self._size = self._open(), 0

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


class RateLimit:
    """At most so many events a minute; what is more is counted in ``withheld``."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._since, self._count = clock(), 0
        self.withheld = 0

    def admit(self, lines: list[str]) -> list[str]:
        """Return those that may pass, the first ones."""
        now = self._clock()
        if now - self._since >= _MINUTE:
            self._since, self._count = now, 0
        room = max(0, self._most - self._count)
        passed = lines[:room]
        self._count += len(passed)
        self.withheld += len(lines) - len(passed)
        return passed

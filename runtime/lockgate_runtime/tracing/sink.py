"""Where lines go: standard output, or a file that is rotated by its size."""

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
_TOGETHER = 64
"""Lines that are written at once: few enough to stay in a processor's cache on their way."""


class Sink:
    """Standard output; a context manager.

    ``unwritten`` counts lines for which there was no room, ``fault`` says why.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self.unwritten = 0
        self.fault = ""

    def write(self, lines: list[str]) -> None:
        """Write lines, and let them be seen."""
        if not lines:
            return
        text = "\n".join(lines) + "\n"
        try:
            self._stream.write(text)
            self._stream.flush()
        except UnicodeEncodeError:
            # Half a pair of UTF-16, or a locale that has no such letter.
            encoding = self._stream.encoding or "ascii"
            self._stream.write(text.encode(encoding, "replace").decode(encoding))
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

    No line is torn in two files, and none is left half: where the disk is full, what does not fit
    is counted, and the next lines are tried again.  0 bytes: it is never rotated.
    """

    def __init__(self, path: Path, most: int = 0, keep: int = 5) -> None:
        super().__init__()
        self._path, self._most, self._keep = path, most, keep
        self._file = self._open()
        self._size = path.stat().st_size

    def write(self, lines: list[str]) -> None:
        """Append lines; rotate before one that would not fit."""
        for at in range(0, len(lines), _TOGETHER):
            some = lines[at : at + _TOGETHER]
            data = ("\n".join(some) + "\n").encode(errors="replace")
            if self._most and self._size + len(data) > self._most:
                self._write_singly(some)
            else:
                self._size += len(data)
                self._append(data)

    def _write_singly(self, lines: list[str]) -> None:
        batch: list[bytes] = []
        for line in lines:
            data = line.encode(errors="replace") + b"\n"
            if self._size and self._size + len(data) > self._most:
                self._append(b"".join(batch))
                batch = []
                if self._size:
                    self._rotate()
            batch.append(data)
            self._size += len(data)
        self._append(b"".join(batch))

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        return os.open(self._path, flags, 0o600)

    def _append(self, data: bytes) -> None:
        """Write whole lines; what the disk has no room for is taken back and counted."""
        done = 0
        try:
            while done < len(data):
                done += os.write(self._file, data[done:])
        except OSError as error:
            self.fault = error.strerror or str(error)
            whole = data.rfind(b"\n", 0, done) + 1
            self.unwritten += data.count(b"\n", whole)
            try:
                end = os.fstat(self._file).st_size
                os.ftruncate(self._file, end - (done - whole))
                self._size = os.fstat(self._file).st_size
            except OSError:
                self._size -= len(data) - done  # a pipe, say: it has no size

    def _rotate(self) -> None:
        """Begin a new file; where the names cannot be changed, go on with this one."""
        try:
            for number in range(self._keep, 0, -1):
                older = self._numbered(number)
                newer = self._numbered(number - 1) if number > 1 else self._path
                if newer.exists():
                    newer.replace(older)
            if not self._keep:
                self._path.unlink(missing_ok=True)
            opened = self._open()
        except OSError as error:
            self.fault = error.strerror or str(error)
            return
        os.close(self._file)
        self._file, self._size = opened, 0

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


class RateLimit:
    """At most so many events a minute; what is more is counted in ``withheld``."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._since, self._count = clock(), 0
        self._untold = 0
        self.withheld = 0

    def admit(self, lines: list[str]) -> list[str]:
        """Return those that may pass, the first ones."""
        now = self._clock()
        if now - self._since >= _MINUTE:
            self._since, self._count = now, 0
        room = max(0, self._most - self._count)
        passed = lines[:room]
        self._count += len(passed)
        self._untold += len(lines) - len(passed)
        self.withheld += len(lines) - len(passed)
        return passed

    def tell(self, *, at_end: bool = False) -> int:
        """Return how many were withheld in a minute that is over, once; 0 before it is."""
        if not at_end and self._clock() - self._since < _MINUTE:
            return 0
        untold, self._untold = self._untold, 0
        return untold

"""Read a recording line by line: what is kept is counts, so its length does not matter.

Each line is told by its own look, so recordings of several origins may stand in one file.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, cast

from lockgate.recordings.hubble import is_hubble, parse_hubble
from lockgate.recordings.observed import is_observed, parse_observed
from lockgate.recordings.record import MalformedError, Record, SetAside
from lockgate.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.diagnostics import Diagnostics

LONGEST_LINE = 1 << 22
"""Bytes; a longer line is refused, and the next one read."""

LONGEST_SKIPPED = 1 << 26
"""Bytes of one line after which the rest of the stream is left: it may have no end."""

MOST_MALFORMED = 10_000
"""After so many lines of which none is a record, the rest is no recording either."""

MOST_REPORTED = 20
"""So many lines that are no records are shown each by itself; the rest are counted."""


class _NoRecordingError(Exception):
    """A stream that has nothing of a recording, and may have no end."""


_GZIP = b"\x1f\x8b"


@dataclass(slots=True)
class Reading:
    """What the lines came to, apart from the records; ``set_aside``: reason → events."""

    lines: int = 0
    records: int = 0
    malformed: int = 0
    lost: int = 0
    set_aside: Counter[str] = field(default_factory=Counter)


def read_records(
    name: str, stream: IO[bytes], reading: Reading, diagnostics: Diagnostics
) -> Iterator[Record]:
    """Yield the records of a stream, gzipped or not; lines that are none are E6400."""
    malformed = understood = 0
    for number, line in _whole_lines(name, stream, diagnostics):
        reading.lines += 1
        try:
            parsed = _parse(line)
        except MalformedError as error:
            reading.malformed += 1
            malformed += 1
            if malformed <= MOST_REPORTED:
                _report(name, number, line, str(error), diagnostics)
            if malformed >= MOST_MALFORMED and not understood:
                _report_none(name, f"{malformed:,} lines are no flows", diagnostics)
                return
            continue
        understood += 1
        if isinstance(parsed, SetAside):
            reading.set_aside[parsed.reason] += parsed.events
            reading.lost += parsed.events if parsed.is_loss else 0
            continue
        reading.records += 1
        yield parsed
    if malformed > MOST_REPORTED:
        more = malformed - MOST_REPORTED
        diagnostics.error(
            "E6400", f"{name} has {more} more lines that are no recorded flows", None
        )


def _whole_lines(
    name: str, stream: IO[bytes], diagnostics: Diagnostics
) -> Iterator[tuple[int, bytes]]:
    """Yield the lines; a compressed file that breaks off ends with an error."""
    try:
        yield from _lines(stream)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        diagnostics.error("E6402", f"{name} breaks off: {error}", None)
    except _NoRecordingError as error:
        _report_none(name, str(error), diagnostics)


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield lines that are not empty with their numbers, none longer than the limit."""
    number, line = 1, stream.readline(LONGEST_LINE)
    if line.startswith(_GZIP):
        stream = _unzip(line, stream)
        line = stream.readline(LONGEST_LINE)
    while line:
        if not line.isspace():
            yield number, line
        length = len(line)
        while len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            line = stream.readline(LONGEST_LINE)  # the rest of what is too long
            length += len(line)
            if length > LONGEST_SKIPPED:
                size = f"{LONGEST_SKIPPED >> 20} MiB"
                raise _NoRecordingError(f"line {number} is longer than {size}")
        number += 1
        line = stream.readline(LONGEST_LINE)


class _Joined:
    """A stream from which the first bytes were read already."""

    def __init__(self, first: bytes, rest: IO[bytes]) -> None:
        self._first, self._rest = first, rest

    def read(self, size: int = -1) -> bytes:
        if self._first:
            found = self._first if size < 0 else self._first[:size]
            self._first = self._first[len(found) :]
            return found
        return self._rest.read(size)


def _unzip(first: bytes, rest: IO[bytes]) -> IO[bytes]:
    file = gzip.GzipFile(fileobj=cast("IO[bytes]", _Joined(first, rest)), mode="rb")
    return cast("IO[bytes]", file)


def _parse(line: bytes) -> Record | SetAside:
    if len(line) == LONGEST_LINE:
        raise MalformedError(f"the line is longer than {LONGEST_LINE >> 20} MiB")
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"this is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise MalformedError("this is no JSON object")
    if is_observed(value):
        return parse_observed(value)
    if is_hubble(value):
        return parse_hubble(value)
    raise MalformedError("this is no recorded flow")


def _report_none(name: str, why: str, diagnostics: Diagnostics) -> None:
    message = f"{name} is no recording, and is not read further: {why}"
    diagnostics.error("E6400", message, None)


def _report(
    name: str, number: int, line: bytes, why: str, diagnostics: Diagnostics
) -> None:
    text = line[:400].decode(errors="replace").rstrip("\r\n")
    span = Span(Source(name, text, (number, 1)), 0, len(text))
    diagnostics.error(
        "E6400",
        why,
        span,
        help="record with `hubble observe -o json`, Hubble's exporter, or "
        "`lockgate observe -o json`",
    )

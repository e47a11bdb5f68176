"""The parts of a file as sources: text and line numbers are worked out when asked for.

A snapshot has tens of thousands of parts, and a diagnostic quotes one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.frontend.splitting import BYTE_ORDER_MARK
from lockgate.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.frontend.inputs import InputFile

_COUNTED = 1 << 14
"""Bytes of a block: so many are counted again for each position."""


class FileView:
    """A file of which parts are quoted."""

    def __init__(self, file: InputFile) -> None:
        self.name = file.name
        self.alias = file.alias
        self._data = file.data
        self._line_of_block = [1]

    def sources(self, starts: Iterable[int], ends: Iterable[int]) -> list[Source]:
        """Return the parts between some bytes."""
        return [
            _Part(self, start, end) for start, end in zip(starts, ends, strict=True)
        ]

    def text(self, start: int, end: int) -> str:
        """Return the characters between two bytes."""
        return self._data[start:end].decode(errors="replace")

    def position(self, offset: int) -> tuple[int, int]:
        """Return line and column of a byte, both 1-based, from the nearest block before."""
        data, lines = self._data, self._line_of_block
        block = offset // _COUNTED
        while len(lines) <= block:
            end = len(lines) * _COUNTED
            lines.append(lines[-1] + data[end - _COUNTED : end].count(b"\n"))
        line = lines[block] + data[block * _COUNTED : offset].count(b"\n")
        begin = data.rfind(b"\n", 0, offset) + 1
        if begin == 0 and data[:3] == BYTE_ORDER_MARK:
            begin = len(BYTE_ORDER_MARK)
        return line, 1 + len(data[begin:offset].decode(errors="replace"))


class _Part(Source):
    """A part of a file."""

    __slots__ = ("_end", "_place", "_start", "_view")

    def __init__(self, view: FileView, start: int, end: int) -> None:
        self.name = view.name
        self.alias = view.alias
        self._line_starts = None
        self._view = view
        self._start = start
        self._end = end
        self._place: tuple[int, int] | None = None

    @property
    def text(self) -> str:
        """The document's characters."""
        return self._view.text(self._start, self._end)

    def _first(self) -> tuple[int, int]:
        place = self._place
        if place is None:
            place = self._place = self._view.position(self._start)
        return place

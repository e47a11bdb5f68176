"""The parts of a file to what they say, from the cache where they were read before.

Parts are remembered in groups of some dozens.  Where a group ends is decided by the text of
the parts themselves, so that one that is added, changed or taken away leaves all other
groups as they are, and only its own is read again.
"""

from __future__ import annotations

import mmap
from functools import partial
from typing import TYPE_CHECKING
from zlib import crc32

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.kinds import TRACING
from lockgate.frontend.objects import Found, Outcome, read_document
from lockgate.frontend.records import Decoder, encode
from lockgate.frontend.splitting import BYTE_ORDER_MARK
from lockgate.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lockgate.frontend.cache import DocumentCache
    from lockgate.frontend.inputs import InputFile
    from lockgate.frontend.records import Record
    from lockgate.frontend.splitting import Data, Part
    from lockgate.options import Options

Read = tuple[Source, Outcome]

_GROUP = 32
"""How many parts a group has on average."""

_LARGEST_GROUP = 128
_SEEN = 1024
"""Bytes at the beginning of a part that decide whether it begins a group."""

_BATCH = 16
"""Groups whose text and records are in memory at once."""


class PartReader:
    """Reads the parts of files."""

    def __init__(self, options: Options, cache: DocumentCache) -> None:
        self._options = options
        self._cache = cache
        self._decoder = Decoder()

    def read(self, file: InputFile, parts: Sequence[Part]) -> list[Read]:
        """Read all parts, in their order."""
        found: list[Read] = []
        lines = _Lines(file.data)
        groups = list(_groups(file.data, parts))
        for i in range(0, len(groups), _BATCH):
            batch = groups[i : i + _BATCH]
            keys = [self._key(file.data, group) for group in batch]
            records = self._cache.load(keys)
            for key, group in zip(keys, batch, strict=True):
                sources = [_source(file, part, lines) for part in group]
                if key in records:
                    outcomes = map(self._decode, records[key], sources)
                    found += zip(sources, outcomes, strict=True)
                else:
                    found += self._read_group(key, file.data, group, sources)
            _forget(file.data, batch[-1][-1].end)
        return found

    def _key(self, data: Data, group: Sequence[Part]) -> bytes:
        begin, end = group[0].start, group[-1].end
        edges = [(p.start - begin, p.end - begin) for p in group]
        how = f"{group[0].form.value} {group[0].implied} {edges}"
        return self._cache.key(data[begin:end], how.encode())

    def _read_group(
        self, key: bytes, data: Data, group: Sequence[Part], sources: Sequence[Source]
    ) -> Iterable[Read]:
        read = [
            (source, self._read_part(data[part.start : part.end], part, source))
            for part, source in zip(group, sources, strict=True)
        ]
        kinds = {found.kind for _, outcome in read for found in outcome.found}
        if kinds.isdisjoint(TRACING):
            self._cache.store(key, tuple(_encode(outcome) for _, outcome in read))
        return read

    def _read_part(self, text: bytes, part: Part, source: Source) -> Outcome:
        try:
            text.decode()
        except UnicodeDecodeError as error:
            return _not_utf8(source, text, error)
        return read_document(source, part.form, part.implied, self._options)

    def _decode(self, record: Record, source: Source) -> Outcome:
        is_whole, objects, passed_over, diagnostics = record
        decode = self._decoder.decode
        found = tuple(
            [
                Found._make((*head, tuple([decode(value, source) for value in values])))
                for head, values in objects
            ]
        )
        messages = tuple([decode(message, source) for message in diagnostics])
        return Outcome(is_whole, found, passed_over, messages)


def _encode(outcome: Outcome) -> Record:
    objects = tuple(
        (tuple(found[:-1]), tuple(map(encode, found.values))) for found in outcome.found
    )
    diagnostics = tuple(map(encode, outcome.diagnostics))
    return outcome.is_whole, objects, outcome.passed_over, diagnostics


def _groups(data: Data, parts: Sequence[Part]) -> Iterator[list[Part]]:
    group: list[Part] = []
    for part in parts:
        seen = data[part.start : min(part.end, part.start + _SEEN)]
        if group and (len(group) >= _LARGEST_GROUP or crc32(seen) % _GROUP == 0):
            yield group
            group = []
        group.append(part)
    if group:
        yield group


def _source(file: InputFile, part: Part, lines: _Lines) -> Source:
    text = partial(_text, file.data, part.start, part.end)
    begin = partial(lines.position, part.start)
    return Source(file.name, text, begin, alias=file.alias)


class _Lines:
    """Counts lines when a position is asked for, from the nearest block before it."""

    def __init__(self, data: Data) -> None:
        self._data = data
        self._line_of_block = [1]

    def position(self, offset: int) -> tuple[int, int]:
        """Return line and column of an offset, both 1-based."""
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


_COUNTED = 1 << 14
"""Bytes of a block: so many are counted again for each position."""


def _text(data: Data, start: int, end: int) -> str:
    return data[start:end].decode(errors="replace")


def _forget(data: Data, end: int) -> None:
    """Let the kernel take back the pages of a mapping that were read."""
    if isinstance(data, mmap.mmap):
        data.madvise(mmap.MADV_DONTNEED, 0, end // mmap.PAGESIZE * mmap.PAGESIZE)


def _not_utf8(source: Source, text: bytes, error: UnicodeDecodeError) -> Outcome:
    diagnostics = Diagnostics()
    start = len(text[: error.start].decode(errors="replace"))
    message = f"byte 0x{text[error.start]:02x} is not UTF-8"
    cure = "save the file as UTF-8"
    if text[:2] in (b"\xff\xfe", b"\xfe\xff"):
        message = "this file is UTF-16, not UTF-8"
        cure += "; in PowerShell: '| Out-File -Encoding utf8'"
    diagnostics.error("E1002", message, Span(source, start, start + 1), help=cure)
    return Outcome(True, (), (), tuple(diagnostics.found))

"""The parts of a file to what they say, from the cache if they were read before.

Parts are remembered in groups.  Where a group ends is decided by the text of the parts
themselves, so that one that is added, changed or taken away leaves all other groups as
they are, and only its own is read again.
"""

from __future__ import annotations

import mmap
from array import array
from itertools import chain
from typing import TYPE_CHECKING
from zlib import crc32

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.groups import is_whole, pack_group
from lockgate.frontend.outcome import Outcome
from lockgate.frontend.sources import FileView
from lockgate.frontend.splitting import Form, split_list, split_surely
from lockgate.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lockgate.frontend.cache import DocumentCache
    from lockgate.frontend.groups import Reading
    from lockgate.frontend.inputs import InputFile
    from lockgate.frontend.splitting import Data, Part
    from lockgate.options import Options
    from lockgate.source import Source

_GROUP = {Form.JSON: 64, Form.YAML: 16, Form.YAML_ITEM: 16}
"""How many parts a group has on average: few where reading them takes long."""

_LARGEST_GROUP = 4
"""How many times as many it has at most."""

_SEEN = 1024
"""Bytes at the beginning of a part that decide whether it begins a group."""

_LARGEST_DOCUMENT = 1 << 27
"""Most bytes of one document; a list as kubectl prints it is one document an item."""

_BATCH = 16
"""Groups whose text is in memory at once."""


def read_file(file: InputFile, options: Options, cache: DocumentCache) -> Reading:
    """Read a file by the guess where its items are, or surely where that was wrong."""
    reader = _PartReader(file, options, cache)
    guess = split_list(file.data)
    if guess is not None:
        reading = reader.read(guess)
        if reading is not None:
            return reading
    return reader.read_surely(split_surely(file.data))


class _PartReader:
    """Reads the parts of a file."""

    def __init__(self, file: InputFile, options: Options, cache: DocumentCache) -> None:
        self._data = file.data
        self._view = FileView(file)
        self._options = options
        self._cache = cache

    def read(self, parts: Sequence[Part]) -> Reading | None:
        """Read all parts; None where one of them is not whole."""
        reading = self.read_surely(parts)
        return reading if all(map(is_whole, reading[-1])) else None

    def read_surely(self, parts: Sequence[Part]) -> Reading:
        """Read all parts, in their order."""
        groups = list(_groups(self._data, parts))
        packed: list[bytes] = []
        for i in range(0, len(groups), _BATCH):
            batch = groups[i : i + _BATCH]
            keys = [self._key(group) for group in batch]
            known = self._cache.load(keys)
            packed += [
                known.get(key) or self._read_group(key, group)
                for key, group in zip(keys, batch, strict=True)
            ]
            _forget(self._data, batch[-1][-1].end)
        edges = array("Q", chain.from_iterable([part[:2] for part in parts]))
        form, implied = (
            (parts[0].form, parts[0].implied) if parts else (Form.YAML, None)
        )
        sizes = tuple(map(len, groups))
        return form.value, implied, edges.tobytes(), sizes, tuple(packed)

    def _key(self, group: Sequence[Part]) -> bytes:
        begin, end = group[0].start, group[-1].end
        edges = [(p.start - begin, p.end - begin) for p in group]
        how = f"{group[0].form.value} {group[0].implied} {edges}"
        return self._cache.key(self._data[begin:end], how.encode())

    def _read_group(self, key: bytes, group: Sequence[Part]) -> bytes:
        sources = self._view.sources([p.start for p in group], [p.end for p in group])
        packed = pack_group(list(map(self._read_part, group, sources)))
        self._cache.store(key, packed)
        return packed

    def _read_part(self, part: Part, source: Source) -> Outcome:
        # Imported where something must be read: the readers of all kinds are large.
        from lockgate.frontend import objects

        if part.end - part.start > _LARGEST_DOCUMENT:
            return _too_large(source)
        text = self._data[part.start : part.end]
        try:
            text.decode()
        except UnicodeDecodeError as error:
            return _not_utf8(source, text, error)
        return objects.read_document(source, part.form, part.implied, self._options)


def _groups(data: Data, parts: Sequence[Part]) -> Iterator[list[Part]]:
    if not parts:
        return
    average = _GROUP[parts[0].form]
    group: list[Part] = []
    for part in parts:
        seen = data[part.start : min(part.end, part.start + _SEEN)]
        if group and (
            len(group) >= _LARGEST_GROUP * average or crc32(seen) % average == 0
        ):
            yield group
            group = []
        group.append(part)
    yield group


def _forget(data: Data, end: int) -> None:
    """Let the kernel take back the pages of a mapping that were read."""
    if isinstance(data, mmap.mmap):
        data.madvise(mmap.MADV_DONTNEED, 0, end // mmap.PAGESIZE * mmap.PAGESIZE)


def _too_large(source: Source) -> Outcome:
    diagnostics = Diagnostics()
    diagnostics.error(
        "E1016",
        f"this document has more than {_LARGEST_DOCUMENT >> 20} MiB",
        Span(source, 0, 1),
        help="print a large list as kubectl does, or split it with '---'",
    )
    return Outcome(True, (), (), tuple(diagnostics.found))


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

"""Input files to the cluster and the policies: reading as a whole.

Files are split into documents, each document is read once (or remembered), and what they
say is put together.  A mistake in one document stops the reading of no other.
"""

from __future__ import annotations

import mmap
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lockgate.collection import without_collection
from lockgate.diagnostics import Diagnostics
from lockgate.frontend.cache import DocumentCache, compiler_salt
from lockgate.frontend.cluster import build_cluster
from lockgate.frontend.inputs import InputFile, open_inputs
from lockgate.frontend.objects import Found, Outcome, read_document
from lockgate.frontend.records import Decoder, encode
from lockgate.frontend.splitting import BYTE_ORDER_MARK, split_list, split_surely
from lockgate.ir.cluster import CidrGroup, Cluster
from lockgate.ir.policy import Policy
from lockgate.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lockgate.frontend.facts import Facts
    from lockgate.frontend.records import Record
    from lockgate.frontend.splitting import Data, Part
    from lockgate.options import Options


@dataclass(frozen=True, slots=True)
class Documents:
    """The input, opened: files in their order, and where to remember documents."""

    files: tuple[InputFile, ...]
    cache_folder: Path | None = None


def read_documents(
    paths: Sequence[str | Path], cache_folder: Path | None, diagnostics: Diagnostics
) -> Documents:
    """Open files, directories and standard input (``-``); see ``inputs.py``."""
    return Documents(open_inputs([str(p) for p in paths], diagnostics), cache_folder)


def documents_from_text(texts: dict[str, str]) -> Documents:
    """Return documents that stand in memory, under the names of files."""
    return Documents(
        tuple(
            InputFile(name, name, text.encode("utf-8", "surrogatepass"))
            for name, text in texts.items()
        )
    )


def parse_documents(
    documents: Documents, options: Options, diagnostics: Diagnostics
) -> tuple[Cluster, tuple[Policy, ...]]:
    """Read every document; return the cluster and the policies that they describe.

    Policies are in the order of the input.  If there were errors, what is returned is what
    could be understood.
    """
    with without_collection():
        salt = compiler_salt(repr(options))
        cache = DocumentCache(documents.cache_folder, salt)
        reader = _PartReader(options, cache)
        assembly = _Assembly(diagnostics)
        for file in documents.files:
            for source, outcome in _read_file(file, reader):
                assembly.add(source, outcome)
        cache.close()
        return assembly.finish(options)


# ---------------------------------------------------------------- one file

_Read = tuple[Source, Outcome]


def _read_file(file: InputFile, reader: _PartReader) -> list[_Read]:
    """Read a file by the guess where its items are, or surely where that was wrong."""
    guess = split_list(file.data)
    if guess is not None:
        read = reader.read(file, guess)
        if all(outcome.is_whole for _, outcome in read):
            return read
    return reader.read(file, split_surely(file.data))


class _PartReader:
    """Reads the parts of files, from the cache where they were read before."""

    def __init__(self, options: Options, cache: DocumentCache) -> None:
        self._options = options
        self._cache = cache
        self._decoder = Decoder()

    def read(self, file: InputFile, parts: Sequence[Part]) -> list[_Read]:
        """Read all parts; only one batch of them is in memory as text at a time."""
        found: list[_Read] = []
        lines = _Lines(file.data)
        for i in range(0, len(parts), _BATCH):
            batch = parts[i : i + _BATCH]
            found += self._read_batch(file, batch, lines)
            _forget(file.data, batch[-1].end)
        return found

    def _read_batch(
        self, file: InputFile, batch: Sequence[Part], lines: _Lines
    ) -> Iterator[_Read]:
        data = file.data
        texts = [data[part.start : part.end] for part in batch]
        keys = [
            self._cache.key(text, f"{part.form.value} {part.implied}".encode())
            for text, part in zip(texts, batch, strict=True)
        ]
        records = self._cache.load(keys)
        for part, text, key in zip(batch, texts, keys, strict=True):
            source = Source(
                file.name,
                partial(_text, data, part.start, part.end),
                partial(lines.position, part.start),
                alias=file.alias,
            )
            record = records.get(key)
            if record is not None:
                yield source, self._decode(record, source)
                continue
            outcome = self._read_part(source, text, part)
            self._cache.store(key, _encode(outcome))
            yield source, outcome

    def _read_part(self, source: Source, text: bytes, part: Part) -> Outcome:
        try:
            text.decode()
        except UnicodeDecodeError as error:
            return _not_utf8(source, text, error)
        return read_document(source, part.form, part.implied, self._options)

    def _decode(self, record: Record, source: Source) -> Outcome:
        is_whole, objects, passed_over, diagnostics = record
        decode = self._decoder.decode
        found = tuple(
            Found._make((*head, tuple([decode(value, source) for value in values])))
            for head, values in objects
        )
        messages = tuple([decode(record, source) for record in diagnostics])
        return Outcome(is_whole, found, passed_over, messages)


def _encode(outcome: Outcome) -> Record:
    objects = tuple(
        (tuple(found[:-1]), tuple(map(encode, found.values))) for found in outcome.found
    )
    diagnostics = tuple(map(encode, outcome.diagnostics))
    return outcome.is_whole, objects, outcome.passed_over, diagnostics


_BATCH = 500


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


# ---------------------------------------------------------------- all files


class _Assembly:
    """Puts together what the documents say."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self._seen: dict[tuple[str, str, str], Span] = {}
        self._passed_over: Counter[tuple[str, str]] = Counter()
        self._facts: list[tuple[Facts, Span]] = []
        self._groups: list[CidrGroup] = []
        self._policies: list[Policy] = []

    def add(self, source: Source, outcome: Outcome) -> None:
        """Take what one document says."""
        self._diagnostics.found += outcome.diagnostics
        for api_version, kind, count in outcome.passed_over:
            self._passed_over[api_version, kind] += count
        for found in outcome.found:
            span = Span(source, found.start, found.end)
            key = found.kind, found.namespace, found.name
            first = self._seen.setdefault(key, span)
            if first is not span:
                self._report_duplicate(found, span, first)
                continue
            for value in found.values:
                if isinstance(value, Policy):
                    self._policies.append(value)
                elif isinstance(value, CidrGroup):
                    self._groups.append(value)
                else:
                    self._facts.append((value, span))

    def finish(self, options: Options) -> tuple[Cluster, tuple[Policy, ...]]:
        """Build the cluster, and say what was passed over."""
        if self._passed_over:
            self._note_passed_over()
        name = options.cluster_name
        cluster = build_cluster(self._facts, self._groups, name, self._diagnostics)
        return cluster, tuple(self._policies)

    def _report_duplicate(self, found: Found, span: Span, first: Span) -> None:
        name = f"{found.namespace}/{found.name}".removeprefix("/")
        message = f"{found.kind} {name} stands twice in the input"
        related = ((first, "first here"),)
        cure = "a cluster holds only one of them: take one away"
        self._diagnostics.error("E1012", message, span, help=cure, related=related)

    def _note_passed_over(self) -> None:
        counts = sorted(self._passed_over.items())
        kinds = ", ".join(f"{version} {kind} ({n})" for (version, kind), n in counts)
        total = self._passed_over.total()
        message = f"passed over {total} objects that hold no network policy: {kinds}"
        self._diagnostics.note("N1030", message)

"""Input files to the cluster and the policies: reading as a whole.

Files are split into documents, each document is read once (or remembered), and what they
say is put together.  A mistake in one document stops the reading of no other.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from lockgate.beside import do_beside
from lockgate.collection import without_collection
from lockgate.frontend.cache import DocumentCache, compiler_salt
from lockgate.frontend.cluster import build_cluster
from lockgate.frontend.groups import Group, Unpacker
from lockgate.frontend.inputs import InputFile, open_inputs
from lockgate.frontend.outcome import TRACING
from lockgate.frontend.parts import read_file
from lockgate.ir.cluster import CidrGroup, Cluster
from lockgate.ir.policy import Policy
from lockgate.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.facts import Facts
    from lockgate.frontend.groups import Column, Reading
    from lockgate.frontend.outcome import Outcome
    from lockgate.ir.tracing import TracingPolicy
    from lockgate.language.ast_tests import Test
    from lockgate.options import Options


@dataclass(frozen=True, slots=True)
class Documents:
    """The input, opened: files in their order, and where to remember documents."""

    files: tuple[InputFile, ...]
    cache_folder: Path | None = None


class Parsed(NamedTuple):
    """What all documents say: the cluster, the policies of each family, tests of them."""

    cluster: Cluster
    policies: tuple[Policy, ...]
    tracing_policies: tuple[TracingPolicy, ...]
    tests: tuple[Test, ...] = ()


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
    documents: Documents,
    options: Options,
    diagnostics: Diagnostics,
    meanwhile: Callable[[], object] = lambda: None,
) -> Parsed:
    """Read every document; return what they describe.

    Policies are in the order of the input.  If there were errors, what is returned is what
    could be understood.  ``meanwhile`` is called where another process is waited for.
    """
    with without_collection():
        assembly = _Assembly(diagnostics)
        for groups in _read_files(documents, options, meanwhile):
            for group in groups:
                if group.columns:
                    assembly.add_columns(group.columns)
                for source, outcome in group.outcomes:
                    assembly.add(source, outcome)
        return assembly.finish(options)


# ---------------------------------------------------------------- files

_LARGE = 4 << 20
"""From so many bytes on, a file is worth a process that reads it beside the others."""


def _read_files(
    documents: Documents, options: Options, meanwhile: Callable[[], object]
) -> list[list[Group]]:
    """Read every file; the largest beside the others, if that is worth it."""
    reader = _FileReader(documents.cache_folder, options)
    files = documents.files

    def read_here(some: Sequence[InputFile]) -> list[list[Group]]:
        groups = list(map(reader.unpack, some, reader.read(some)))
        meanwhile()
        return groups

    sizes = [0 if file.is_native else len(file.data) for file in files]
    if max(sizes, default=0) < _LARGE:
        return read_here(files)
    at = sizes.index(max(sizes))
    (reading,), found = do_beside(
        lambda: reader.read(files[at : at + 1]),
        lambda: read_here(files[:at] + files[at + 1 :]),
    )
    found.insert(at, reader.unpack(files[at], reading))
    return found


class _FileReader:
    """Reads files, in two steps: what another process can do, and what cannot be sent."""

    def __init__(self, cache_folder: Path | None, options: Options) -> None:
        self._cache_folder = cache_folder
        self._salt = compiler_salt(repr(options))
        self._options = options
        self._unpacker = Unpacker(options)

    def read(self, files: Iterable[InputFile]) -> list[Reading | None]:
        """Read files or find them in the cache; one of the native language is left out."""
        cache = DocumentCache(self._cache_folder, self._salt)
        readings = [
            None if file.is_native else read_file(file, self._options, cache)
            for file in files
        ]
        cache.close()
        return readings

    def unpack(self, file: InputFile, reading: Reading | None) -> list[Group]:
        """Return what a file says."""
        if reading is not None:
            return self._unpacker.unpack(file, reading)
        from lockgate.language.documents import read_input

        return [Group((), read_input(file, self._options))]


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
        self._tracing_policies: list[TracingPolicy] = []
        self._tests: list[Test] = []

    def add(self, source: Source, outcome: Outcome) -> None:
        """Take what one document says."""
        self._diagnostics.found += outcome.diagnostics
        self._tests += outcome.tests
        for api_version, kind, count in outcome.passed_over:
            self._passed_over[api_version, kind] += count
        for found in outcome.found:
            span = Span(source, found.start, found.end)
            if not self._is_new((found.kind, found.namespace, found.name), span):
                continue
            for value in found.values:
                if isinstance(value, Policy):
                    self._policies.append(value)
                elif found.kind in TRACING:
                    self._tracing_policies.append(value)
                elif isinstance(value, CidrGroup):
                    self._groups.append(value)
                else:
                    self._facts.append((value, span))

    def add_columns(self, columns: Sequence[Column]) -> None:
        """Take objects that are nothing but facts, in columns."""
        spans = [span for column in columns for span in column.spans]
        keys = [(column.kind, *name) for column in columns for name in column.names]
        facts = [facts for column in columns for facts in column.facts]
        new = dict(zip(keys, spans, strict=True))
        if len(new) == len(keys) and new.keys().isdisjoint(self._seen.keys()):
            self._seen.update(new)
            self._facts.extend(zip(facts, spans, strict=True))
            return
        parts = [part for column in columns for part in column.parts]
        ordered = sorted(zip(parts, keys, facts, spans, strict=True), key=itemgetter(0))
        for _, key, one, span in ordered:
            if self._is_new(key, span):
                self._facts.append((one, span))

    def finish(self, options: Options) -> Parsed:
        """Build the cluster, and say what was passed over."""
        if self._passed_over:
            self._note_passed_over()
        name = options.cluster_name
        cluster = build_cluster(
            self._facts,
            self._groups,
            name,
            self._diagnostics,
            is_traced=bool(self._tracing_policies),
        )
        families = tuple(self._policies), tuple(self._tracing_policies)
        return Parsed(cluster, *families, tuple(self._tests))

    def _is_new(self, key: tuple[str, str, str], span: Span) -> bool:
        """Whether this object stands here for the first time."""
        first = self._seen.setdefault(key, span)
        if first is span:
            return True
        kind, namespace, name = key
        message = f"{kind} {f'{namespace}/{name}'.removeprefix('/')} stands twice in the input"
        related = ((first, "first here"),)
        cure = "a cluster holds only one of them: take one away"
        self._diagnostics.error("E1012", message, span, help=cure, related=related)
        return False

    def _note_passed_over(self) -> None:
        counts = sorted(self._passed_over.items())
        kinds = ", ".join(f"{version} {kind} ({n})" for (version, kind), n in counts)
        total = self._passed_over.total()
        message = f"passed over {total} objects that hold no network policy: {kinds}"
        self._diagnostics.note("N1030", message)

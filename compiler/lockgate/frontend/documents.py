"""Input files to the cluster and the policies: reading as a whole.

Files are split into documents, each document is read once (or remembered), and what they
say is put together.  A mistake in one document stops the reading of no other.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from lockgate.collection import without_collection
from lockgate.frontend.cache import DocumentCache, compiler_salt
from lockgate.frontend.cluster import build_cluster
from lockgate.frontend.inputs import InputFile, open_inputs
from lockgate.frontend.kinds import TRACING
from lockgate.frontend.parts import PartReader
from lockgate.frontend.splitting import split_list, split_surely
from lockgate.ir.cluster import CidrGroup, Cluster
from lockgate.ir.policy import Policy
from lockgate.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.facts import Facts
    from lockgate.frontend.objects import Found, Outcome
    from lockgate.frontend.parts import Read
    from lockgate.ir.tracing import TracingPolicy
    from lockgate.options import Options


@dataclass(frozen=True, slots=True)
class Documents:
    """The input, opened: files in their order, and where to remember documents."""

    files: tuple[InputFile, ...]
    cache_folder: Path | None = None


class Parsed(NamedTuple):
    """What all documents say: the cluster, and the policies of each family."""

    cluster: Cluster
    policies: tuple[Policy, ...]
    tracing_policies: tuple[TracingPolicy, ...]


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
) -> Parsed:
    """Read every document; return what they describe.

    Policies are in the order of the input.  If there were errors, what is returned is what
    could be understood.
    """
    with without_collection():
        salt = compiler_salt(repr(options))
        cache = DocumentCache(documents.cache_folder, salt)
        reader = PartReader(options, cache)
        assembly = _Assembly(diagnostics)
        for file in documents.files:
            for source, outcome in _read_file(file, reader, options):
                assembly.add(source, outcome)
        cache.close()
        return assembly.finish(options)


# ---------------------------------------------------------------- one file


def _read_file(file: InputFile, reader: PartReader, options: Options) -> list[Read]:
    """Read a file by the guess where its items are, or surely where that was wrong."""
    if file.is_native:
        from lockgate.language.documents import read_input

        return read_input(file, options)
    guess = split_list(file.data)
    if guess is not None:
        read = reader.read(file, guess)
        if all(outcome.is_whole for _, outcome in read):
            return read
    return reader.read(file, split_surely(file.data))


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
                elif found.kind in TRACING:
                    self._tracing_policies.append(value)
                elif isinstance(value, CidrGroup):
                    self._groups.append(value)
                else:
                    self._facts.append((value, span))

    def finish(self, options: Options) -> Parsed:
        """Build the cluster, and say what was passed over."""
        if self._passed_over:
            self._note_passed_over()
        name = options.cluster_name
        cluster = build_cluster(self._facts, self._groups, name, self._diagnostics)
        return Parsed(cluster, tuple(self._policies), tuple(self._tracing_policies))

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

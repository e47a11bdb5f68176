"""Files in, bundle out: the whole story, from top to bottom.

Everything up to the bundle is a function of the documents and the options; nothing is
written before all of it has succeeded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lockgate.artifact import describe_bundle, seal_bundle, write_bundle
from lockgate.beside import do_beside
from lockgate.codegen.pack import pack_tables
from lockgate.codegen.program import render_programs
from lockgate.codegen.shape import choose_shape
from lockgate.codegen.table_text import print_tables
from lockgate.collection import without_collection
from lockgate.diagnostics import Diagnostics
from lockgate.exchange import replaced_file
from lockgate.frontend.audit import report_unknown_audited
from lockgate.frontend.documents import parse_documents, read_documents
from lockgate.frontend.priorities import report_equal_priorities
from lockgate.frontend.unenforced import report_unenforced, report_untraced
from lockgate.identity_lock import IdentityLock, read_lock, write_lock
from lockgate.options import Options
from lockgate.passes.pipeline import run_passes
from lockgate.report import print_report
from lockgate.source import Source
from lockgate.toolchain.clang import compile_c, find_compiler
from lockgate.toolchain.elf import read_elf
from lockgate_runtime.manifest import Toolchain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lockgate.artifact import Bundle
    from lockgate.ir.cluster import Cluster
    from lockgate.ir.policy import Policy
    from lockgate.ir.tables import Tables
    from lockgate.passes.pipeline import Middle


_MANY_TABLES = 1000
"""From so many tables on, a second process is worth its start."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are and how to be told of progress; nothing here changes the result.

    ``clang`` is the exception: another compiler than the pinned one makes other objects,
    and the manifest names it.  ``cache`` is a folder, None for no cache.  ``is_locked``
    refuses to change the lock file.  ``progress`` is told what begins.
    """

    cache: Path | None = None
    lock: Path | None = None
    is_locked: bool = False
    clang: str | None = None
    progress: Callable[[str], None] = lambda _step: None


@dataclass(slots=True)
class Compilation:
    """What came of it: everything up to the first step that found an error."""

    options: Options
    diagnostics: Diagnostics = field(default_factory=Diagnostics)
    cluster: Cluster | None = None
    policies: tuple[Policy, ...] = ()
    middle: Middle | None = None
    lock: str | None = None
    bundle: Bundle | None = None

    @property
    def tables(self) -> Tables | None:
        """The verdict tables."""
        return None if self.middle is None else self.middle.tables

    @property
    def ok(self) -> bool:
        """Whether there were no errors."""
        return self.diagnostics.ok


def compile_policies(
    paths: Sequence[str | Path],
    options: Options | None = None,
    settings: Settings | None = None,
) -> Compilation:
    """Compile files and directories of policies and snapshot into a bundle in memory."""
    settings = settings or Settings()
    with without_collection():
        compilation = compile_tables(paths, options, settings)
        if compilation.ok:
            _build_bundle(compilation, settings)
    return compilation


def compile_tables(
    paths: Sequence[str | Path],
    options: Options | None = None,
    settings: Settings | None = None,
) -> Compilation:
    """Go as far as the verdict tables: what simulation and explanations need."""
    options, settings = options or Options(), settings or Settings()
    compilation = Compilation(options)
    diagnostics = compilation.diagnostics

    settings.progress("reading")
    documents = read_documents(paths, settings.cache, diagnostics)
    cluster, policies, tracing_policies = parse_documents(
        documents, options, diagnostics
    )
    # The order of the files must not show in a bundle.
    policies = tuple(sorted(policies, key=lambda policy: (policy.key, policy.part)))
    compilation.cluster, compilation.policies = cluster, policies
    report_unknown_audited(policies, options, diagnostics)
    report_equal_priorities(policies, diagnostics)
    report_unenforced(policies, options, diagnostics)
    report_untraced(tracing_policies, options, diagnostics)
    lock = _read_lock(settings.lock, diagnostics)
    if not diagnostics.ok:
        return compilation

    settings.progress("building tables")
    middle = run_passes(cluster, policies, lock, options, diagnostics)
    if not compilation.ok:
        return compilation
    compilation.middle, tables = middle, middle.tables
    compilation.lock = write_lock(lock, tables.identities)
    _check_locked(compilation, settings, diagnostics)
    return compilation


def write_outputs(
    compilation: Compilation, directory: Path, settings: Settings
) -> bool:
    """Write the bundle and the lock file; False when the same bundle is there already.

    The lock file is written beside before the bundle and renamed after it, so that a full
    disk leaves both as they were.
    """
    assert compilation.bundle is not None, "there were errors"  # noqa: S101
    if settings.lock is None:
        return write_bundle(compilation.bundle, directory)
    with replaced_file(settings.lock, compilation.lock or ""):
        return write_bundle(compilation.bundle, directory)


def _build_bundle(compilation: Compilation, settings: Settings) -> None:
    """From tables to the bundle."""
    tables, options = compilation.tables, compilation.options
    assert tables is not None, "compile_tables found no error"  # noqa: S101
    settings.progress("packing tables")
    packed, text = _write_tables(tables)

    settings.progress("compiling programs")
    sources = render_programs(choose_shape(tables))
    objects = compile_c(
        sources,
        compilation.diagnostics,
        clang=settings.clang,
        cache_folder=settings.cache and settings.cache / "objects",
    )
    if not compilation.ok:
        return

    settings.progress("describing the bundle")
    compiler = find_compiler(settings.clang)
    manifest = describe_bundle(
        packed,
        {name.removesuffix(".o"): read_elf(elf) for name, elf in objects.items()},
        Toolchain(compiler.name, compiler.version, compiler.clang),
        options,
    )
    report = print_report(
        tables, compilation.policies, compilation.diagnostics, manifest
    )
    files = {f"objects/{name}": content for name, content in objects.items()}
    files |= {f"source/{name}": content.encode() for name, content in sources.items()}
    files |= {f"tables/{name}": content for name, content in packed.items()}
    files |= {f"tables/{name}": content for name, content in text.items()}
    files["report.md"] = report.encode()
    compilation.bundle = seal_bundle(manifest, files)


def _write_tables(tables: Tables) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the tables packed for the kernel, and printed for people."""

    def print_them() -> dict[str, bytes]:
        return {name: text.encode() for name, text in print_tables(tables).items()}

    if len(tables.tables) < _MANY_TABLES:
        return pack_tables(tables), print_them()
    text, packed = do_beside(print_them, lambda: pack_tables(tables))
    return packed, text


def _read_lock(path: Path | None, diagnostics: Diagnostics) -> IdentityLock:
    """Read the lock file; one that is not there yet locks nothing."""
    if path is None:
        return IdentityLock()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return IdentityLock()
    return read_lock(Source(str(path), text), diagnostics)


def _check_locked(
    compilation: Compilation, settings: Settings, diagnostics: Diagnostics
) -> None:
    """Refuse a lock file that would have to change."""
    if not settings.is_locked or settings.lock is None:
        return
    try:
        before = settings.lock.read_text(encoding="utf-8")
    except FileNotFoundError:
        before = ""
    if before != compilation.lock:
        now = set((compilation.lock or "").splitlines()) - set(before.splitlines())
        diagnostics.error(
            "E2200",
            f"{settings.lock} would change: {len(now)} lines are new",
            None,
            help="compile without --locked, look at the difference, and commit it",
        )

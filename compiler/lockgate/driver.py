"""Files in, bundle out: the whole story, from top to bottom.

Everything up to the bundle is a function of the documents and the options; nothing is
written before all of it has succeeded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lockgate.beside import started_beside
from lockgate.bounded import read_text
from lockgate.collection import without_collection
from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import parse_documents, read_documents
from lockgate.identity_lock import IdentityLock, read_lock, write_lock
from lockgate.ir.cluster import Cluster
from lockgate.options import Options
from lockgate.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from lockgate.artifact import Bundle
    from lockgate.beside import Copy
    from lockgate.ir.policy import Policy
    from lockgate.ir.tables import Tables
    from lockgate.ir.tracing import TracingPolicy
    from lockgate.language.ast_tests import Test
    from lockgate.passes.pipeline import Ground, Middle
    from lockgate.targets.target import Target
    from lockgate.tracing_plane import Plane


_MANY_TABLES = 1000
"""From so many tables on, a second process is worth its start."""

Files = dict[str, bytes]
"""Content by name."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are and how to be told of progress; nothing here changes the result.

    ``clang`` is the exception: another compiler than the pinned one makes other objects,
    and the manifest names it.  ``targets`` gives the kernels that tracing policies are for, and
    is asked only where there are such policies; those of no target are left out, and None is an
    error where there is one.  ``cache`` is a folder, None for no cache.  ``is_locked``
    refuses to change the lock file.  ``progress`` is told what begins.
    """

    cache: Path | None = None
    lock: Path | None = None
    is_locked: bool = False
    clang: str | None = None
    targets: Callable[[], Sequence[Target]] | None = None
    progress: Callable[[str], None] = lambda _step: None


@dataclass(slots=True)
class Compilation:
    """What came of it: everything up to the first step that found an error."""

    options: Options
    diagnostics: Diagnostics = field(default_factory=Diagnostics)
    cluster: Cluster | None = None
    policies: tuple[Policy, ...] = ()
    tracing_policies: tuple[TracingPolicy, ...] = ()
    tests: tuple[Test, ...] = ()
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
    compilation = Compilation(options or Options())
    with without_collection():
        ground = _read(compilation, paths, settings)
        if ground is not None:
            is_long = len(ground.rules) >= _MANY_TABLES
            tables = ground.tables
            with started_beside(lambda: _write_ways(tables), is_long=is_long) as ways:
                _judge(compilation, ground, settings)
                if compilation.ok:
                    _build_bundle(compilation, ways, settings)
    return compilation


def compile_tables(
    paths: Sequence[str | Path],
    options: Options | None = None,
    settings: Settings | None = None,
) -> Compilation:
    """Go as far as the verdict tables: what simulation and explanations need."""
    settings = settings or Settings()
    compilation = Compilation(options or Options())
    ground = _read(compilation, paths, settings)
    if ground is not None:
        _judge(compilation, ground, settings)
    return compilation


def compile_traces(
    paths: Sequence[str | Path], options: Options, settings: Settings
) -> Compilation:
    """Compile the tracing policies of files alone, for a machine without the cluster's network.

    The cluster's pods run there, also those that run nowhere yet.
    """
    from lockgate.trials.pods import running

    compilation = Compilation(options)
    ground = _read(compilation, paths, settings, judges_network=False)
    if ground is not None and compilation.cluster is not None:
        compilation.cluster = running(compilation.cluster)
        _judge(compilation, ground, settings)
        if compilation.ok:
            with started_beside(
                lambda: _write_ways(ground.tables), is_long=False
            ) as ways:
                _build_bundle(compilation, ways, settings)
    return compilation


def _read(
    compilation: Compilation,
    paths: Sequence[str | Path],
    settings: Settings,
    *,
    judges_network: bool = True,
) -> Ground | None:
    """Read all input, and do what comes before verdicts; None where there were errors."""
    options, diagnostics = compilation.options, compilation.diagnostics
    settings.progress("reading")
    documents = read_documents(paths, settings.cache, diagnostics)
    parsed = parse_documents(documents, options, diagnostics, _import_what_follows)
    from lockgate.frontend.audit import report_unknown_audited
    from lockgate.frontend.priorities import report_equal_priorities
    from lockgate.frontend.unenforced import report_unenforced
    from lockgate.passes.pipeline import lay_ground

    # The order of the files must not show in a bundle.
    cluster = parsed.cluster
    policies = tuple(sorted(parsed.policies, key=lambda p: (p.key, p.part)))
    compilation.cluster, compilation.policies = cluster, policies
    compilation.tracing_policies = tuple(
        sorted(parsed.tracing_policies, key=lambda policy: policy.key)
    )
    compilation.tests = parsed.tests
    report_unknown_audited(policies, options, diagnostics)
    report_equal_priorities(policies, diagnostics)
    report_unenforced(policies, options, diagnostics)
    lock = _read_lock(settings.lock, diagnostics)
    if not diagnostics.ok:
        return None
    settings.progress("building tables")
    if not judges_network:
        cluster, policies = Cluster(), ()
    ground = lay_ground(cluster, policies, lock, options, diagnostics)
    if settings.lock is not None:
        compilation.lock = write_lock(lock, ground.tables.identities)
    return ground


def _judge(compilation: Compilation, ground: Ground, settings: Settings) -> None:
    """From the ground to verdict tables."""
    from lockgate.passes.pipeline import judge_subjects

    diagnostics = compilation.diagnostics
    middle = judge_subjects(ground, compilation.options, diagnostics)
    if compilation.ok:
        compilation.middle = middle
        _check_locked(compilation, settings, diagnostics)


def _import_what_follows() -> None:
    """Import what comes after reading, while there is nothing else to do."""
    import lockgate.artifact
    import lockgate.codegen.pack
    import lockgate.codegen.program
    import lockgate.codegen.table_text
    import lockgate.passes.pipeline
    import lockgate.report
    import lockgate.toolchain.clang
    import lockgate.toolchain.elf  # noqa: F401  # imported again where it is used


def write_outputs(
    compilation: Compilation, directory: Path, settings: Settings
) -> bool:
    """Write the bundle and the lock file; False when the same bundle is there already.

    The lock file is written beside before the bundle and renamed after it, so that a full
    disk leaves both as they were.
    """
    from lockgate.artifact import write_bundle
    from lockgate.exchange import replaced_file

    assert compilation.bundle is not None, "there were errors"  # noqa: S101
    if settings.lock is None:
        return write_bundle(compilation.bundle, directory)
    with replaced_file(settings.lock, compilation.lock or ""):
        return write_bundle(compilation.bundle, directory)


def _build_bundle(
    compilation: Compilation, ways: Copy[Files], settings: Settings
) -> None:
    """From tables to the bundle; ``ways`` are being written already."""
    from concurrent.futures import ThreadPoolExecutor

    from lockgate.artifact import describe_bundle, seal_bundle
    from lockgate.codegen.pack import pack_outcomes, pack_rules
    from lockgate.codegen.program import render_programs
    from lockgate.codegen.render import keep_templates
    from lockgate.codegen.shape import choose_shape
    from lockgate.codegen.table_text import print_decisions, print_policies
    from lockgate.report import print_report
    from lockgate.toolchain.clang import compile_c, find_compiler
    from lockgate.toolchain.elf import read_elf
    from lockgate_runtime.manifest import Toolchain

    tables, options = compilation.tables, compilation.options
    assert tables is not None, "there was no error"  # noqa: S101
    settings.progress("packing tables")
    is_long = len(tables.tables) >= _MANY_TABLES
    with started_beside(
        lambda: pack_outcomes(tables) | _encode(print_policies(tables)),
        is_long=is_long,
    ) as others:
        # Asking the compiler for its version is waiting for another process, no more.
        with ThreadPoolExecutor(1) as worker:
            worker.submit(find_compiler, settings.clang)
            written = pack_rules(tables) | _encode(print_decisions(tables))

        settings.progress("compiling programs")
        if settings.cache:
            keep_templates(settings.cache / "templates")
        sources = render_programs(choose_shape(tables))
        objects = compile_c(
            sources,
            compilation.diagnostics,
            clang=settings.clang,
            cache_folder=settings.cache and settings.cache / "objects",
        )
        if not compilation.ok:
            return
        written |= others.result() | ways.result()

    plane = _build_plane(compilation, settings)
    if not compilation.diagnostics.ok:
        return
    settings.progress("describing the bundle")
    compiler = find_compiler(settings.clang)
    manifest = describe_bundle(
        written,
        {name.removesuffix(".o"): read_elf(elf) for name, elf in objects.items()},
        Toolchain(compiler.name, compiler.version, compiler.clang),
        options,
        plane,
    )
    report = print_report(
        tables, compilation.policies, compilation.diagnostics, manifest, plane
    )
    files = {f"objects/{name}": content for name, content in objects.items()}
    files |= {f"source/{name}": content.encode() for name, content in sources.items()}
    files |= {f"tables/{name}": content for name, content in written.items()}
    files |= plane.files() if plane else {}
    files["report.md"] = report.encode()
    compilation.bundle = seal_bundle(manifest, files)


def _build_plane(compilation: Compilation, settings: Settings) -> Plane | None:
    """From tracing policies to their programs for each target; None where there is none."""
    policies, diagnostics = compilation.tracing_policies, compilation.diagnostics
    if not policies:
        return None
    if settings.targets is None:
        diagnostics.error(
            "E3180",
            "tracing policies are compiled for a kernel, and none is named",
            policies[0].span,
            help="name a kernel that `lockgate target record DIR` wrote down: --target NAME=DIR",
        )
        return None
    targets = settings.targets()
    if not targets:
        return None
    from lockgate.codegen.tracing.build import build
    from lockgate.tracing_plane import Compiling, compile_plane, describe_target

    settings.progress("compiling tracing programs")
    cluster = compilation.cluster
    builds = {
        target.name: (
            describe_target(target),
            build(policies, target, diagnostics, cluster),
        )
        for target in targets
    }
    if not diagnostics.ok:
        return None
    cache = settings.cache and settings.cache / "objects"
    return compile_plane(
        builds, policies, diagnostics, Compiling(settings.clang, cache), cluster
    )


def _write_ways(tables: Tables) -> Files:
    """Return what leads a packet to its verdict, packed and printed."""
    from lockgate.codegen.pack import pack_ways
    from lockgate.codegen.table_text import print_ways

    return pack_ways(tables) | _encode(print_ways(tables))


def _encode(texts: Mapping[str, str]) -> Files:
    return {name: text.encode() for name, text in texts.items()}


def _read_lock(path: Path | None, diagnostics: Diagnostics) -> IdentityLock:
    """Read the lock file; one that is not there yet locks nothing."""
    if path is None:
        return IdentityLock()
    try:
        text = read_text(path)
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

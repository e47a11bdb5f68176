"""What ``simulate`` and ``explain`` judge from: policy files, or a bundle."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from lockgate.cli.inputs import (
    add_cache,
    add_file,
    add_inputs,
    add_meaning,
    compile_settings,
    read_options,
)
from lockgate.cli.messages import print_diagnostics
from lockgate.faults import Fault

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from lockgate.driver import Compilation
    from lockgate.passes.pipeline import Middle
    from lockgate.requests import RuleRequests
    from lockgate_runtime.bundle import Bundle
    from lockgate_runtime.tables import PackedTables


class Judged(NamedTuple):
    """Tables to judge from, and what only the files know.

    ``compilation`` is None for a bundle: it has no L7 rules.
    ``node`` is ``--node``.
    """

    tables: PackedTables
    compilation: Compilation | None = None
    node: str | None = None

    @property
    def requests(self) -> RuleRequests | None:
        """Who judges HTTP requests and DNS queries."""
        from lockgate.requests import RuleRequests

        if self.compilation is None:
            return None
        return RuleRequests(self.compilation.policies, self.tables)

    @property
    def middle(self) -> Middle | None:
        """What the passes found; a bundle does not have it."""
        return None if self.compilation is None else self.compilation.middle

    @property
    def host_pods(self) -> Mapping[str, str | None]:
        """Pods on the host network: ``namespace/name`` → node, None where none is named.

        A bundle knows those whose node is in the snapshot.
        """
        if self.compilation is None or self.compilation.cluster is None:
            return {pod: host.node for host in self.tables.hosts for pod in host.pods}
        cluster = self.compilation.cluster
        return {f"{pod.namespace}/{pod.name}": pod.node for pod in cluster.host_pods}


class RefusedError(Exception):
    """The files or the bundle have errors; they are printed already."""


def add_judged(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name policy files; the bundle is the verb's own."""
    add_inputs(parser, are_required=False)
    parser.add_argument(
        "--node",
        metavar="NAME",
        help="the node that @host means where the other end is outside the cluster",
    )


def add_files(parser: argparse.ArgumentParser, *, are_required: bool = True) -> None:
    """Add the arguments of verbs that only judge files: nothing is written or enforced."""
    add_file(
        parser,
        "file or directory of policies and snapshot, - for standard input",
        is_required=are_required,
    )
    add_cache(parser)
    parser.set_defaults(lock=None, locked=False, node=None)


def add_judged_files(
    parser: argparse.ArgumentParser, *, are_required: bool = True
) -> None:
    """Add the arguments that name policy files, and what changes their meaning."""
    add_files(parser, are_required=are_required)
    add_meaning(parser)


def read_judged(arguments: argparse.Namespace, bundle: str | None) -> Judged:
    """Read a bundle's tables, or compile files as far as tables."""
    from lockgate.codegen.pack import pack_tables
    from lockgate.driver import compile_tables
    from lockgate_runtime.tables import PackedTables

    _require_one(arguments, bundle)
    if bundle is not None:
        return _judged(arguments, PackedTables.open(_open_bundle(bundle).tables))
    with compile_settings(arguments) as settings:
        compilation = compile_tables(arguments.files, read_options(arguments), settings)
    print_diagnostics(compilation.diagnostics)
    if compilation.tables is None or not compilation.ok:
        raise RefusedError
    return _judged(
        arguments, PackedTables(pack_tables(compilation.tables)), compilation
    )


@contextmanager
def compiled_bundle(
    arguments: argparse.Namespace, bundle: str | None
) -> Iterator[tuple[Judged, Bundle]]:
    """Give a bundle with its programs: the one that is named, or one compiled for now."""
    from lockgate import driver
    from lockgate.artifact import write_bundle
    from lockgate_runtime.tables import PackedTables

    _require_one(arguments, bundle)
    if bundle is not None:
        opened = _open_bundle(bundle)
        yield _judged(arguments, PackedTables.open(opened.tables)), opened
        return
    with TemporaryDirectory(prefix="lockgate-") as folder:
        directory = Path(folder) / "bundle"
        with compile_settings(arguments) as settings:
            compilation = driver.compile_policies(
                arguments.files, read_options(arguments), settings
            )
            if compilation.bundle is not None:
                # The bundle alone: a simulation leaves the lock file as it is.
                write_bundle(compilation.bundle, directory)
        print_diagnostics(compilation.diagnostics)
        if not compilation.ok:
            raise RefusedError
        opened = _open_bundle(str(directory))
        tables = PackedTables.open(opened.tables)
        yield _judged(arguments, tables, compilation), opened


def _require_one(arguments: argparse.Namespace, bundle: str | None) -> None:
    if bool(bundle) == bool(arguments.files):
        raise Fault(
            "E2203",
            "what is to be judged is not clear",
            "name policy files and a snapshot with -f, or one bundle",
        )


def _judged(
    arguments: argparse.Namespace,
    tables: PackedTables,
    compilation: Compilation | None = None,
) -> Judged:
    """Put together what is judged; a fault where ``--node`` is not in the snapshot."""
    name = arguments.node
    nodes = [host.node for host in tables.hosts]
    if name is not None and name not in nodes:
        raise Fault(
            "E2203",
            f"the snapshot has no node {name!r}",
            f"name one that it has: {', '.join(nodes[:8]) or 'it has none'}",
        )
    return Judged(tables, compilation, name)


def _open_bundle(text: str) -> Bundle:
    from lockgate_runtime.bundle import Bundle
    from lockgate_runtime.errors import NodeError
    from lockgate_runtime.verbs import REFUSED, exit_code

    try:
        return Bundle.open(Path(text))
    except NodeError as error:
        if exit_code(error) == REFUSED:
            print(error.render(), file=sys.stderr)
            raise RefusedError from None
        raise Fault(error.code, error.message, error.cure) from None

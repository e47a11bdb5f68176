"""``lockgate compile``: policies and a cluster snapshot in, a bundle out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.cli.inputs import add_inputs, compile_settings, read_options
from lockgate.cli.messages import FORMATS, exit_code, print_diagnostics
from lockgate.collection import keep_to_the_end, without_collection

if TYPE_CHECKING:
    import argparse

    from lockgate.driver import Compilation

EXAMPLES = """
  kubectl get ns,pods,nodes,svc,endpointslices -A -o yaml > cluster.yaml
  lockgate compile -f policies/ -f cluster.yaml -o bundle/
  lockgate compile -f policies/ -f cluster.yaml --lock identities.lock --locked -o bundle/
  helm template shop | lockgate compile -f - -f cluster.yaml
  lockgate compile -f policies/ --message-format sarif > findings.sarif
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Compile policies and a cluster snapshot into a bundle.  Without -o everything is "
        "checked and nothing is written.  Any error means that nothing is written."
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        help="where the bundle goes, replacing an older one at once; "
        "`-o json` and `-o sarif` only check, and print diagnostics so",
    )
    parser.add_argument(
        "--message-format",
        choices=FORMATS,
        help="how to print diagnostics: text to standard error (default), json or sarif to "
        "standard output",
    )
    add_inputs(parser)
    parser.add_argument(
        "--clang", metavar="PATH", help="another compiler than the pinned one; recorded"
    )


def run(arguments: argparse.Namespace) -> int:
    """Compile, print diagnostics, write the bundle."""
    # Held until all of it is gone: the first collection would look through it in vain.
    with without_collection():
        return _compile(arguments)


def _compile(arguments: argparse.Namespace) -> int:
    from lockgate import driver
    from lockgate.artifact import check_replaceable

    directory, form = _choose_output(arguments)
    if directory and directory.exists():
        check_replaceable(directory)
    with compile_settings(arguments) as settings:
        compilation = driver.compile_policies(
            arguments.files, read_options(arguments), settings
        )
        keep_to_the_end(compilation)
        is_new = bool(directory) and compilation.ok
        if is_new and directory:
            is_new = driver.write_outputs(compilation, directory, settings)
    print_diagnostics(compilation.diagnostics, form)
    if form == "text" and compilation.ok:
        print(_summarise(compilation, directory, is_new=is_new), file=sys.stderr)
    return exit_code(compilation.diagnostics)


def _choose_output(arguments: argparse.Namespace) -> tuple[Path | None, str]:
    """Tell a directory from a format: ``-o json`` means only to check."""
    output, form = arguments.output, arguments.message_format
    if output in FORMATS and not form:
        return None, output
    return Path(output) if output else None, form or "text"


def _summarise(
    compilation: Compilation, directory: Path | None, *, is_new: bool
) -> str:
    from lockgate.codegen.table_text import count

    policies = len(compilation.policies)
    endpoints = len(compilation.tables.endpoints) if compilation.tables else 0
    what = f"{count(policies, 'policy', 'policies')}, {count(endpoints, 'endpoint')}"
    if directory is None or compilation.bundle is None:
        return f"checked: {what}; nothing written (-o DIR writes a bundle)"
    digest = compilation.bundle.manifest.digest[:12]
    state = "" if is_new else ", as it was"
    return f"{directory}: {what}; bundle {digest}{state}"

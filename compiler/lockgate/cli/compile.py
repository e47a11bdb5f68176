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
  lockgate compile -f policies/ -f cluster.yaml -o bundle/ --prove
  lockgate compile -f policies/ --message-format sarif > findings.sarif
  lockgate compile -f tracing/ --target old=targets/6.1 --target new=targets/6.12 -o bundle/
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
        "--prove",
        action="store_true",
        help="compare the bundle's tables with a second reading of the sources (`lockgate "
        "prove --packets none`); what is not proved is exit code 1",
    )
    parser.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="NAME=DIR",
        dest="targets",
        help="a kernel for tracing policies, as `lockgate target record DIR` wrote it down; may "
        "be repeated (default: the running kernel)",
    )
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
    if arguments.prove:
        _check_provable(arguments, directory)
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
    code = exit_code(compilation.diagnostics)
    if arguments.prove and directory and not code:
        return _prove(directory, arguments.files)
    return code


def _check_provable(arguments: argparse.Namespace, directory: Path | None) -> None:
    """Refuse what cannot be proved before it is compiled."""
    from lockgate.faults import Fault

    if directory is None:
        raise Fault("E2203", "--prove needs the bundle that is proved", "add -o DIR")
    if "-" in arguments.files:
        raise Fault(
            "E2203",
            "--prove reads the sources twice, and standard input can be read once",
            "write it to a file, and name that with -f",
        )


def _prove(directory: Path, files: list[str]) -> int:
    """Compare the tables of what was written; the programs are for `lockgate prove`."""
    from lockgate.cli.prove import prove
    from lockgate_runtime.bundle import Bundle

    return prove(Bundle.open(directory), files, 0, "text", sys.stderr)


def _choose_output(arguments: argparse.Namespace) -> tuple[Path | None, str]:
    """Tell a directory from a format: ``-o json`` means only to check."""
    output, form = arguments.output, arguments.message_format
    if output in FORMATS and not form:
        return None, output
    return Path(output) if output else None, form or "text"


def _summarise(
    compilation: Compilation, directory: Path | None, *, is_new: bool
) -> str:
    from lockgate.diagnostics import count

    policies = len(compilation.policies)
    endpoints = len(compilation.tables.endpoints) if compilation.tables else 0
    what = f"{count(policies, 'policy', 'policies')}, {count(endpoints, 'endpoint')}"
    tracing = len(compilation.tracing_policies)
    if tracing:
        what += f", {count(tracing, 'tracing policy', 'tracing policies')}"
    if directory is None or compilation.bundle is None:
        return f"checked: {what}; nothing written (-o DIR writes a bundle)"
    digest = compilation.bundle.manifest.digest[:12]
    state = "" if is_new else ", as it was"
    return f"{directory}: {what}; bundle {digest}{state}"

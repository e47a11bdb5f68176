"""``lockgate golden``: text beside policies that shows, as a file diff, what they come to."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.cli.inputs import add_cache, cache_folder
from lockgate.faults import Fault

if TYPE_CHECKING:
    import argparse

    from lockgate.review.golden import Difference

EXAMPLES = """
  lockgate golden update policies/golden/
  lockgate golden check policies/golden/ || echo "look, update, commit"
"""

TROUBLE = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Write or check reachability.txt (who can reach whom, by workload), verdicts.txt "
        "(every verdict table), budget.txt (entries and bytes of maps) and, where there are "
        "any, tracing.txt (what tracing policies do) in a folder, so "
        "that a pull request shows its effect.  Which policies they are of stands in the "
        "folder's .lockgate-golden.yaml, such as, in policies/golden,\n\n"
        "  inputs: [.., ../../cluster.yaml]\n\n"
        "or, without it, the YAML and .gate files in the folder are meant."
    )
    parser.add_argument("action", choices=("update", "check"))
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    add_cache(parser)


def run(arguments: argparse.Namespace) -> int:
    """Update or check folder by folder."""
    results: list[dict[str, Any]] = []
    for folder in arguments.folders:
        if not folder.is_dir():
            cure = (
                "make it; a .lockgate-golden.yaml in it says of which policies it tells"
            )
            raise Fault("E6510", f"there is no folder {folder}", cure)
        golden = _make(folder, arguments)
        if golden is None:
            return TROUBLE
        results += _do(folder, golden, arguments)
    is_check = arguments.action == "check"
    if arguments.output == "json":
        from lockgate.results import print_results

        print(print_results(results, {"differ": len(results)}), end="")
    return 1 if is_check and results else 0


def _make(folder: Path, arguments: argparse.Namespace) -> dict[str, str] | None:
    from lockgate.cli.messages import print_diagnostics
    from lockgate.diagnostics import Diagnostics, Severity
    from lockgate.review.golden import make_golden

    diagnostics = Diagnostics()
    golden = make_golden(folder, cache_folder(arguments), diagnostics)
    if golden is None:
        errors = [d for d in diagnostics.found if d.severity is Severity.ERROR]
        print_diagnostics(Diagnostics(errors))
    return golden


def _do(
    folder: Path, golden: dict[str, str], arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """Update or check one folder; return what differed."""
    from lockgate.review.golden import compare_golden, write_golden

    differences = compare_golden(folder, golden)
    if arguments.action == "update":
        write_golden(folder, golden)
    if arguments.output == "text":
        for difference in differences:
            _print(difference, arguments.action)
        if not differences:
            print(f"{folder}: as it should be", file=sys.stderr)
        elif arguments.action == "check":
            print(_advise(folder).render(), file=sys.stderr)
    return [
        {
            "file": str(difference.path),
            "status": "missing" if difference.is_missing else "differs",
            "diff": difference.diff,
        }
        for difference in differences
    ]


def _print(difference: Difference, action: str) -> None:
    if action == "check":
        print(difference.diff, end="")
    else:
        print(f"{difference.path}: written", file=sys.stderr)


def _advise(folder: Path) -> Fault:
    """Return the message for a check that failed: rendered, not raised."""
    return Fault(
        "E6511",
        f"golden files of {folder} are not what the policies come to",
        f"look at the difference, then `lockgate golden update {folder}` and commit",
    )

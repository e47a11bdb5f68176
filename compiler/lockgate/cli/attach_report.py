"""``lockgate attach-report``: where the hooks of tracing policies stand on each target."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from lockgate.cli.inputs import add_file
from lockgate.diagnostics import Severity
from lockgate.ir.placement import Result

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from lockgate.diagnostics import Diagnostic
    from lockgate.ir.placement import Placement

USAGE = 2

EXAMPLES = """
  sudo lockgate target record targets/worker
  lockgate attach-report -f tracing/ --target worker=targets/worker
  lockgate attach-report -f tracing/ --target old=targets/6.1 --target new=targets/6.12 -o json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Say for each hook of tracing policies and each target whether it attaches, where it "
        "is lowered to, or why it is refused and what would work.  Exit codes: 0 every hook "
        "has its place, 1 some hook is refused, or the policies have errors, 2 usage, or a "
        "target that cannot be read."
    )
    add_file(parser, "file or directory of policies, - for standard input")
    parser.add_argument(
        "--target",
        action="append",
        required=True,
        metavar="NAME=DIR",
        dest="targets",
        help="a kernel that `lockgate target record DIR` wrote down; may be repeated",
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")


def run(arguments: argparse.Namespace) -> int:
    """Print a row for each hook and target."""
    from lockgate.cli.messages import exit_code, print_diagnostics
    from lockgate.cli.targets import read_targets
    from lockgate.diagnostics import Diagnostics, count
    from lockgate.frontend.documents import parse_documents, read_documents
    from lockgate.lowering.places import place_policy
    from lockgate.lowering.settle import settle
    from lockgate.options import Options
    from lockgate.results import print_results

    targets = read_targets(arguments.targets)
    diagnostics = Diagnostics()
    documents = read_documents(arguments.files, None, diagnostics)
    policies = parse_documents(documents, Options(), diagnostics).tracing_policies
    print_diagnostics(diagnostics)
    refused = [d for d in diagnostics.found if d.severity is Severity.ERROR]
    if exit_code(diagnostics) == USAGE:
        return USAGE
    # All policies of a target are one generation, in which one can move another's hook.
    ordered = sorted(policies, key=lambda policy: policy.key)
    placements = [
        placement
        for target in targets
        for placement in settle(p for q in ordered for p in place_policy(q, target))
    ]
    placements.sort(key=lambda placement: placement.policy.key)
    rows = [_row(placement) for placement in placements]
    rows += [_error_row(error, target.name) for error in refused for target in targets]
    counts = Counter(str(row["result"]) for row in rows)
    if arguments.output == "json":
        print(print_results(rows, dict(sorted(counts.items()))), end="")
    else:
        for line in _lines(placements):
            print(line)
        total = ", ".join(f"{n} {what}" for what, n in sorted(counts.items()))
        what = count(len(policies), "policy", "policies")
        print(f"{what}: {total or 'no hooks'}", file=sys.stderr)
    return 1 if any(str(row["code"]).startswith("E") for row in rows) else 0


def _row(placement: Placement) -> dict[str, Any]:
    return {
        "policy": placement.policy.key,
        "target": placement.target,
        "hook": placement.asked,
        "result": placement.result.value,
        "lowered_to": placement.lowered_to,
        "code": placement.code,
        "reason": placement.reason,
        "suggestion": placement.suggestion,
        "file": placement.hook.span.source.name,
        "line": placement.hook.span.line,
    }


def _error_row(error: Diagnostic, target: str) -> dict[str, Any]:
    """Return the row of a mistake in a policy, which stands nowhere on any target."""
    return {
        "policy": "",
        "target": target,
        "hook": "",
        "result": Result.REFUSED.value,
        "lowered_to": "",
        "code": error.code,
        "reason": error.message,
        "suggestion": error.help or "",
        "file": error.span and error.span.source.name,
        "line": error.span and error.span.line,
    }


def _lines(placements: list[Placement]) -> Iterator[str]:
    policy = ""
    for placement in placements:
        if placement.policy.key != policy:
            policy = placement.policy.key
            yield policy
        stands = f" as {placement.lowered_to}" if placement.lowered_to else ""
        yield (
            f"  {placement.hook.span.place}  {placement.asked}: "
            f"{placement.result.value}{stands} on {placement.target}"
        )
        if placement.code:
            yield f"      {placement.code}: {placement.reason}"
        if placement.suggestion:
            yield f"      help: {placement.suggestion}"

"""``verify``: ask the kernel's verifier about every program, attaching nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate_runtime.verbs import (
    REFUSED,
    Answer,
    add_output,
    faults_to_exit_codes,
    show,
)

if TYPE_CHECKING:
    import argparse

EXAMPLES = """
  lockgate verify bundle/
  lockgate verify bundle/objects/tc.o -o json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="BUNDLE|OBJECT",
        help="bundles, or objects",
    )
    add_output(parser)


@faults_to_exit_codes
def run(arguments: argparse.Namespace) -> int:
    """Print a row for each program; exit 1 when one is refused."""
    from lockgate_runtime.environment import check_verifying
    from lockgate_runtime.verify import is_fine, print_rows, verify_object

    check_verifying()
    results: list[dict[str, Any]] = []
    for path in arguments.paths:
        rows: list[dict[str, Any]] = []
        for file in _objects(path):
            rows += verify_object(file.stem, file.read_bytes())
        outcome = "accepted" if all(map(is_fine, rows)) else "refused"
        results.append({"path": str(path), "outcome": outcome, "programs": rows})
    counts = Counter(result["outcome"] for result in results)
    summary = {word: counts[word] for word in ("accepted", "refused")}
    texts = (print_rows(result["programs"]) for result in results)
    show(arguments, Answer(results, summary), *texts)
    return REFUSED if counts["refused"] else 0


def _objects(path: Path) -> list[Path]:
    from lockgate_runtime.bundle import Bundle
    from lockgate_runtime.tracing.plane import objects_for_this_kernel

    if path.suffix == ".o" and path.is_file():
        return [path]
    return objects_for_this_kernel(Bundle.open(path))

"""``rollback``: go back to the generation before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate_runtime.verbs import (
    changing,
    configure_change,
    faults_to_exit_codes,
    show_lines,
)

if TYPE_CHECKING:
    import argparse

EXAMPLES = """
  lockgate rollback      once more brings the newer generation back
"""

configure = configure_change


@faults_to_exit_codes
def run(arguments: argparse.Namespace) -> int:
    """Switch to the other place."""
    from lockgate_runtime.confirmation import rollback

    with changing(arguments, needs_generation=True) as loaded:
        before, now, warnings = rollback(*loaded)
    answer = {"generation": now, "before": before, "warnings": warnings}
    show_lines(
        arguments, answer, f"generation {now} is in force again instead of {before}"
    )
    return 0

"""``rollback``: go back to the generation before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate_runtime.verbs import (
    Answer,
    changing,
    configure_change,
    faults_to_exit_codes,
    show,
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
    answer = Answer([{"generation": now, "before": before}], warnings=warnings)
    show(arguments, answer, f"generation {now} is in force again instead of {before}")
    return 0

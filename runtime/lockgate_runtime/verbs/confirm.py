"""``confirm``: keep the generation that ``apply --confirm-within`` put in force."""

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
  lockgate apply bundle/ --confirm-within 60s && ssh -o ConnectTimeout=5 node lockgate confirm
"""

configure = configure_change


@faults_to_exit_codes
def run(arguments: argparse.Namespace) -> int:
    """Take the deadline away."""
    from lockgate_runtime.confirmation import confirm

    with changing(arguments, needs_generation=True) as loaded:
        number, warnings = confirm(*loaded)
    answer = Answer([{"generation": number}], warnings=warnings)
    show(arguments, answer, f"generation {number} stays in force")
    return 0

"""``unload``: detach and remove everything of one root."""

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
  lockgate unload        nothing is judged any more
"""

configure = configure_change


@faults_to_exit_codes
def run(arguments: argparse.Namespace) -> int:
    """Remove it; that nothing was there is fine."""
    from lockgate_runtime.unload import remove_everything

    with changing(arguments) as loaded:
        removed = remove_everything(*loaded)
    show_lines(
        arguments,
        {"detached": [place.name for place in removed]},
        *(f"detached {place.name}" for place in removed),
        f"nothing is loaded below {arguments.root}",
    )
    return 0

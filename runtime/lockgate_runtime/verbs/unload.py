"""``unload``: detach and remove everything of one root."""

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
  lockgate unload        nothing is judged any more
"""

configure = configure_change


def _links(number: int) -> str:
    return f"{number} link{'s' * (number != 1)} of tracing policies"


@faults_to_exit_codes
def run(arguments: argparse.Namespace) -> int:
    """Remove it; that nothing was there is fine."""
    from lockgate_runtime.unload import remove_everything

    with changing(arguments) as loaded:
        was_loaded = loaded.pins.exist
        removed = remove_everything(*loaded)
    end = f"nothing is loaded below {arguments.root}"
    result = {
        "was_loaded": was_loaded,
        "detached": [place.name for place in removed.attachments],
        "tracing_links": removed.links,
    }
    counts = {
        "detached": len(removed.attachments),
        "tracing_links": len(removed.links),
    }
    show(
        arguments,
        Answer([result], counts),
        *(f"detached {place.name}" for place in removed.attachments),
        *([f"detached {_links(len(removed.links))}"] if removed.links else []),
        f"removed; {end} any more" if was_loaded else end,
    )
    return 0

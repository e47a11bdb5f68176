"""``gc``: remove what belongs to endpoints that are gone, and what a crash left."""

from __future__ import annotations

import contextlib
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

    from lockgate_runtime.attach import Attachment

EXAMPLES = """
  lockgate gc            after pods were deleted; apply does the same
"""

configure = configure_change


@faults_to_exit_codes
def run(arguments: argparse.Namespace) -> int:
    """Tidy up; the policy in force stays."""
    from lockgate_runtime.damage import check_active
    from lockgate_runtime.recovery import recover, settle

    removed: list[Attachment] = []
    warnings: list[str] = []
    with changing(arguments) as loaded:
        check_active(loaded.pins)
        if loaded.pins.exist:  # asked under the lock: an unload may have been before us
            recover(loaded.pins)
            removed, warnings = settle(*loaded)
        else:
            with contextlib.suppress(OSError):
                loaded.pins.root.rmdir()  # made for the lock
    rows = [{"removed": place.name} for place in removed]
    show(
        arguments,
        Answer(rows, {"removed": len(rows)}, warnings),
        *(f"removed {place.name}" for place in removed),
        f"attachments of endpoints that are gone: {len(removed)}",
    )
    return 0

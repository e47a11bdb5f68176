"""``gc``: remove what belongs to endpoints that are gone, and what a crash left."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from lockgate_runtime.verbs import (
    add_lock,
    add_output,
    add_place,
    faults_to_exit_codes,
    show,
    tell_waiting,
)

if TYPE_CHECKING:
    import argparse

    from lockgate_runtime.attach import Attachment

EXAMPLES = """
  lockgate gc            after pods were deleted; apply does the same
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_lock(parser)
    add_place(parser)
    add_output(parser)


@faults_to_exit_codes
def run(arguments: argparse.Namespace) -> int:
    """Tidy up; the policy in force stays."""
    from lockgate_runtime.environment import check_bpffs, check_capabilities
    from lockgate_runtime.netlink import Netlink
    from lockgate_runtime.pins import Pins
    from lockgate_runtime.recovery import recover, settle
    from lockgate_runtime.state import State

    check_capabilities()
    check_bpffs(arguments.root)
    pins, state = Pins(arguments.root), State(arguments.root, arguments.state)
    removed: list[Attachment] = []
    warnings: list[str] = []
    with (
        Netlink() as netlink,
        pins.lock(wait=not arguments.no_wait, waiting=tell_waiting),
    ):
        if pins.exist:  # asked under the lock: an unload may have been before us
            recover(pins)
            removed, warnings = settle(pins, state, netlink)
        else:
            with contextlib.suppress(OSError):
                pins.root.rmdir()  # made for the lock
    text = [f"warning: {warning}" for warning in warnings]
    text += [f"removed {place.name}" for place in removed]
    text.append(f"{len(removed)} attachments were of endpoints that are gone")
    answer = {"removed": [place.name for place in removed], "warnings": warnings}
    show(arguments, answer, "\n".join(text))
    return 0

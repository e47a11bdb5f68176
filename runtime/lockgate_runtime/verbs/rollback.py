"""``rollback``: go back to the generation before."""

from __future__ import annotations

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

EXAMPLES = """
  lockgate rollback      once more brings the newer generation back
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_lock(parser)
    add_place(parser)
    add_output(parser)


@faults_to_exit_codes
def run(arguments: argparse.Namespace) -> int:
    """Switch to the other place."""
    from lockgate_runtime.confirmation import require_loaded, rollback
    from lockgate_runtime.environment import check_bpffs, check_capabilities
    from lockgate_runtime.netlink import Netlink
    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State

    check_capabilities()
    check_bpffs(arguments.root)
    pins, state = Pins(arguments.root), State(arguments.root, arguments.state)
    require_loaded(pins)
    with (
        Netlink() as netlink,
        pins.lock(wait=not arguments.no_wait, waiting=tell_waiting),
    ):
        before, now, warnings = rollback(pins, state, netlink)
    text = [
        *(f"warning: {warning}" for warning in warnings),
        f"generation {now} is in force again instead of {before}",
    ]
    answer = {"generation": now, "before": before, "warnings": warnings}
    show(arguments, answer, "\n".join(text))
    return 0

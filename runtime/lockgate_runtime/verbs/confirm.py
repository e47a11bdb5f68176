"""``confirm``: keep the generation that ``apply --confirm-within`` put in force."""

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
  lockgate apply bundle/ --confirm-within 60s && ssh -o ConnectTimeout=5 node lockgate confirm
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_lock(parser)
    add_place(parser)
    add_output(parser)


@faults_to_exit_codes
def run(arguments: argparse.Namespace) -> int:
    """Take the deadline away."""
    from lockgate_runtime.confirmation import confirm, require_loaded
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
        number, warnings = confirm(pins, state, netlink)
    text = [*(f"warning: {w}" for w in warnings), f"generation {number} stays in force"]
    show(arguments, {"generation": number, "warnings": warnings}, "\n".join(text))
    return 0

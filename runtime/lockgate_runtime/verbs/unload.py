"""``unload``: detach and remove everything of one root."""

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
  lockgate unload        nothing is judged any more
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_lock(parser)
    add_place(parser)
    add_output(parser)


@faults_to_exit_codes
def run(arguments: argparse.Namespace) -> int:
    """Remove it; that nothing was there is fine."""
    from lockgate_runtime.environment import check_bpffs, check_capabilities
    from lockgate_runtime.netlink import Netlink
    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State
    from lockgate_runtime.unload import remove_everything

    check_capabilities()
    check_bpffs(arguments.root)
    pins, state = Pins(arguments.root), State(arguments.root, arguments.state)
    with (
        Netlink() as netlink,
        pins.lock(wait=not arguments.no_wait, waiting=tell_waiting),
    ):
        removed = remove_everything(pins, state, netlink)
    text = [f"detached {place.name}" for place in removed]
    text.append(f"nothing is loaded below {arguments.root}")
    show(arguments, {"detached": [p.name for p in removed]}, "\n".join(text))
    return 0

"""``status``: what is in force on this node."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from lockgate_runtime.verbs import (
    Answer,
    add_output,
    add_place,
    faults_to_exit_codes,
    show,
)

if TYPE_CHECKING:
    import argparse

EXAMPLES = """
  lockgate status
  lockgate status -o json | jq '.results[0].tracing.policies[] | {policy, mode}'
  lockgate status -o json | jq '.results[0].rules[] | select(.effect == "deny")'
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_place(parser)
    add_output(parser)


@faults_to_exit_codes
def run(arguments: argparse.Namespace) -> int:
    """Print it; that nothing is loaded is an answer too."""
    from lockgate_runtime.environment import check_bpffs, check_capabilities
    from lockgate_runtime.netlink import Netlink
    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State
    from lockgate_runtime.status import print_status, read_settled_status

    check_capabilities()
    check_bpffs(arguments.root)
    with Netlink() as netlink:
        state = State(arguments.root, arguments.state)
        status = read_settled_status(Pins(arguments.root), state, netlink)
    show(arguments, Answer([status], _summary(status)), print_status(status))
    return 0


def _summary(status: dict[str, Any]) -> dict[str, Any]:
    """Say what is in force, and in which modes tracing policies are that could enforce."""
    policies = (status.get("tracing") or {}).get("policies", ())
    modes = Counter(row["mode"] if row["enforces"] else "observe" for row in policies)
    return {
        "is_loaded": status["is_loaded"],
        "generation": status.get("generation"),
        "tracing_policies": {
            mode: modes[mode] for mode in ("enforce", "monitor", "observe")
        },
    }

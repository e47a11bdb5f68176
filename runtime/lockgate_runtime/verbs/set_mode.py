"""``set-mode``: let a tracing policy enforce, or only tell what it would do."""

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
    from typing import Any

EXAMPLES = """
  lockgate set-mode block-shells monitor       tells of what it would kill, and kills nothing
  lockgate set-mode block-shells enforce       from now on it does
  lockgate set-mode TracingPolicyNamespaced/shop/block-shells enforce
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Change the mode of a tracing policy that is in force, at once, until the next apply. "
        "Before it enforces, its ways to do so are tried on an operation of our own."
    )
    parser.add_argument("name", help="the policy's name, or KIND/NAMESPACE/NAME")
    parser.add_argument("mode", choices=("monitor", "enforce"))
    parser.add_argument(
        "--unguarded",
        action="store_true",
        help="let it enforce even if it would hit init, sshd, the kubelet, sudo or us",
    )
    configure_change(parser)


@faults_to_exit_codes
def run(arguments: argparse.Namespace) -> int:
    """Change the mode, and say what it was."""
    from lockgate_runtime.tracing.modes import set_mode

    with changing(arguments, needs_generation=True) as (pins, state, _netlink):
        changed = set_mode(
            pins,
            state,
            arguments.name,
            arguments.mode,
            is_unguarded=arguments.unguarded,
        )
    rows: list[dict[str, Any]] = [
        {"policy": key, "mode": arguments.mode, "before": before}
        for key, before in changed
    ]
    lines = [f"{r['policy']}: {r['mode']} (it was: {r['before']})" for r in rows]
    show(arguments, Answer(rows, {"changed": len(rows)}), *lines)
    return 0

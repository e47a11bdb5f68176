"""``metrics``: counters of this node as Prometheus reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate_runtime.verbs import add_place, faults_to_exit_codes

if TYPE_CHECKING:
    import argparse

EXAMPLES = """
  lockgate metrics
  lockgate metrics > /var/lib/node_exporter/lockgate.prom
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.set_defaults(output="text")
    add_place(parser)


@faults_to_exit_codes
def run(arguments: argparse.Namespace) -> int:
    """Print all there are; nothing of ours needs to run for that."""
    from lockgate_runtime.environment import check_bpffs, check_capabilities
    from lockgate_runtime.pins import Pins
    from lockgate_runtime.tracing.metrics import print_metrics

    check_capabilities()
    check_bpffs(arguments.root)
    print(print_metrics(Pins(arguments.root)), end="")
    return 0

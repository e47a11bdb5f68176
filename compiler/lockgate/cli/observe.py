"""``lockgate observe``: the runtime's verb of that name, and filters as expressions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lockgate_runtime.verbs import observe

if TYPE_CHECKING:
    import argparse

EXAMPLES = (
    observe.EXAMPLES.rstrip("\n")
    + """
  lockgate observe --filter 'src ns shop & verdict=denied & tcp/5432'
  lockgate observe --filter 'dst @world & not dst cidr 192.0.2.0/24'
  lockgate explain filter                          filters on one page
"""
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    observe.configure(parser)
    parser.add_argument(
        "--filter",
        metavar="EXPRESSION",
        help="besides, what an expression says: 'src ns shop & verdict=denied & tcp/5432'",
    )
    parser.add_argument(
        "--print-predicate",
        action="store_true",
        help="print what --filter is compiled to, for --predicate on a node, and end",
    )


def run(arguments: argparse.Namespace) -> int:
    """Compile the filter, and observe."""
    if arguments.filter is not None:
        from lockgate.cli.messages import print_diagnostics
        from lockgate.diagnostics import Diagnostics
        from lockgate.language.filters import compile_filter
        from lockgate.source import Source

        diagnostics = Diagnostics()
        predicate = compile_filter(Source("--filter", arguments.filter), diagnostics)
        print_diagnostics(diagnostics)
        if predicate is None:
            return 2
        arguments.predicate = json.dumps(predicate)
    if arguments.print_predicate:
        print(arguments.predicate or "{}")
        return 0
    return observe.run(arguments)

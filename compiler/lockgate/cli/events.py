"""``lockgate events``: the runtime's verb of that name, and filters as expressions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lockgate_runtime.verbs import events

if TYPE_CHECKING:
    import argparse

EXAMPLES = (
    events.EXAMPLES.rstrip("\n")
    + """
  lockgate events --follow --filter 'event=exec & binary="/usr/bin/*" & not ancestor=~"sshd$"'
  lockgate explain eventfilter                     filters on one page
"""
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    events.configure(parser)
    parser.add_argument(
        "--filter",
        metavar="EXPRESSION",
        help="besides, what an expression says: 'event=exec & uid=0'",
    )
    parser.add_argument(
        "--print-predicate",
        action="store_true",
        help="print what --filter is compiled to, for --predicate on a node, and end",
    )


def run(arguments: argparse.Namespace) -> int:
    """Compile the filter, and print events."""
    if arguments.filter is not None:
        from lockgate.cli.messages import print_diagnostics
        from lockgate.diagnostics import Diagnostics
        from lockgate.language.event_filters import compile_event_filter
        from lockgate.source import Source

        diagnostics = Diagnostics()
        source = Source("--filter", arguments.filter)
        predicate = compile_event_filter(source, diagnostics)
        print_diagnostics(diagnostics)
        if predicate is None:
            return 2
        arguments.predicate = json.dumps(predicate)
    if arguments.print_predicate:
        print(arguments.predicate or "{}")
        return 0
    return events.run(arguments)

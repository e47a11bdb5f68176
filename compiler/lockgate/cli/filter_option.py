"""``--filter EXPRESSION`` of verbs that print what a node tells: compiled here, for the runtime."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from lockgate.diagnostics import Diagnostics
    from lockgate.language.predicates import Predicate
    from lockgate.source import Source

    Compile = Callable[[Source, Diagnostics], Predicate | None]


def add_filter(parser: argparse.ArgumentParser, example: str) -> None:
    """Add the options."""
    parser.add_argument(
        "--filter",
        metavar="EXPRESSION",
        help=f"besides, what an expression says: '{example}'",
    )
    parser.add_argument(
        "--print-predicate",
        action="store_true",
        help="print what --filter is compiled to, for --predicate on a node, and end",
    )


def run_filtered(
    arguments: argparse.Namespace,
    compile_expression: Compile,
    run: Callable[[argparse.Namespace], int],
) -> int:
    """Compile the filter, if there is one, and run the node's part of the verb with it."""
    if arguments.filter is not None:
        from lockgate.cli.messages import print_diagnostics
        from lockgate.diagnostics import Diagnostics
        from lockgate.source import Source

        diagnostics = Diagnostics()
        predicate = compile_expression(
            Source("--filter", arguments.filter), diagnostics
        )
        print_diagnostics(diagnostics)
        if predicate is None:
            return 2
        arguments.predicate = json.dumps(predicate)
    if arguments.print_predicate:
        print(arguments.predicate or "{}")
        return 0
    return run(arguments)

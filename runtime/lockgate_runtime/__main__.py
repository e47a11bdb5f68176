"""``python -m lockgate_runtime VERB``: what a node needs, without the compiler."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from lockgate_runtime.command_line import Parser, UsageError, tell_machine
from lockgate_runtime.verbs import VERBS

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(words: Sequence[str] | None = None) -> int:
    """Run one verb; return its exit code."""
    parser = Parser(
        prog="lockgate_runtime",
        description="Put compiled policy in force on this node.",
        allow_abbrev=False,
    )
    places = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, summary in VERBS.items():
        module = import_module(f"lockgate_runtime.verbs.{name.replace('-', '_')}")
        inner = places.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog="examples:\n" + module.EXAMPLES.strip("\n"),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        module.configure(inner)
        inner.set_defaults(run=module.run)
    said = sys.argv[1:] if words is None else words
    try:
        arguments = parser.parse_args(said)
    except UsageError as end:
        verb = next((places.choices[word] for word in said if word in VERBS), parser)
        tell_machine(end, said, is_stream=bool(verb.get_default("is_stream")))
        raise
    code: int = arguments.run(arguments)
    return code


if __name__ == "__main__":
    sys.exit(main())

"""``python -m lockgate_runtime VERB``: what a node needs, without the compiler."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from lockgate_runtime.verbs import VERBS

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(words: Sequence[str] | None = None) -> int:
    """Run one verb; return its exit code."""
    parser = argparse.ArgumentParser(
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
    arguments = parser.parse_args(words)
    code: int = arguments.run(arguments)
    return code


if __name__ == "__main__":
    sys.exit(main())

"""``lockgate observe``: the runtime's verb of that name, and filters as expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.cli.filter_option import add_filter, run_filtered
from lockgate_runtime.verbs import observe

if TYPE_CHECKING:
    import argparse

    from lockgate.diagnostics import Diagnostics
    from lockgate.language.predicates import Predicate
    from lockgate.source import Source

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
    add_filter(parser, "src ns shop & verdict=denied & tcp/5432")


def run(arguments: argparse.Namespace) -> int:
    """Compile the filter, and observe."""
    return run_filtered(arguments, _compile, observe.run)


def _compile(source: Source, diagnostics: Diagnostics) -> Predicate | None:
    # The language is imported by those alone who filter.
    from lockgate.language.filters import compile_filter

    return compile_filter(source, diagnostics)

"""``lockgate events``: the runtime's verb of that name, and filters as expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.cli.filter_option import add_filter, run_filtered
from lockgate_runtime.verbs import events

if TYPE_CHECKING:
    import argparse

    from lockgate.diagnostics import Diagnostics
    from lockgate.language.predicates import Predicate
    from lockgate.source import Source

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
    add_filter(parser, "event=exec & uid=0")


def run(arguments: argparse.Namespace) -> int:
    """Compile the filter, and print events."""
    return run_filtered(arguments, _compile, events.run)


def _compile(source: Source, diagnostics: Diagnostics) -> Predicate | None:
    # The language is imported by those alone who filter.
    from lockgate.language.event_filters import compile_event_filter

    return compile_event_filter(source, diagnostics)

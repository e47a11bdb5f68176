"""Print diagnostics in the form that was asked for, and draw the exit code from them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from lockgate.diagnostics import Severity
from lockgate_runtime.terminal import has_colour

if TYPE_CHECKING:
    from lockgate.diagnostics import Diagnostics

FORMATS = ("text", "json", "sarif")

_ENVIRONMENT = ("E1001", "E4")
"""Codes that tell of no mistake in a document: it cannot be read, or there is no clang."""


def print_diagnostics(diagnostics: Diagnostics, form: str = "text") -> None:
    """Print text to standard error, JSON and SARIF to standard output."""
    from lockgate.renderers import render_json, render_sarif, render_text

    if form == "text":
        text = render_text(diagnostics, colour=has_colour(sys.stderr))
        print(text, end="", file=sys.stderr)
    else:
        print((render_json if form == "json" else render_sarif)(diagnostics))


def exit_code(diagnostics: Diagnostics) -> int:
    """Return 0 for done, 1 for a refused input, 2 where a file or the compiler lacks."""
    errors = [d.code for d in diagnostics.found if d.severity is Severity.ERROR]
    if not errors:
        return 0
    return 2 if all(code.startswith(_ENVIRONMENT) for code in errors) else 1

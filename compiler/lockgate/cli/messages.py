"""Print diagnostics in the form that was asked for, and draw the exit code from them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from lockgate_runtime.terminal import has_colour

if TYPE_CHECKING:
    from lockgate.diagnostics import Diagnostics

FORMATS = ("text", "json", "sarif")


def print_diagnostics(diagnostics: Diagnostics, form: str = "text") -> None:
    """Print text to standard error, JSON and SARIF to standard output."""
    from lockgate.renderers import render_json, render_sarif, render_text

    if form == "text":
        text = render_text(diagnostics, colour=has_colour(sys.stderr))
        print(text, end="", file=sys.stderr)
    else:
        print((render_json if form == "json" else render_sarif)(diagnostics))


def exit_code(diagnostics: Diagnostics) -> int:
    """Return 0 for done, 1 for a refused input, 2 where the compiler is what lacks."""
    if diagnostics.ok:
        return 0
    is_environment = all(
        found.code.startswith("E4")
        for found in diagnostics.found
        if found.code[0] == "E"
    )
    return 2 if is_environment else 1

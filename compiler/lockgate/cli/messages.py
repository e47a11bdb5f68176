"""Print diagnostics in the form that was asked for, and draw the exit code from them.

The exit code of every verb is 0 for fine or the same, 1 where it judged and found something,
2 where it could not judge.  A mistake in a document is a finding of the verbs that judge
documents (``lint``, ``compile``), and keeps every other verb from judging.  What is no text
at all keeps each verb from it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from lockgate.diagnostics import Severity
from lockgate_runtime.terminal import has_colour

if TYPE_CHECKING:
    from lockgate.diagnostics import Diagnostics
    from lockgate.faults import Fault
    from lockgate_runtime.errors import NodeError

FORMATS = ("text", "json", "sarif")

UNJUDGED = 2
"""Exit code where nothing was judged."""

_ENVIRONMENT = ("E1001", "E1002", "E1025", "E4")
"""Codes that tell of no mistake in a document: there is no text, or no clang."""


def print_diagnostics(diagnostics: Diagnostics, form: str = "text") -> None:
    """Print text to standard error, JSON and SARIF to standard output."""
    from lockgate.renderers import render_json, render_sarif, render_text

    if form == "text":
        text = render_text(diagnostics, colour=has_colour(sys.stderr))
        print(text, end="", file=sys.stderr)
    else:
        print((render_json if form == "json" else render_sarif)(diagnostics))


def diagnose(fault: Fault | NodeError) -> dict[str, Any]:
    """Return what kept a verb from its answer, as ``-o json`` has it."""
    from lockgate.codes import CODES
    from lockgate.faults import Fault
    from lockgate.results import placeless

    cure = fault.help if isinstance(fault, Fault) else fault.cure
    name = CODES[fault.code].name if fault.code in CODES else ""
    return placeless(fault.code, fault.message, cure, name=name)


def exit_code(diagnostics: Diagnostics) -> int:
    """Return the exit code of a verb that judges documents."""
    errors = [d.code for d in diagnostics.found if d.severity is Severity.ERROR]
    if any(code.startswith(_ENVIRONMENT) for code in errors):
        return UNJUDGED
    return 1 if errors else 0

"""Findings as workflow commands: GitHub shows them beside the lines of a pull request.

See docs.github.com, "Workflow commands for GitHub Actions": properties escape ``%``,
line ends, ``:`` and ``,``; the message escapes ``%`` and line ends.  Characters that a terminal
would obey are pictures, as in text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.excerpt import printable
from lockgate.findings.finding import Level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockgate.findings.finding import Finding

_COMMANDS = {
    Level.ERROR: "error",
    Level.WARNING: "warning",
    Level.NOTE: "notice",
    Level.UNSUPPORTED: "notice",
}


def render_github(findings: Sequence[Finding]) -> str:
    """Return one command a line."""
    return "".join(_command(finding) for finding in findings)


def _command(finding: Finding) -> str:
    properties = {}
    span = finding.span
    if span is not None:
        end_line, end_column = span.source.position(max(span.start, span.end))
        properties = {"file": span.source.name, "line": str(span.line)}
        if end_line == span.line:
            # A column is understood only within one line.
            properties |= {"col": str(span.column), "endColumn": str(end_column)}
    properties["title"] = f"{finding.code} ({finding.name})"
    text = finding.message
    if finding.help:
        text += f"\nhelp: {finding.help}"
    for place, sentence in finding.related:
        text += f"\nnote: {sentence}: {place.source.name}:{place.line}"
    listed = ",".join(f"{name}={_escape(v)}" for name, v in properties.items())
    return f"::{_COMMANDS[finding.severity]} {listed}::{_escape_message(text)}\n"


def _escape_message(text: str) -> str:
    return "%0A".join(map(printable, text.replace("%", "%25").split("\n")))


def _escape(text: str) -> str:
    return _escape_message(text).replace(":", "%3A").replace(",", "%2C")

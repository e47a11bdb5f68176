"""Findings as Markdown, for the comment on a pull request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockgate.excerpt import printable
from lockgate.findings.finding import Level

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lockgate.findings.finding import Finding

_LONGEST = 60_000
"""Characters of the rows of a table: GitHub refuses comments of more than 65,536."""

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~@&])")


def render_markdown(findings: Sequence[Finding], more: Mapping[str, int]) -> str:
    """Return a summary, and a table of what was found, worst first."""
    if not findings:
        lines = ["**Lockgate**: nothing to say."]
    else:
        lines = [f"**Lockgate**: {_summary(findings)}.", "", *_table(findings)]
    counted = [f"{count} {word}" for word, count in more.items() if count]
    if counted:
        lines += ["", ", ".join(counted) + "."]
    return "\n".join(lines) + "\n"


def _summary(findings: Sequence[Finding]) -> str:
    parts = []
    for level in Level:
        count = sum(finding.severity is level for finding in findings)
        if count:
            plural = "s" if count > 1 and level is not Level.UNSUPPORTED else ""
            parts.append(f"{count} {level.value}{plural}")
    return ", ".join(parts)


def _table(findings: Sequence[Finding]) -> list[str]:
    levels = list(Level)
    rows = sorted(findings, key=lambda finding: levels.index(finding.severity))
    lines = ["| | where | what |", "|---|---|---|"]
    left = _LONGEST
    for shown, finding in enumerate(rows):
        row = _row(finding)
        left -= len(row) + 1
        if left < 0:
            return [*lines, "", f"{len(rows) - shown} more are not shown."]
        lines.append(row)
    return lines


def _row(finding: Finding) -> str:
    span = finding.span
    place = f"{span.source.name}:{span.line}" if span else ""
    text = _escape(finding.message)
    if finding.help:
        text += f"<br>{_escape(finding.help)}"
    name = f"`{finding.name}` ({finding.code})"
    return f"| {finding.severity.value} | {_escape(place)} | {name}: {text} |"


def _escape(text: str) -> str:
    """Make the user's text stand as it is: no mark-up, no mention, no row's end."""
    return _SPECIAL.sub(r"\\\1", printable(text))

"""Findings as JUnit XML, which every CI server can list: a file is a suite.

An error or a warning is a failure, a note or what is unsupported a test that was skipped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from lockgate.excerpt import printable
from lockgate.findings.finding import Level
from lockgate.renderers import render_diagnostic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockgate.findings.finding import Finding

_FAILURES = frozenset({Level.ERROR, Level.WARNING})
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(findings: Sequence[Finding]) -> str:
    """Return the document; without findings it has one test that passed."""
    suites: dict[str, list[Finding]] = {}
    for finding in findings:
        name = finding.span.source.name if finding.span else "policies"
        suites.setdefault(name, []).append(finding)
    total, failed, skipped = _counts(findings)
    if not findings:
        total = 1
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="lockgate" tests="{total}" failures="{failed}" '
        f'errors="0" skipped="{skipped}">',
    ]
    for name, some in suites.items():
        total, failed, skipped = _counts(some)
        lines.append(
            f'  <testsuite name={_attribute(name)} tests="{total}" '
            f'failures="{failed}" errors="0" skipped="{skipped}">'
        )
        for finding in some:
            lines += _case(name, finding)
        lines.append("  </testsuite>")
    if not findings:
        lines += [
            '  <testsuite name="policies" tests="1" failures="0" errors="0" skipped="0">',
            '    <testcase classname="policies" name="no findings"/>',
            "  </testsuite>",
        ]
    lines.append("</testsuites>")
    return "\n".join(lines) + "\n"


def _counts(findings: Sequence[Finding]) -> tuple[int, int, int]:
    failed = sum(finding.severity in _FAILURES for finding in findings)
    return len(findings), failed, len(findings) - failed


def _case(suite: str, finding: Finding) -> list[str]:
    place = f":{finding.span.line}" if finding.span else ""
    name = f"{finding.name}{place}: {finding.message}"
    inner = (
        f"      <failure type={_attribute(f'{finding.severity.value} {finding.code}')} "
        f"message={_attribute(finding.message)}>"
        f"{escape(_legal(render_diagnostic(finding)))}</failure>"
        if finding.severity in _FAILURES
        else f"      <skipped message={_attribute(_told(finding))}/>"
    )
    head = f"    <testcase classname={_attribute(suite)} name={_attribute(name)}"
    if finding.span:
        head += f' file={_attribute(suite)} line="{finding.span.line}"'
    return [f"{head}>", inner, "    </testcase>"]


def _told(finding: Finding) -> str:
    return f"{finding.severity.value} {finding.code}: {finding.message}"


def _attribute(text: str) -> str:
    return quoteattr(printable(_legal(text)))


def _legal(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)

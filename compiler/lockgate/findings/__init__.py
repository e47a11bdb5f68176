"""Findings: what a verb that judges policies tells of them, in every form people use.

A finding is like a diagnostic with one more severity: ``unsupported`` is what Lockgate
cannot enforce yet, which is nobody's mistake.
"""

from lockgate.findings.finding import Finding, Level, in_order, of_diagnostic
from lockgate.findings.fingerprint import fingerprints
from lockgate.findings.forms import FORMS, render_findings

__all__ = [
    "FORMS",
    "Finding",
    "Level",
    "fingerprints",
    "in_order",
    "of_diagnostic",
    "render_findings",
]

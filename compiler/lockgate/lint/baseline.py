"""Findings that were there before: a file that says which ones do not count.

It is sorted JSON, so that it can be reviewed and merged; a finding is known by its
fingerprint, and what else stands there is for the people who read it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lockgate.findings import fingerprints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockgate.diagnostics import Diagnostics
    from lockgate.findings import Finding
    from lockgate.source import Source

VERSION = 1


def write_baseline(findings: Sequence[Finding]) -> str:
    """Return the file that knows these findings."""
    rows = sorted(
        (
            finding.span.source.alias if finding.span else "",
            finding.code,
            finding.message,
            fingerprint,
            finding.name,
        )
        for finding, fingerprint in zip(findings, fingerprints(findings), strict=True)
    )
    known = [
        {
            "file": file,
            "code": code,
            "name": name,
            "message": message,
            "fingerprint": fingerprint,
        }
        for file, code, message, fingerprint, name in rows
    ]
    whole = {"version": VERSION, "findings": known}
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def read_baseline(source: Source, diagnostics: Diagnostics) -> frozenset[str]:
    """Return the fingerprints that a file knows."""
    try:
        whole = json.loads(source.text)
        if whole["version"] != VERSION:
            raise ValueError(f"version {whole['version']}")
        found = [row["fingerprint"] for row in whole["findings"]]
        if not all(isinstance(fingerprint, str) for fingerprint in found):
            raise TypeError("fingerprint")
    except (ValueError, LookupError, TypeError, RecursionError):
        message = f"{source.name} is no baseline of version {VERSION}"
        cure = "write a new one with --write-baseline"
        diagnostics.error("E6033", message, None, help=cure)
        return frozenset()
    return frozenset(found)

"""Know a finding again after lines were added above it, or a file was moved by a checkout.

A fingerprint is made of the code, the file as artifacts name it, what is said (or the
finding's key) and the text of its line, and not of the line's number.  Equal ones are told
apart by their order.
"""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockgate.findings.finding import Finding


def fingerprints(findings: Sequence[Finding]) -> list[str]:
    """Return one fingerprint for each finding, in their order."""
    seen: Counter[tuple[str, ...]] = Counter()
    found = []
    for finding in findings:
        parts = _parts(finding)
        text = "\0".join((*parts, str(seen[parts])))
        seen[parts] += 1
        found.append(blake2b(text.encode(errors="replace"), digest_size=16).hexdigest())
    return found


def _parts(finding: Finding) -> tuple[str, ...]:
    said = finding.key or finding.message
    span = finding.span
    if span is None:
        return finding.code, said
    line = span.source.line(span.line).strip()
    return finding.code, span.source.alias, said, line

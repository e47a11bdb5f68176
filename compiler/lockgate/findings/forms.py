"""The forms in which findings are printed, by the name that ``-o`` takes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from lockgate.findings.finding import Level
from lockgate.findings.fingerprint import fingerprints
from lockgate.renderers import describe, render_diagnostic, sarif_log
from lockgate.results import print_results

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lockgate.findings.finding import Finding


def render_findings(
    findings: Sequence[Finding],
    form: str,
    *,
    colour: bool = False,
    more: Mapping[str, int] | None = None,
) -> str:
    """Return findings in a form; the empty text where it has nothing to say.

    ``more`` are further counts by word, such as how many a baseline knows.
    """
    if form == "text":
        return _text(findings, more or {}, colour=colour)
    return FORMS[form](findings, more or {})


def count_levels(findings: Sequence[Finding]) -> dict[str, int]:
    """Return how many there are of each severity."""
    counts = Counter(finding.severity for finding in findings)
    return {level.value: counts[level] for level in Level}


def _text(
    findings: Sequence[Finding], more: Mapping[str, int], *, colour: bool = False
) -> str:
    blocks = [render_diagnostic(finding, colour=colour) + "\n" for finding in findings]
    counts = [
        f"{count} {word}{'s' if count > 1 and word != 'unsupported' else ''}"
        for word, count in count_levels(findings).items()
        if count
    ]
    counts += [f"{count} {word}" for word, count in more.items() if count]
    if counts:
        blocks.append(", ".join(counts) + "\n")
    return "\n".join(blocks)


def _json(findings: Sequence[Finding], more: Mapping[str, int]) -> str:
    summary: dict[str, Any] = {
        f"{word}s" if word != "unsupported" else word: count
        for word, count in count_levels(findings).items()
    }
    return print_results(map(describe, findings), {**summary, **more})


def _sarif(findings: Sequence[Finding], more: Mapping[str, int]) -> str:
    return sarif_log(findings, fingerprints(findings)) + "\n"


def _github(findings: Sequence[Finding], more: Mapping[str, int]) -> str:
    from lockgate.findings.github import render_github

    return render_github(findings)


def _junit(findings: Sequence[Finding], more: Mapping[str, int]) -> str:
    from lockgate.findings.junit import render_junit

    return render_junit(findings)


def _markdown(findings: Sequence[Finding], more: Mapping[str, int]) -> str:
    from lockgate.findings.markdown import render_markdown

    return render_markdown(findings, more)


FORMS: dict[str, Callable[[Sequence[Finding], Mapping[str, int]], str]] = {
    "text": _text,
    "json": _json,
    "sarif": _sarif,
    "github": _github,
    "junit": _junit,
    "markdown": _markdown,
}

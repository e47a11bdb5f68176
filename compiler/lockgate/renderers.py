"""Diagnostics as text for people, as JSON and as SARIF for machines."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lockgate.codes import CODES
from lockgate.diagnostics import Diagnostics, Severity
from lockgate.excerpt import excerpt, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from enum import Enum
    from typing import Protocol

    from lockgate.source import Span

    class Told(Protocol):
        """What can be rendered: a diagnostic, or a finding (``lockgate.findings``)."""

        @property
        def code(self) -> str: ...  # noqa: D102  # see Diagnostic
        @property
        def severity(self) -> Enum: ...  # noqa: D102  # its value is the word shown
        @property
        def message(self) -> str: ...  # noqa: D102  # see Diagnostic
        @property
        def span(self) -> Span | None: ...  # noqa: D102  # see Diagnostic
        @property
        def help(self) -> str | None: ...  # noqa: D102  # see Diagnostic
        @property
        def related(self) -> tuple[tuple[Span, str], ...]: ...  # noqa: D102  # see there


FORMAT_VERSION = 1
"""Version of the JSON form; it rises when a field changes its meaning or goes away."""

_SARIF_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/"
    "sarif-schema-2.1.0.json"
)
_COLOURS = {
    "error": "\033[1;31m",
    "warning": "\033[1;33m",
    "note": "\033[1;36m",
    "unsupported": "\033[1;35m",
}
_SARIF_LEVELS = frozenset({"error", "warning", "note"})
"""Any other word is told as a note, and stands among the properties."""

_BOLD, _DIM, _PLAIN = "\033[1m", "\033[34m", "\033[0m"

# ---------------------------------------------------------------- text


def render_text(diagnostics: Diagnostics, *, colour: bool = False) -> str:
    """Render for a terminal, in the manner of rustc, with a count at the end."""
    blocks = [render_diagnostic(d, colour=colour) for d in diagnostics.found]
    counts = [
        f"{count} {severity.value}{'s' * (count > 1)}"
        for severity in (Severity.ERROR, Severity.WARNING)
        if (count := diagnostics.count(severity))
    ]
    if counts:
        blocks.append(", ".join(counts))
    return "".join(f"{block}\n\n" for block in blocks[:-1]) + "".join(
        f"{block}\n" for block in blocks[-1:]
    )


def render_diagnostic(diagnostic: Told, *, colour: bool = False) -> str:
    """Render one diagnostic or finding, without a last line end."""

    def paint(code: str, text: str) -> str:
        return f"{code}{text}{_PLAIN}" if colour else text

    severity = str(diagnostic.severity.value)
    head = paint(_COLOURS[severity], f"{severity}[{diagnostic.code}]")
    lines = [head + paint(_BOLD, f": {printable(diagnostic.message)}")]
    gutter = max(
        (
            len(str(span.line))
            for span in (diagnostic.span, *(span for span, _ in diagnostic.related))
            if span is not None
        ),
        default=0,
    )
    if diagnostic.span is not None:
        lines += _quote(diagnostic.span, gutter, paint(_COLOURS[severity], "{}"), paint)
    for span, sentence in diagnostic.related:
        lines.append(paint(_BOLD, f"note: {printable(sentence)}"))
        lines += _quote(span, gutter, paint(_DIM, "{}"), paint)
    if diagnostic.help:
        lines.append(paint(_BOLD, "help") + f": {printable(diagnostic.help)}")
    return "\n".join(lines)


def _quote(
    span: Span, gutter: int, marking: str, paint: Callable[[str, str], str]
) -> list[str]:
    pad = " " * gutter
    lines = [paint(_DIM, f"{pad}--> ") + printable(str(span))]
    text, marks = excerpt(span)
    if text.strip():
        spaces, carets = marks[: -len(marks.lstrip())], marks.lstrip()
        lines += [
            paint(_DIM, f"{pad} |"),
            paint(_DIM, f"{span.line:>{gutter}} |") + f" {text}",
            paint(_DIM, f"{pad} |") + f" {spaces}{marking.format(carets)}",
        ]
    return lines


# ---------------------------------------------------------------- JSON


def render_json(diagnostics: Diagnostics) -> str:
    """Render as one JSON object: version, results in order, counts (``lockgate.results``)."""
    return _dump(
        {
            "version": FORMAT_VERSION,
            "results": [describe(d) for d in diagnostics.found],
            "summary": {s.value + "s": diagnostics.count(s) for s in Severity},
            "diagnostics": [],
        }
    )


def describe(diagnostic: Told) -> dict[str, Any]:
    """Return one result as ``-o json`` prints it."""
    return {
        "code": diagnostic.code,
        "name": _name(diagnostic.code),
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        **_place(diagnostic.span),
        "help": diagnostic.help,
        "related": [
            {"message": sentence, **_place(span)}
            for span, sentence in diagnostic.related
        ],
    }


def _place(span: Span | None) -> dict[str, Any]:
    if span is None:
        return {"file": None, "line": None, "column": None}
    return {"file": span.source.name, "line": span.line, "column": span.column}


def _name(code: str) -> str:
    return CODES[code].name if code in CODES else code


def _dump(value: object) -> str:
    return json.dumps(value, indent=2)


# ---------------------------------------------------------------- SARIF


def render_sarif(diagnostics: Diagnostics) -> str:
    """Render as SARIF 2.1.0, which code hosts show beside the lines of a change."""
    return sarif_log(diagnostics.found)


def sarif_log(told: Sequence[Told], fingerprints: Sequence[str] = ()) -> str:
    """Return the SARIF log of diagnostics or findings.

    ``fingerprints``, one for each, let a code host know a finding again that has moved.
    """
    codes = sorted({d.code for d in told})
    indexes = {code: index for index, code in enumerate(codes)}
    driver = {
        "name": "lockgate",
        "rules": [_sarif_rule(code) for code in codes],
    }
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(d, indexes) for d in told],
    }
    for result, fingerprint in zip(run["results"], fingerprints, strict=False):
        result["partialFingerprints"] = {"lockgate/v1": fingerprint}
    return _dump({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def _sarif_rule(code: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"id": code, "name": _name(code)}
    explanation = CODES.get(code)
    if explanation is not None:
        rule["shortDescription"] = {"text": explanation.title}
        rule["fullDescription"] = {"text": explanation.cause}
        rule["help"] = {"text": explanation.cure}
    return rule


def _sarif_result(diagnostic: Told, indexes: dict[str, int]) -> dict[str, Any]:
    severity = str(diagnostic.severity.value)
    text = diagnostic.message
    if diagnostic.help:
        text += f"\n{diagnostic.help}"
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": indexes[diagnostic.code],
        "level": severity if severity in _SARIF_LEVELS else "note",
        "message": {"text": text},
    }
    if severity not in _SARIF_LEVELS:
        result["properties"] = {"severity": severity}
    if diagnostic.span is not None:
        result["locations"] = [_sarif_location(diagnostic.span)]
    if diagnostic.related:
        result["relatedLocations"] = [
            {"id": i, "message": {"text": sentence}, **_sarif_location(span)}
            for i, (span, sentence) in enumerate(diagnostic.related)
        ]
    return result


def _sarif_location(span: Span) -> dict[str, Any]:
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(max(span.start, span.end))
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(span.source.name)},
            "region": {
                "startLine": line,
                "startColumn": column,
                "endLine": end_line,
                "endColumn": end_column,
            },
        }
    }


def _uri(name: str) -> str:
    path = PurePosixPath(name)
    escaped = quote(str(path), errors="surrogateescape")
    return f"file://{escaped}" if path.is_absolute() else escaped

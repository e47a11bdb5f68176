"""Diagnostics as text for people, as JSON and as SARIF for machines."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lockgate.codes import CODES
from lockgate.diagnostics import Diagnostic, Diagnostics, Severity
from lockgate.excerpt import excerpt, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockgate.source import Span

FORMAT_VERSION = 1
"""Version of the JSON form; it rises when a field changes its meaning or goes away."""

_SARIF_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/"
    "sarif-schema-2.1.0.json"
)
_COLOURS = {
    Severity.ERROR: "\033[1;31m",
    Severity.WARNING: "\033[1;33m",
    Severity.NOTE: "\033[1;36m",
}
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


def render_diagnostic(diagnostic: Diagnostic, *, colour: bool = False) -> str:
    """Render one diagnostic, without a last line end."""

    def paint(code: str, text: str) -> str:
        return f"{code}{text}{_PLAIN}" if colour else text

    severity = diagnostic.severity
    head = paint(_COLOURS[severity], f"{severity.value}[{diagnostic.code}]")
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
    """Render as one JSON object: version, results in order, counts."""
    return _dump(
        {
            "version": FORMAT_VERSION,
            "results": [_result(d) for d in diagnostics.found],
            "summary": {s.value + "s": diagnostics.count(s) for s in Severity},
        }
    )


def _result(diagnostic: Diagnostic) -> dict[str, Any]:
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
    codes = sorted({d.code for d in diagnostics.found})
    indexes = {code: index for index, code in enumerate(codes)}
    driver = {
        "name": "lockgate",
        "rules": [_sarif_rule(code) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(d, indexes) for d in diagnostics.found],
    }
    return _dump({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def _sarif_rule(code: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"id": code, "name": _name(code)}
    explanation = CODES.get(code)
    if explanation is not None:
        rule["shortDescription"] = {"text": explanation.title}
        rule["fullDescription"] = {"text": explanation.cause}
        rule["help"] = {"text": explanation.cure}
    return rule


def _sarif_result(diagnostic: Diagnostic, indexes: dict[str, int]) -> dict[str, Any]:
    text = diagnostic.message
    if diagnostic.help:
        text += f"\n{diagnostic.help}"
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": indexes[diagnostic.code],
        "level": diagnostic.severity.value,
        "message": {"text": text},
    }
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

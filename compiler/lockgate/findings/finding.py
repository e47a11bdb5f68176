"""One finding, and the order in which findings are told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from lockgate.codes import CODES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.diagnostics import Diagnostic
    from lockgate.source import Span


class Level(Enum):
    """How bad a finding is; UNSUPPORTED is what nothing enforces yet."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something found; fields as those of a diagnostic.

    ``key`` says what a baseline knows it by, where the message may change although the
    finding is the same (a count of pods, say); None: by the message.
    """

    code: str
    severity: Level
    message: str
    span: Span | None
    help: str | None = None
    related: tuple[tuple[Span, str], ...] = ()
    key: str | None = None

    @property
    def name(self) -> str:
        """The stable word for what was found."""
        return CODES[self.code].name if self.code in CODES else self.code


def of_diagnostic(diagnostic: Diagnostic) -> Finding:
    """Return a diagnostic of the compiler as a finding."""
    return Finding(
        diagnostic.code,
        Level(diagnostic.severity.value),
        diagnostic.message,
        diagnostic.span,
        diagnostic.help,
        diagnostic.related,
    )


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Sort by place, then code; what has no place comes last."""
    return sorted(findings, key=_place)


def _place(finding: Finding) -> tuple[bool, str, int, int, str, str]:
    span = finding.span
    if span is None:
        return True, "", 0, 0, finding.code, finding.message
    line, column = span.source.position(span.start)
    return False, span.source.name, line, column, finding.code, finding.message

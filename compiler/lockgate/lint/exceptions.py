"""What configuration and comments make of findings, and what there is to say of them.

A comment is nearer than the configuration, so it wins; of two comments the one about fewer
lines; of two about the same lines the more severe one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lockgate.findings import Finding, Level
from lockgate.lint.comments import IGNORE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from lockgate.lint.comments import Comment
    from lockgate.lint.config import Setting
    from lockgate.source import Span

_SEVEREST = (Level.ERROR, Level.WARNING, Level.NOTE, None)


def apply_exceptions(
    found: Iterable[Finding],
    settings: Sequence[Setting],
    comments: Sequence[Comment],
    today: date,
    *,
    is_whole: bool,
) -> tuple[list[Finding], int]:
    """Return what is left, with what there is to say of the exceptions, and what is ignored.

    ``is_whole``: every check has run, so that a comment without a finding has none.
    """
    settings_in_force = [s for s in settings if not _is_over(s.until, today)]
    in_force = [
        comment
        for comment in comments
        if comment.reason.strip() and not _is_over(comment.until, today)
    ]
    used: set[Span] = set()
    left = []
    ignored = 0
    for finding in found:
        used.update(c.span for c in comments if c.concerns(finding.code, finding.span))
        level = _level(finding, settings_in_force, in_force)
        if level is None:
            ignored += 1
        else:
            left.append(replace(finding, severity=level))
    left += [
        _expired(setting.span, setting.until, setting.finding)
        for setting in settings
        if _is_over(setting.until, today)
    ]
    for comment in comments:
        left += _about(comment, today, is_used=comment.span in used or not is_whole)
    return left, ignored


def _level(
    finding: Finding, settings: Sequence[Setting], comments: Sequence[Comment]
) -> Level | None:
    """Return the severity that is meant for a finding; None for none at all."""
    near = [c for c in comments if c.concerns(finding.code, finding.span)]
    if near:
        nearest = min(near, key=lambda c: (c.lines, _SEVEREST.index(c.level)))
        return nearest.level
    for setting in settings:
        if setting.concerns(finding.code, finding.span):
            return setting.severity
    return finding.severity


def _is_over(until: date | None, today: date) -> bool:
    return until is not None and today >= until


def _expired(span: Span, until: date | None, what: str) -> Finding:
    return Finding(
        "W6020",
        Level.WARNING,
        f"this exception for {what} ended on {until}",
        span,
        "mend what it excepts, or agree on a new date",
        key=f"{what} {until}",
    )


def _about(comment: Comment, today: date, *, is_used: bool) -> Iterator[Finding]:
    if comment.fault is not None:
        yield Finding(
            "W6023",
            Level.WARNING,
            f"this comment has no effect: {comment.fault}",
            comment.span,
        )
    elif _is_over(comment.until, today):
        yield _expired(comment.span, comment.until, comment.names)
    elif not comment.reason.strip():
        yield Finding(
            "W6021",
            Level.WARNING,
            "this comment has no reason, and so no effect",
            comment.span,
            f"add it after a colon: '# lockgate: {comment.word}[NAME]: because ...'",
        )
    elif not is_used:
        what = "ignores nothing" if comment.word == IGNORE else "changes nothing"
        yield Finding(
            "W6022",
            Level.WARNING,
            f"this comment {what}",
            comment.span,
            "take it away",
        )

"""``shadowed-rule``: a rule that decides nothing, since others do so first.

A warning where that is so for every label set, a note where it is in this snapshot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.findings import Finding, Level
from lockgate.ir.policy import Action
from lockgate.lint.scene import Check, Needs, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lockgate.ir.resolution import ResolvedRule
    from lockgate.lint.redundancy import Redundant
    from lockgate.source import Span

_MOST = 3
"""Rules that are shown as the reason."""

_KEPT = {
    "NetworkPolicy": "[]",
    "CiliumNetworkPolicy": "[{}]",
    "CiliumClusterwideNetworkPolicy": "[{}]",
}
"""What isolates without a rule, where a rule is what isolates."""


def _find(scene: Scene) -> Iterator[Finding]:
    for covered in scene.coverage.found:
        if covered.is_denied:
            continue  # told as a contradiction
        yield Finding(
            "W6002",
            Level.WARNING,
            f"this rule decides nothing, whatever labels pods have: {_count(covered.by)}",
            covered.rule.rule.span,
            _cure(covered.rule),
            _related(covered.by),
            key=covered.rule.name,
        )
    if scene.coverage.skipped:
        yield Finding(
            "N6016",
            Level.NOTE,
            "rules that were not compared with all others, since too many overlap: "
            f"{scene.coverage.skipped}",
            None,
            "lint fewer policies at a time to compare them all",
            key="too many",
        )
    if scene.has_snapshot:
        for redundant in scene.redundant:
            yield _in_snapshot(redundant)


def _in_snapshot(redundant: Redundant) -> Finding:
    rule, by = redundant.rule, redundant.by
    if by:
        why, related = _count(by), _related(by)
    else:
        why = "these endpoints are denied by default before it is asked"
        related = tuple(
            (span, f"{key} denies by default")
            for key, span in redundant.isolating[:_MOST]
        )
    return Finding(
        "N6002",
        Level.NOTE,
        f"in this snapshot this rule decides nothing: {why}",
        rule.rule.span,
        "it may still matter to pods that the snapshot does not have",
        related,
        key=rule.name,
    )


def _count(by: Sequence[ResolvedRule]) -> str:
    if len(by) == 1:
        return "another rule decides all that it matches"
    return f"{len(by)} other rules decide all that it matches"


def _related(by: Sequence[ResolvedRule]) -> tuple[tuple[Span, str], ...]:
    found = [(o.rule.span, f"{_verb(o)} by {o.policy.key}") for o in by[:_MOST]]
    return tuple(found)


def _verb(rule: ResolvedRule) -> str:
    return {
        Action.ALLOW: "allowed",
        Action.DENY: "denied",
        Action.PASS: "passed on",
    }[rule.rule.action]


def _cure(rule: ResolvedRule) -> str:
    section, kept = rule.policy.section(rule.direction), _KEPT.get(rule.policy.kind)
    if kept is not None and len(section.rules) == 1 and section.isolates:
        name = rule.direction.value
        return (
            f"take it away, and leave '{name}: {kept}' for the isolation; or correct it"
        )
    return "take it away, or correct what it was meant to match"


CHECK = Check("shadowed-rule", Needs.SET, _find)

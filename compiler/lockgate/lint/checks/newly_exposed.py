"""``newly-exposed``: workloads that the world can reach since a rule allows it.

Without a list and without a baseline it is a note on the rule.  Where the configuration
lists who may be exposed, or a baseline remembers who was, each other workload is a warning.
"""

from __future__ import annotations

from collections import defaultdict
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from lockgate.findings import Finding, Level
from lockgate.ir.policy import Action, Direction
from lockgate.ir.tables import Outcome
from lockgate.lint.scene import Check, Needs, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.resolution import ResolvedRule, SubjectRules

_MOST = 3


def _find(scene: Scene) -> Iterator[Finding]:
    is_judged = scene.config.exposed is not None or scene.remembers
    workloads: dict[str, set[str]] = defaultdict(set)
    rules: dict[str, ResolvedRule] = {}
    for number, subject in enumerate(scene.passed.rules):
        rule = _exposing(scene, number, subject)
        if rule is not None:
            rules[rule.name] = rule
            for endpoint in scene.endpoints_of.get(number, ()):
                workloads[rule.name].add(scene.workloads.of_pod(endpoint.key).key)
    for name, rule in sorted(rules.items(), key=lambda item: item[1].place):
        exposed = sorted(w for w in workloads[name] if not _is_expected(scene, w))
        if not exposed:
            continue
        if is_judged:
            yield from (_warning(rule, workload) for workload in exposed)
        else:
            yield _note(rule, exposed)


def _exposing(scene: Scene, number: int, subject: SubjectRules) -> ResolvedRule | None:
    """Return the first rule of a subject by which the world at large gets in."""
    if subject.subject.direction is not Direction.INGRESS or subject.subject.is_host:
        return None
    world = scene.reach.world_points
    sets = scene.passed.resolution.peer_sets
    allowing = [
        owner
        for term, owner in zip(subject.terms, subject.owners, strict=True)
        if owner is not None
        and owner.rule.action is Action.ALLOW
        and sets[term.peers] & world
    ]
    if not allowing or not _gets_in(scene, number):
        return None
    return min(allowing, key=lambda rule: rule.place)


def _gets_in(scene: Scene, number: int) -> bool:
    """Whether some packet of the world passes, by the table of a subject."""
    from lockgate.passes.pipeline import FIRST_TABLE

    table = scene.passed.tables.tables[number + FIRST_TABLE]
    for identity_class in scene.reach.world:
        start = table.rows[identity_class] * table.interval_count
        for cell in table.cells[start : start + table.interval_count]:
            decision = scene.passed.tables.decisions[cell]
            rule = scene.passed.tables.rules[decision.rule]
            if decision.outcome is not Outcome.DENY and rule.effect in (
                "allow",
                "redirect",
            ):
                return True
    return False


def _is_expected(scene: Scene, workload: str) -> bool:
    patterns = scene.config.exposed or ()
    return any(fnmatchcase(workload, pattern) for pattern, _ in patterns)


def _warning(rule: ResolvedRule, workload: str) -> Finding:
    return Finding(
        "W6014",
        Level.WARNING,
        f"{workload} is reachable from the world by this rule",
        rule.rule.span,
        "narrow the peers; or list the workload under 'exposed' in the configuration",
        ((rule.policy.span, "whom the policy selects"),),
        key=workload,
    )


def _note(rule: ResolvedRule, workloads: list[str]) -> Finding:
    shown = ", ".join(workloads[:_MOST])
    if len(workloads) > _MOST:
        shown += f" and {len(workloads) - _MOST} more"
    return Finding(
        "N6014",
        Level.NOTE,
        f"reachable from the world by this rule: {shown}",
        rule.rule.span,
        "list who may be under 'exposed' in the configuration, and all others are warnings",
        key=rule.name,
    )


CHECK = Check("newly-exposed", Needs.SNAPSHOT, _find)

"""``deny-only-isolates``: a policy with denials only, and what becomes of all the rest.

In Cilium's kinds such a policy isolates as any other does, so that everything else is
denied, too.  A ClusterNetworkPolicy never isolates: everything else is left to others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.findings import Finding, Level
from lockgate.ir.policy import Action, Direction, SubjectKind, Tier
from lockgate.lint.neighbours import allows_beside, names_of
from lockgate.lint.scene import Check, Needs, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.policy import Policy


def _find(scene: Scene) -> Iterator[Finding]:
    for number, policy in enumerate(scene.policies):
        for direction in Direction:
            section = policy.section(direction)
            if not section.rules or any(
                rule.action is not Action.DENY for rule in section.rules
            ):
                continue
            # In our own language isolation is written, and so it is meant.
            if policy.kind.startswith("Cilium") and section.isolates:
                if not allows_beside(scene, number, direction):
                    yield _isolates(policy, direction)
            elif policy.tier is Tier.ADMIN and scene.has_snapshot:
                yield from _leaves_open(scene, number, direction)


def _isolates(policy: Policy, direction: Direction) -> Finding:
    name = direction.value
    word = "from" if direction is Direction.INGRESS else "to"
    return Finding(
        "W6004",
        Level.WARNING,
        f"this policy has only denials for {name}, and still denies all other {name}: "
        f"nothing allows any to those that it selects",
        policy.section(direction).rules[0].span,
        f"to deny only this, add 'enableDefaultDeny: {{{name}: false}}', or "
        f"'{name}: [{{{word}Entities: [all]}}]'",
        ((policy.span, "whom it selects"),),
        key=f"{policy.key} {policy.part} {name}",
    )


def _leaves_open(scene: Scene, number: int, direction: Direction) -> Iterator[Finding]:
    policy = scene.policies[number]
    if policy.subject_kind is not SubjectKind.ENDPOINT:
        return
    numbers = {
        subject: place for place, subject in enumerate(scene.passed.subjects.subjects)
    }
    open_ = [
        endpoint
        for rules in scene.subjects_of.get((number, direction), ())
        if not rules.is_isolated
        for endpoint in scene.endpoints_of.get(numbers[rules.subject], ())
    ]
    if open_:
        name = direction.value
        yield Finding(
            "N6004",
            Level.NOTE,
            f"this policy denies, and does not isolate: all other {name} of "
            f"{names_of(scene, open_)} stays open",
            policy.section(direction).rules[0].span,
            "a ClusterNetworkPolicy of tier Baseline, or a NetworkPolicy, can deny the rest",
            key=f"{policy.key} {name}",
        )


CHECK = Check("deny-only-isolates", Needs.SET, _find)

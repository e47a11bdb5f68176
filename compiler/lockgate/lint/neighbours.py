"""What other policies say to the endpoints that a policy selects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.policy import Action, Tier
from lockgate.lint.algebra.boxes import meets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lockgate.ir.cluster import Endpoint
    from lockgate.ir.policy import Direction, Policy
    from lockgate.lint.scene import Scene

_MOST = 3


def allows_beside(scene: Scene, number: int, direction: Direction) -> bool:
    """Whether some policy allows anything to an endpoint that policy ``number`` selects.

    By the snapshot where it has such endpoints, else by what selectors could select.
    """
    subjects = scene.subjects_of.get((number, direction), ())
    if subjects:
        return any(
            owner is not None
            and owner.rule.action is Action.ALLOW
            and owner.policy.tier is not Tier.BASELINE
            for subject in subjects
            for owner in subject.owners
        )
    return any(
        rule.action is Action.ALLOW
        for other in may_select_same(scene, scene.policies[number])
        if other.tier is not Tier.BASELINE
        for rule in other.section(direction).rules
    )


def may_select_same(scene: Scene, policy: Policy) -> Iterator[Policy]:
    """Yield the policies, itself among them, that could select what ``policy`` selects."""
    mine = scene.boxes.subject(policy)
    if mine is None:
        return
    for other in scene.policies_near(policy):
        box = scene.boxes.subject(other)
        is_alike = other.subject_kind is policy.subject_kind
        if is_alike and box is not None and meets(mine, box):
            yield other


def names_of(scene: Scene, endpoints: Sequence[Endpoint]) -> str:
    """Name the workloads of some endpoints, and say how many more there are."""
    names = scene.workloads.list_keys({endpoint.key for endpoint in endpoints})
    shown = ", ".join(names[:_MOST])
    return f"{shown} and {len(names) - _MOST} more" if len(names) > _MOST else shown

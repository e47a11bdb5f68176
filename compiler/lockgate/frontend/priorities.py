"""Policies of one tier with the same priority: which of them is asked first is no rule."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from lockgate.ir.policy import Tier

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.policy import Policy


def report_equal_priorities(
    policies: Iterable[Policy], diagnostics: Diagnostics
) -> None:
    """Say once for each priority that several policies have it.

    ClusterNetworkPolicy leaves it open which of them wins where both match; here it is the
    one whose name comes first.
    """
    equals: defaultdict[tuple[Tier, int], list[Policy]] = defaultdict(list)
    for policy in policies:
        if policy.tier is not Tier.NORMAL:
            equals[policy.tier, policy.order].append(policy)
    for (tier, priority), found in sorted(equals.items()):
        if len(found) > 1:
            first, *others = sorted(found, key=lambda policy: policy.key)
            message = (
                f"{len(found)} policies of tier {tier.name.title()} have priority "
                f"{priority}: '{first.name}' is asked first"
            )
            related = [(p.span, f"also '{p.name}'") for p in others]
            cure = "give them different priorities where both could match"
            diagnostics.note("N1043", message, first.span, help=cure, related=related)

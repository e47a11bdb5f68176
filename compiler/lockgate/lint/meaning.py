"""What a rule does to a packet that it matches, and which rules leave it nothing to do."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from lockgate.ir.policy import Action, Tier
from lockgate.source import Span

if TYPE_CHECKING:
    from lockgate.ir.resolution import ResolvedRule

_ALLOW, _DENY, _PASS = Action.ALLOW, Action.DENY, Action.PASS


def l7_of(rule: ResolvedRule) -> object:
    """Return what a rule asks beyond addresses and ports, comparable; None for nothing."""
    l7 = rule.rule.l7
    return None if l7 is None or l7.is_plain else without_spans(l7)


def without_spans(value: object) -> object:
    """Return the values of a frozen dataclass without the places where they stand."""
    if isinstance(value, Span):
        return None
    if isinstance(value, tuple):
        return tuple(without_spans(item) for item in value)
    if hasattr(value, "__dataclass_fields__"):
        return tuple(
            without_spans(getattr(value, field.name))
            for field in fields(value)  # type: ignore[arg-type]  # it has such fields
        )
    return value


def may_cover(cover: ResolvedRule, rule: ResolvedRule) -> bool:
    """Whether a rule has no effect on packets that another one matches, too.

    In ADMIN and BASELINE the first match decides.  In NORMAL a denial makes every other
    rule idle, an allowance those that allow on the same terms.  A higher tier leaves
    nothing to lower ones, except by Pass.
    """
    tier, below = cover.policy.tier, rule.policy.tier
    if tier is below:
        if tier is not Tier.NORMAL:
            return cover.place < rule.place
        if cover.rule.action is _DENY:
            return True
        return rule.rule.action is _ALLOW and l7_of(cover) == l7_of(rule)
    return tier < below and cover.rule.action is not _PASS

"""What is worth knowing of a policy that is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.policy import Action, Direction, Tier

if TYPE_CHECKING:
    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.policy import Policy
    from lockgate.language import ast

_WORDS = {Direction.INGRESS: "in", Direction.EGRESS: "out"}


def note_open_directions(
    block: ast.Policy, policy: Policy, diagnostics: Diagnostics
) -> None:
    """Say where rules allow something in a direction that the policy does not isolate."""
    if policy.tier is not Tier.NORMAL:
        return
    for direction, word in _WORDS.items():
        section = policy.section(direction)
        allows = [rule for rule in section.rules if rule.action is Action.ALLOW]
        if allows and not section.isolates:
            message = (
                f"'{block.name.text}' allows this, and does not isolate '{word}': unless "
                f"another policy does, everything else passes as well"
            )
            cure = f"write 'isolate {word}' if this is all that is to pass"
            diagnostics.note("N1835", message, allows[0].span, help=cure)

"""``policy-types-mismatch``: a NetworkPolicy that isolates a direction it has no rules for.

``policyTypes: [Ingress, Egress]`` beside ingress rules only is often copied: the pods may
answer, and may not ask anyone, the name service included.  (Rules without their type are
W1043.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.findings import Finding, Level
from lockgate.ir.policy import Direction
from lockgate.lint.neighbours import allows_beside
from lockgate.lint.scene import Check, Needs, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

_OTHER = {Direction.INGRESS: Direction.EGRESS, Direction.EGRESS: Direction.INGRESS}


def _find(scene: Scene) -> Iterator[Finding]:
    for number, policy in enumerate(scene.policies):
        if policy.kind != "NetworkPolicy":
            continue
        for direction, other in _OTHER.items():
            section = policy.section(direction)
            if not section.isolates or section.rules or not policy.section(other).rules:
                continue
            name = direction.value
            types = scene.places.node(policy, "spec.policyTypes")
            if types is None or scene.places.node(policy, f"spec.{name}") is not None:
                continue  # an empty list says that it is meant
            if allows_beside(scene, number, direction):
                continue
            yield Finding(
                "W6005",
                Level.WARNING,
                f"'policyTypes' has {name.title()}, and there is no rule for {name}: "
                f"all {name} is denied, and no other policy allows any",
                types.span,
                f"take {name.title()} away, or add the rules; "
                f"'{name}: []' says that all of it is meant to be denied",
                key=f"{policy.key} {name}",
            )


CHECK = Check("policy-types-mismatch", Needs.SET, _find)

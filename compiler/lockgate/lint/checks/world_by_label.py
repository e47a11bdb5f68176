"""``world-by-label``: ``reserved:world`` in a selector, where Cilium may see nobody.

In a dual-stack cluster Cilium labels the world ``reserved:world-ipv4`` or
``reserved:world-ipv6``; only the entity means both.  Here the label matches all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.findings import Finding, Level
from lockgate.ir.labels import Operator
from lockgate.ir.policy import Direction, LabelPeer
from lockgate.lint.scene import Check, Needs, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.labels import Selector

_POSITIVE = (Operator.IN, Operator.EXISTS)


def _find(scene: Scene) -> Iterator[Finding]:
    for policy, direction, rule in scene.rules():
        for place, peer in enumerate(rule.peers):
            if not isinstance(peer, LabelPeer) or not _asks_for_world(peer.selector):
                continue
            word = "from" if direction is Direction.INGRESS else "to"
            yield Finding(
                "N6015",
                Level.NOTE,
                "the label reserved:world is not the same as the entity: in a dual-stack "
                "cluster, Cilium gives it to nobody",
                scene.places.peer(policy, rule, place, direction),
                f"write '{word}Entities: [world]'",
                key=f"{policy.key}#{rule.path} peer {place}",
            )


def _asks_for_world(selector: Selector) -> bool:
    return any(
        r.source == "reserved" and r.key == "world" and r.operator in _POSITIVE
        for r in selector.requirements
    )


CHECK = Check("world-by-label", Needs.POLICY, _find)

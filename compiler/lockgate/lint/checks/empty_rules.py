"""``empty-rules``: an empty list or item that means something else than it seems to.

``ingress: []`` denies everything in a NetworkPolicy, and does nothing in Cilium's kinds;
``ingress: [{}]`` allows everything in a NetworkPolicy, and denies everything in Cilium's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockgate.findings import Finding, Level
from lockgate.frontend.nodes import Mapping, Sequence
from lockgate.ir.policy import AnyPeer, Direction
from lockgate.lint.scene import Check, Needs, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.policy import Policy

_EMPTY_LIST = re.compile(r"gress[\"']?:\s*\[\s*\]")
"""A quick look at the text: most policies need no second reading."""


def _find(scene: Scene) -> Iterator[Finding]:
    for policy in scene.policies:
        if policy.kind == "NetworkPolicy":
            yield from _allows_all(policy)
        elif _EMPTY_LIST.search(policy.span.source.text):
            yield from _empty_lists(scene, policy)


def _allows_all(policy: Policy) -> Iterator[Finding]:
    for direction in Direction:
        rules = policy.section(direction).rules
        for rule in rules:
            if rule.peers == (AnyPeer(),) and rule.traffic is None:
                name = direction.value
                peer = "from" if direction is Direction.INGRESS else "to"
                others = len(rules) > 1
                yield Finding(
                    "W6011" if others else "N6011",
                    Level.WARNING if others else Level.NOTE,
                    f"an empty rule allows all {name}, {peer} the world too"
                    + (
                        ", so that the other rules beside it say nothing"
                        if others
                        else ""
                    ),
                    rule.span,
                    f"'{name}: []' denies all of it; say '{peer}' and 'ports' to allow some",
                    key=f"{policy.key}#{rule.path}",
                )


def _empty_lists(scene: Scene, policy: Policy) -> Iterator[Finding]:
    spec = scene.places.node(policy, policy.part)
    if not isinstance(spec, Mapping) or not policy.kind.startswith("Cilium"):
        return
    for name in ("ingress", "egress"):
        node = spec.get(name)
        denials = spec.get(f"{name}Deny")
        if isinstance(node, Sequence) and not node.items and denials is None:
            yield Finding(
                "W6011",
                Level.WARNING,
                f"an empty list does nothing in {policy.kind}: {name} stays open",
                spec.entries[name].key.span,
                f"'{name}: [{{}}]' denies all {name}; else take the list away",
                key=f"{policy.key} {policy.part} {name}",
            )


CHECK = Check("empty-rules", Needs.POLICY, _find)

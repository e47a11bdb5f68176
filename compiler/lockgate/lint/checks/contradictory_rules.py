"""``contradictory-rules``: an allowance that is denied as a whole; a selector against itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.diagnostics import quote
from lockgate.findings import Finding, Level
from lockgate.ir.labels import NAMESPACE, Requirement, Selector
from lockgate.ir.policy import LabelPeer
from lockgate.lint.algebra.rule_boxes import conflict
from lockgate.lint.scene import Check, Needs, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 3


def _find(scene: Scene) -> Iterator[Finding]:
    yield from _selectors(scene)
    if scene.middle is None:
        return
    for covered in scene.coverage.found:
        if covered.is_denied:
            yield Finding(
                "W6003",
                Level.WARNING,
                "what this rule allows is denied, all of it: a denial wins",
                covered.rule.rule.span,
                "take one of them away, or narrow the denial",
                tuple(
                    (other.rule.span, f"denied by {other.policy.key}")
                    for other in covered.by[:_MOST]
                ),
                key=covered.rule.name,
            )


def _selectors(scene: Scene) -> Iterator[Finding]:
    for policy in scene.policies:
        pair = conflict(policy.subject)
        # Another namespace than its own is a warning of the compiler (W1048).
        if pair is not None and pair[0].key != NAMESPACE:
            yield Finding(
                "W6003",
                Level.WARNING,
                f"this policy can select nothing: {_shown(pair)}",
                policy.span,
                "take one of the requirements away",
                key=f"{policy.key} {policy.part} subject",
            )
    for policy, direction, rule in scene.rules():
        for place, peer in enumerate(rule.peers):
            pair = conflict(peer.selector) if isinstance(peer, LabelPeer) else None
            if pair is not None:
                yield Finding(
                    "W6003",
                    Level.WARNING,
                    f"this peer can match nothing: {_shown(pair)}",
                    scene.places.peer(policy, rule, place, direction),
                    "take one of the requirements away",
                    key=f"{policy.key}#{rule.path} peer {place}",
                )


def _shown(pair: tuple[Requirement, Requirement]) -> str:
    one, other = (quote(Selector((requirement,))) for requirement in pair)
    return f"{one} and {other} exclude each other"


CHECK = Check("contradictory-rules", Needs.POLICY, _find)

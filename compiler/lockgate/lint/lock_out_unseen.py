"""Look-ups of names that no policy could let pass, as far as can be said without a snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.findings import Finding, Level
from lockgate.ir.labels import NAMESPACE, NAMESPACE_LABELS, Operator
from lockgate.ir.policy import (
    Action,
    LabelPeer,
    NamedPortMatch,
    PortMatch,
    Protocol,
    SubjectKind,
)
from lockgate.lint.name_service import DNS, SYSTEM, cure
from lockgate.lint.neighbours import may_select_same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.labels import Selector
    from lockgate.ir.policy import Rule, TrafficMatch
    from lockgate.lint.scene import Scene


def find_without_snapshot(scene: Scene) -> Iterator[Finding]:
    """Yield a note for each policy beside which nothing could allow a look-up."""
    for policy in scene.policies:
        is_plain = (
            policy.subject_kind is SubjectKind.ENDPOINT and policy.egress.isolates
        )
        if not is_plain or not any(_allows(rule) for rule in policy.egress.rules):
            continue
        if any(
            _could_ask(rule)
            for other in may_select_same(scene, policy)
            for rule in other.egress.rules
        ):
            continue
        yield Finding(
            "N6012",
            Level.NOTE,
            "those whom this policy selects may talk to others, and none of these policies "
            f"lets them look up names (UDP {DNS} in {SYSTEM})",
            policy.span,
            cure(policy.kind),
            key=f"{policy.key} {policy.part} names",
        )


def _allows(rule: Rule) -> bool:
    return rule.action is Action.ALLOW and bool(rule.peers) and rule.traffic != ()


def _could_ask(rule: Rule) -> bool:
    """Whether a rule could let a look-up pass; yes where that is not clear."""
    if not _allows(rule) or not any(map(_is_dns, rule.traffic or (None,))):
        return False
    return any(
        not isinstance(peer, LabelPeer) or _in_system(peer.selector)
        for peer in rule.peers
    )


def _is_dns(match: TrafficMatch | None) -> bool:
    if isinstance(match, PortMatch):
        is_within = match.ports.first <= DNS <= match.ports.last
        return Protocol.UDP in match.protocols and is_within
    return match is None or isinstance(match, NamedPortMatch)


def _in_system(selector: Selector) -> bool:
    """Whether a selector could match pods of the namespace of the name service."""
    for requirement in selector.requirements:
        name = requirement.key
        if name in (NAMESPACE, f"{NAMESPACE_LABELS}kubernetes.io/metadata.name") and (
            requirement.operator is Operator.IN
        ):
            return SYSTEM in requirement.values
    return True

"""``and-or-dash``: a dash that makes two peers of what was perhaps meant as one.

    - namespaceSelector: ...
    - podSelector: ...        # all pods of that namespace, and these pods of its own

without the second dash means: these pods of that namespace.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from lockgate.findings import Finding, Level
from lockgate.frontend.nodes import Mapping
from lockgate.frontend.pod_selectors import in_namespace
from lockgate.ir.labels import NAMESPACE, NAMESPACE_LABELS, Selector
from lockgate.ir.policy import Direction, LabelPeer
from lockgate.lint.scene import Check, Needs, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.labels import Requirement
    from lockgate.ir.policy import Policy, Rule


def _find(scene: Scene) -> Iterator[Finding]:
    for policy, direction, rule in scene.rules():
        if policy.kind != "NetworkPolicy" or len(rule.peers) != 2:
            continue  # three peers or more are a list, and no slip
        for one, other in pairwise(rule.peers):
            if not isinstance(one, LabelPeer) or not isinstance(other, LabelPeer):
                continue
            where = _namespaces(one.selector)
            who = _pods(other.selector, policy.namespace)
            if where and who and _is_written_so(scene, policy, rule, direction):
                yield _finding(scene, policy, rule, where, who, direction)


def _namespaces(selector: Selector) -> tuple[Requirement, ...]:
    """Return the requirements of a peer that only says which namespaces."""
    is_so = all(r.key.startswith(NAMESPACE_LABELS) for r in selector.requirements)
    return selector.requirements if is_so else ()


def _pods(selector: Selector, namespace: str) -> tuple[Requirement, ...]:
    """Return what a peer asks of pods of the policy's own namespace, if it is such."""
    pods = []
    is_own = False
    for requirement in selector.requirements:
        if requirement.key == NAMESPACE:
            is_own = requirement.values == (namespace,)
        elif requirement.key.startswith(NAMESPACE_LABELS):
            return ()
        else:
            pods.append(requirement)
    return tuple(pods) if is_own else ()


def _is_written_so(
    scene: Scene, policy: Policy, rule: Rule, direction: Direction
) -> bool:
    """Whether each of the two stands in an item of its own, with its one field."""
    word = "from" if direction is Direction.INGRESS else "to"
    fields = []
    for place in range(2):
        item = scene.places.node(policy, f"{rule.path}.{word}[{place}]")
        if not isinstance(item, Mapping):
            return False
        fields.append(set(item.entries))
    return fields == [{"namespaceSelector"}, {"podSelector"}]


def _finding(
    scene: Scene,
    policy: Policy,
    rule: Rule,
    where: tuple[Requirement, ...],
    who: tuple[Requirement, ...],
    direction: Direction,
) -> Finding:
    is_likely = scene.middle is not None and scene.has_snapshot
    if is_likely:
        own = in_namespace(policy.namespace)
        both = Selector((*where, *who))
        is_likely = bool(scene.resolver.resolve(both)) and not scene.resolver.resolve(
            Selector((*who, own))
        )
    more = (
        ": no pod of this namespace is selected, and pods of those namespaces would be"
        if is_likely
        else ""
    )
    return Finding(
        "W6010" if is_likely else "N6010",
        Level.WARNING if is_likely else Level.NOTE,
        "two items: every pod of the namespaces, and besides these pods of "
        f"namespace '{policy.namespace}'{more}",
        scene.places.peer(policy, rule, 1, direction),
        "take the dash before 'podSelector' away to mean these pods of those namespaces",
        key=f"{policy.key}#{rule.path}",
    )


CHECK = Check("and-or-dash", Needs.POLICY, _find)

"""``selector-matches-nothing``: a subject or a peer whom the snapshot does not have.

Usually a label that is misspelt, or that a deployment no longer sets: the policy protects
nobody, and says nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.diagnostics import did_you_mean, quote
from lockgate.findings import Finding, Level
from lockgate.ir.labels import CLUSTER, NAMESPACE, NAMESPACE_LABELS, Operator, Selector
from lockgate.ir.policy import LabelPeer, SubjectKind
from lockgate.ir.resolution import RESERVED
from lockgate.lint.scene import Check, Needs, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.labels import Requirement

_POSITIVE = (Operator.IN, Operator.EXISTS)
_UNSEEN = frozenset({"cidr", "cidrgroup", "fqdn", "ingress", "reserved"})


def _find(scene: Scene) -> Iterator[Finding]:
    # A host policy without a node is a warning of the compiler itself.
    idle = set()
    for number, policy in enumerate(scene.policies):
        if (
            policy.subject_kind is not SubjectKind.ENDPOINT
            or not scene.cluster.endpoints
        ):
            continue
        if _is_special(scene, policy.subject) or _selects_endpoint(
            scene, policy.subject
        ):
            continue
        idle.add(number)
        why, cure = _explain(scene, policy.subject)
        yield Finding(
            "W6001",
            Level.WARNING,
            f"this policy selects no endpoint of the snapshot: {why}",
            policy.span,
            cure,
            key=f"{policy.key} {policy.part} subject",
        )
    for policy, direction, rule in scene.rules():
        for place, peer in enumerate(rule.peers):
            if not isinstance(peer, LabelPeer) or _is_special(scene, peer.selector):
                continue
            if not scene.resolver.resolve(peer.selector):
                why, cure = _explain(scene, peer.selector)
                yield Finding(
                    "W6001",
                    Level.WARNING,
                    f"this peer matches nothing in the snapshot: {why}",
                    scene.places.peer(policy, rule, place, direction),
                    cure,
                    key=f"{policy.key}#{rule.path} peer {place}",
                )


def _is_special(scene: Scene, selector: Selector) -> bool:
    """Whether it asks for what no snapshot shows.

    That is endpoints that start, groups of prefixes, names, and pods of other clusters.
    """
    return any(
        r.source in _UNSEEN or r.key in RESERVED or _is_elsewhere(scene, r)
        for r in selector.requirements
    )


def _is_elsewhere(scene: Scene, requirement: Requirement) -> bool:
    name = scene.options.cluster_name
    is_named = requirement.key == CLUSTER and requirement.operator is Operator.IN
    return is_named and name not in requirement.values


def _selects_endpoint(scene: Scene, selector: Selector) -> bool:
    space = scene.passed.resolution.space
    endpoints = (1 << space.first_prefix) - 1
    return bool(scene.resolver.resolve(selector) & endpoints)


def _explain(scene: Scene, selector: Selector) -> tuple[str, str]:
    """Say which requirement nobody meets, and what was perhaps meant."""
    for requirement in selector.requirements:
        alone = Selector((requirement,))
        if requirement.operator in _POSITIVE and not scene.resolver.resolve(alone):
            return _explain_one(scene, requirement)
    why = "each of its requirements is met by somebody, and nobody meets all of them"
    return why, f"it asks for {_shown(selector)}"


def _explain_one(scene: Scene, requirement: Requirement) -> tuple[str, str]:
    key = requirement.key
    values = scene.values_of.get(key, set())
    if key == NAMESPACE and requirement.values:
        what = f"no endpoint is in namespace {quote(requirement.values[0])}"
        near = did_you_mean(requirement.values[0], values)
    elif not values:
        what = f"nobody has the label {quote(_plain(key))}"
        near = did_you_mean(_plain(key), _keys(scene, key))
    else:
        what = f"nobody has {quote(_shown(Selector((requirement,))))}"
        near = did_you_mean(requirement.values[0], values)
    cure = "correct the selector, or take away what is not needed any more"
    return what, near or cure


def _keys(scene: Scene, key: str) -> set[str]:
    """Return the keys that could have been meant: of namespaces, or of pods."""
    is_of_namespace = key.startswith(NAMESPACE_LABELS)
    return {
        _plain(known)
        for known in scene.values_of
        if known.startswith(NAMESPACE_LABELS) is is_of_namespace
    }


def _plain(key: str) -> str:
    return key.removeprefix(NAMESPACE_LABELS)


def _shown(selector: Selector) -> str:
    return (
        str(selector).replace(NAMESPACE_LABELS, "namespace label ").replace("k8s:", "")
    )


CHECK = Check("selector-matches-nothing", Needs.SNAPSHOT, _find)

"""ClusterNetworkPolicy, policy.networking.k8s.io/v1alpha2, as its types document it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from lockgate.proof.reference.addresses import contains
from lockgate.proof.reference.flow import End, Kind
from lockgate.proof.reference.located import place
from lockgate.proof.reference.opinion import (
    DIRECTIONS,
    PeerTest,
    Reason,
    Rule,
    Setting,
    Statement,
    TrafficTest,
    name_of,
)
from lockgate.proof.reference.selectors import is_only_negative, matches
from lockgate.proof.reference.traffic import WITH_PORTS, cluster_policy_protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

Policy = dict[str, Any]

_EFFECTS = {"accept": "allow"}
"""How reasons call an action that has another name here."""


def read(policy: Policy, setting: Setting) -> Iterator[Statement]:
    """Yield the one statement of the object; it never isolates."""
    spec = policy["spec"]
    yield Statement(
        policy=name_of(policy),
        part="spec",
        place=place(spec, "subject"),
        selects=lambda subject: _pods(spec["subject"], subject),
        isolates=dict.fromkeys(DIRECTIONS, False),
        rules={
            direction: tuple(_rules(policy, direction, setting))
            for direction in DIRECTIONS
        },
        tier=spec["tier"].lower(),
        order=int(spec["priority"]),
        audited=setting.is_audited(policy),
    )


def _rules(policy: Policy, direction: str, setting: Setting) -> Iterator[Rule]:
    name = name_of(policy)
    for number, rule in enumerate(policy["spec"].get(direction) or []):
        action = rule["action"].lower()
        effect = _EFFECTS.get(action, action)
        path = f"{name}#spec.{direction}[{number}]"
        peers = rule["from" if direction == "ingress" else "to"]
        yield Rule(
            Reason(path, effect, (name,), (place(rule),)),
            action,
            tuple(_peer_test(peer, setting) for peer in peers),
            tuple(map(_protocol_test, rule.get("protocols") or [])) or None,
        )


def _peer_test(peer: Policy, setting: Setting) -> PeerTest:
    return PeerTest(
        f"ClusterNetworkPolicy {peer!r}",
        partial(_peer, peer, setting=setting),
        within=tuple(peer["networks"]) if peer.get("networks") else None,
    )


def _protocol_test(protocol: Policy) -> TrafficTest:
    return TrafficTest(
        f"ClusterNetworkPolicy {protocol!r}",
        partial(cluster_policy_protocol, protocol),
        WITH_PORTS,
        is_named="destinationNamedPort" in protocol,
    )


def _pods(selection: Policy, end: End) -> bool:
    """Judge ``namespaces`` or ``pods``; pods on the host network are never meant."""
    if end.pod is None:
        return False
    if "namespaces" in selection:
        return matches(selection["namespaces"], end.pod.namespace_labels)
    pods = selection.get("pods")
    return (
        pods is not None
        and matches(pods.get("namespaceSelector") or {}, end.pod.namespace_labels)
        and matches(pods.get("podSelector") or {}, end.pod.labels)
    )


def _peer(peer: Policy, other: End, setting: Setting) -> bool:
    if peer.get("networks"):
        if setting.cilium and other.kind is not Kind.WORLD:
            return False  # deviation 2
        return any(contains(text, other.position) for text in peer["networks"])
    if "nodes" in peer:
        return other.node is not None and matches(peer["nodes"], other.node.labels)
    if setting.cilium and is_only_negative(peer.get("namespaces") or {}):
        return True  # deviation 5: aggregate identities have no namespace labels
    return _pods(peer, other)

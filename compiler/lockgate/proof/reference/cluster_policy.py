"""ClusterNetworkPolicy, policy.networking.k8s.io/v1alpha2, as its types document it."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from lockgate.proof.reference.flow import End, Kind, Packet
from lockgate.proof.reference.opinion import Opinion, Setting, name_of
from lockgate.proof.reference.selectors import is_only_negative, matches
from lockgate.proof.reference.traffic import cluster_policy_protocol

Policy = dict[str, Any]


def opinion(
    policy: Policy,
    direction: str,
    subject: End,
    other: End,
    packet: Packet,
    setting: Setting,
) -> list[Opinion]:
    """Return what the policy says, if it selects the subject; it never isolates."""
    spec = policy["spec"]
    if not _pods(spec["subject"], subject):
        return []
    said = Opinion(
        name_of(policy),
        tier=spec["tier"].lower(),
        order=int(spec["priority"]),
        speaks=bool(spec.get(direction)),
    )
    listener = subject if direction == "ingress" else other
    for rule in spec.get(direction) or []:
        peers = rule["from" if direction == "ingress" else "to"]
        if not any(_peer(p, other, setting) for p in peers):
            continue
        protocols = rule.get("protocols") or []
        if protocols and not any(
            cluster_policy_protocol(p, listener, packet) for p in protocols
        ):
            continue
        said.effects.append(rule["action"].lower())
    return [said]


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
        return any(
            other.address is not None and other.address in ip_network(text, False)
            for text in peer["networks"]
        )
    if "nodes" in peer:
        return other.node is not None and matches(peer["nodes"], other.node.labels)
    if setting.cilium and is_only_negative(peer.get("namespaces") or {}):
        return True  # deviation 5: aggregate identities have no namespace labels
    return _pods(peer, other)

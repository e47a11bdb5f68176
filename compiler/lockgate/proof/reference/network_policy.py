"""NetworkPolicy, networking.k8s.io/v1, as its own documentation reads.

https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from lockgate.proof.reference.flow import End, Kind, Packet
from lockgate.proof.reference.opinion import Opinion, Setting, name_of
from lockgate.proof.reference.selectors import matches
from lockgate.proof.reference.traffic import network_policy_port

Policy = dict[str, Any]


def opinion(
    policy: Policy,
    direction: str,
    subject: End,
    other: End,
    packet: Packet,
    setting: Setting,
) -> list[Opinion]:
    """Return what the policy says, if it selects the subject."""
    namespace = policy["metadata"].get("namespace") or "default"
    spec = policy["spec"]
    if subject.pod is None or subject.pod.namespace != namespace:
        return []
    if not matches(spec.get("podSelector") or {}, subject.pod.labels):
        return []
    rules = spec.get(direction) or []
    if not _is_in_force(spec, direction, rules, setting):
        return []
    said = Opinion(name_of(policy), isolates=True)
    listener = subject if direction == "ingress" else other
    for number, rule in enumerate(rules):
        peers = rule.get("from" if direction == "ingress" else "to") or []
        ports = rule.get("ports") or []
        # No peers: every source or destination.  No ports: all traffic.
        if peers and not any(_peer(p, namespace, other, setting) for p in peers):
            continue
        if ports and not any(network_policy_port(p, listener, packet) for p in ports):
            continue
        said.effects.append("accept")
        said.allowing.append(f"{said.policy}[{number}]")
    return [said]


def _is_in_force(
    spec: Policy, direction: str, rules: list[Any], setting: Setting
) -> bool:
    types = spec.get("policyTypes") or []
    if setting.cilium and rules:
        return True  # deviation 1: a section counts without its type
    if setting.cilium and direction == "ingress":
        return "Ingress" in types or "Egress" not in types
    if types:
        return direction.capitalize() in types
    return direction == "ingress" or bool(rules)


def _peer(peer: Policy, namespace: str, other: End, setting: Setting) -> bool:
    if peer.get("ipBlock"):
        if setting.cilium and other.kind is not Kind.WORLD:
            return False  # deviation 2: a block matches no pod and no node
        return _block(peer["ipBlock"], other)
    if other.pod is None:
        return False
    if peer.get("namespaceSelector") is None:
        is_namespace = other.pod.namespace == namespace
    else:
        is_namespace = matches(peer["namespaceSelector"], other.pod.namespace_labels)
    pods = peer.get("podSelector")
    return is_namespace and (pods is None or matches(pods, other.pod.labels))


def _block(block: Policy, other: End) -> bool:
    def inside(text: str) -> bool:
        return other.address is not None and other.address in ip_network(text, False)

    return inside(block["cidr"]) and not any(map(inside, block.get("except") or []))

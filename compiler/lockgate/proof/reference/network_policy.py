"""NetworkPolicy, networking.k8s.io/v1, as its own documentation reads.

https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

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
from lockgate.proof.reference.selectors import matches
from lockgate.proof.reference.traffic import (
    network_policy_port,
    network_policy_protocols,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

Policy = dict[str, Any]

ANYONE = PeerTest("anyone", lambda _: True)


def read(policy: Policy, setting: Setting) -> Iterator[Statement]:
    """Yield the one statement of the object."""
    namespace = policy["metadata"].get("namespace") or "default"
    spec = policy["spec"]
    in_force = {
        direction: _is_in_force(spec, direction, spec.get(direction) or [], setting)
        for direction in DIRECTIONS
    }
    yield Statement(
        policy=name_of(policy),
        part="spec",
        place=place(spec, "podSelector"),
        selects=partial(_selects, namespace, spec),
        isolates=in_force,
        rules={
            direction: tuple(_rules(policy, direction, namespace, setting))
            if is_in_force
            else ()
            for direction, is_in_force in in_force.items()
        },
        namespace=namespace,
        audited=setting.is_audited(policy),
    )


def _selects(namespace: str, spec: Policy, subject: End) -> bool:
    return (
        subject.pod is not None
        and subject.pod.namespace == namespace
        and matches(spec.get("podSelector") or {}, subject.pod.labels)
    )


def _rules(
    policy: Policy, direction: str, namespace: str, setting: Setting
) -> Iterator[Rule]:
    name = name_of(policy)
    for number, rule in enumerate(policy["spec"].get(direction) or []):
        peers = rule.get("from" if direction == "ingress" else "to") or []
        ports = rule.get("ports") or []
        path = f"{name}#spec.{direction}[{number}]"
        yield Rule(
            Reason(path, "allow", (name,), (place(rule),)),
            "accept",
            # No peers: every source or destination.  No ports: all traffic.
            tuple(_peer_test(peer, namespace, setting) for peer in peers) or (ANYONE,),
            tuple(map(_port_test, ports)) or None,
        )


def _peer_test(peer: Policy, namespace: str, setting: Setting) -> PeerTest:
    return PeerTest(
        f"{namespace} {peer!r}",
        lambda other: _peer(peer, namespace, other, setting),
        within=(peer["ipBlock"]["cidr"],) if peer.get("ipBlock") else None,
    )


def _port_test(port: Policy) -> TrafficTest:
    return TrafficTest(
        f"NetworkPolicy {port!r}",
        lambda listener, packet: network_policy_port(port, listener, packet),
        network_policy_protocols(port),
        is_named=isinstance(port.get("port"), str),
    )


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
    return contains(block["cidr"], other.position) and not any(
        contains(text, other.position) for text in block.get("except") or []
    )

"""Policies of the native language, by what ``grammar/gate.lark`` says of them.

They come as plain objects with their places (``proof/native.py``): what is written, and
nothing filled in.  What a selector leaves unsaid is known here, once more.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from lockgate.proof.reference import application
from lockgate.proof.reference.addresses import contains
from lockgate.proof.reference.flow import End, Kind
from lockgate.proof.reference.opinion import (
    DIRECTIONS,
    PeerTest,
    Reason,
    Redirect,
    Rule,
    Setting,
    Statement,
    TrafficTest,
)
from lockgate.proof.reference.selectors import (
    NAMESPACE,
    NAMESPACE_LABELS,
    Label,
    holds,
    split_key,
)
from lockgate.proof.reference.traffic import named_port_matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.proof.reference.cluster import Cluster
    from lockgate.proof.reference.flow import Packet

Policy = dict[str, Any]

KINDS = (
    *("Policy", "ClusterPolicy", "HostPolicy"),
    *("AdminPolicy", "BaselinePolicy"),
)
_TIERS = {"AdminPolicy": "admin", "BaselinePolicy": "baseline"}
_WORDS = {"ingress": "in", "egress": "out"}
_RANKS = {"http": 101, "tls": 116, "dns": 121}
"""Of several parsers for a packet the one with the smallest rank has the say."""


def read(policy: Policy, setting: Setting) -> Iterator[Statement]:
    """Yield the one statement of a policy."""
    namespace = policy["namespace"]
    name = "/".join(filter(None, (policy["kind"], namespace, policy["name"])))
    yield Statement(
        policy=name,
        part="spec",
        place=policy["place"],
        selects=partial(_selects, policy),
        isolates={d: d in policy["isolate"] for d in DIRECTIONS},
        rules={d: tuple(_rules(policy, name, d, setting)) for d in DIRECTIONS},
        namespace=namespace,
        tier=_TIERS.get(policy["kind"], "normal"),
        order=policy["priority"] or 0,
        audited=policy["audit"] or name in setting.audit,
    )


# ---------------------------------------------------------------- subjects


def _selects(policy: Policy, subject: End) -> bool:
    wanted = policy["subject"]
    if policy["kind"] == "HostPolicy":
        if subject.kind is not Kind.HOST or subject.node is None:
            return False
        labels = [Label("k8s", k, v) for k, v in subject.node.labels.items()]
        labels.append(Label("reserved", "host", ""))
        return _all_hold(wanted["terms"], labels)
    if subject.pod is None:
        return False
    if policy["namespace"] not in (None, subject.pod.namespace):
        return False
    match wanted["who"]:
        case "endpoints":
            return True
        case "labels":
            return _all_hold(wanted["terms"], subject.labels)
    return wanted["namespace"] in (None, subject.pod.namespace) and _are_pods(
        wanted["terms"], subject
    )


def _are_pods(terms: list[Policy], end: End) -> bool:
    """Judge terms about a pod: its labels, its namespace, the labels of that."""
    if end.pod is None:
        return False
    for term in terms:
        match term["of"]:
            case "namespace":
                value: str | None = end.pod.namespace
            case "namespace label":
                value = end.pod.namespace_labels.get(term["key"])
            case _:
                value = _value("any", term["key"], end.labels)
        if not holds(term["operator"], value, term["values"]):
            return False
    return True


def _all_hold(terms: list[Policy], labels: list[Label]) -> bool:
    """Judge terms about labels whose keys may name their sources."""
    return all(
        holds(t["operator"], _value(*split_key(t["key"]), labels), t["values"])
        for t in terms
    )


def _value(source: str, key: str, labels: list[Label]) -> str | None:
    for label in labels:
        if label.key == key and source in ("any", label.source):
            return label.value
    return None


# ---------------------------------------------------------------- rules


def _rules(
    policy: Policy, name: str, direction: str, setting: Setting
) -> Iterator[Rule]:
    written = [rule for rule in policy["rules"] if rule["direction"] == direction]
    for number, rule in enumerate(written):
        effect = _effect(rule)
        word = "redirect" if isinstance(effect, Redirect) else rule["action"]
        path = f"{name}#{_WORDS[direction]}[{number}]"
        traffic = rule["traffic"]
        if traffic is not None and any(item.get("any") for item in traffic):
            traffic = None
        yield Rule(
            Reason(path, word, (name,), (rule["place"],)),
            effect,
            tuple(_peer_test(p, policy["namespace"], setting) for p in rule["peers"]),
            None if traffic is None else tuple(map(_traffic_test, traffic)),
        )


def _effect(rule: Policy) -> str | Redirect:
    if rule["action"] != "allow":
        return str(rule["action"])
    parser, mode = rule["parser"], rule["authenticate"]
    if parser is None and mode is None:
        return "accept"
    name, rank = (parser, _RANKS[parser]) if parser else application.AUTHENTICATION
    return Redirect(name, 0 if mode else rank, _cannot_say, mode is not None)


def _cannot_say(packet: Packet) -> bool:
    raise LookupError(f"requests are not judged here: {packet}")


def _traffic_test(item: Policy) -> TrafficTest:
    return TrafficTest(
        f"native {item!r}",
        partial(_is_traffic, item),
        tuple(item["protocols"]),
        is_named="name" in item,
    )


def _is_traffic(item: Policy, listener: End, packet: Packet) -> bool:
    if packet.protocol not in item["protocols"]:
        return False
    if "name" in item:
        return named_port_matches(
            item["name"], tuple(item["protocols"]), listener, packet
        )
    if "port" in item:
        return bool(item["port"] <= packet.port <= item["endPort"])
    return "type" not in item or bool(packet.port == item["type"])


# ---------------------------------------------------------------- peers


def _peer_test(peer: Policy, home: str | None, setting: Setting) -> PeerTest:
    """Return the test of one end; ``home`` is the namespace of the policy."""
    cluster = setting.cluster
    return PeerTest(
        f"native {home} {peer!r}",
        lambda other: _PEERS[peer["who"]](peer, home, other, cluster),
        within=_within(peer, cluster),
    )


def _within(peer: Policy, cluster: Cluster) -> tuple[str, ...] | None:
    """Return where the addresses of a peer are; None where it is not about addresses."""
    match peer["who"]:
        case "cidr" | "address":
            return (peer["prefix"],)
        case "group":
            return tuple(t for g in cluster.groups.values() for t in _prefixes(g))
        case "service":
            return tuple(str(a) for s in cluster.services for a in s.backends)
    return None


def _pods(peer: Policy, home: str | None, other: End, _: Cluster) -> bool:
    if other.pod is None or not _are_pods(peer["terms"], other):
        return False
    own = peer["namespace"]
    if own is None and not any(map(_is_of_namespace, peer["terms"])):
        own = home
    return own in (None, other.pod.namespace)


def _is_of_namespace(term: Policy) -> bool:
    """Tell whether a term says which namespaces are meant, in whichever words."""
    key: str = term["key"]
    is_key = key == NAMESPACE or key.startswith(NAMESPACE_LABELS)
    return is_key or term["of"] != "label"


def _entity(peer: Policy, _: str | None, other: End, _cluster: Cluster) -> bool:
    reserved = {label.key for label in other.labels if label.source == "reserved"}
    match peer["name"]:
        case "all":
            return True
        case "cluster" | "cluster-mesh":
            nodes = {"host", "remote-node", "kube-apiserver"}
            return other.kind is Kind.POD or not nodes.isdisjoint(reserved)
        case name:
            return name in reserved


def _nodes(peer: Policy, _: str | None, other: End, _cluster: Cluster) -> bool:
    kinds = (Kind.REMOTE_NODE, Kind.HOST)[: 1 if peer["which"] == "remote" else 2]
    labels = other.node.labels if other.node is not None else {}
    return other.kind in kinds and all(
        holds(t["operator"], labels.get(t["key"]), t["values"]) for t in peer["terms"]
    )


def _address(peer: Policy, _: str | None, other: End, _cluster: Cluster) -> bool:
    if peer["who"] == "cidr" and other.kind is not Kind.WORLD:
        return False
    return contains(peer["prefix"], other.position) and not _is_except(peer, other)


def _is_except(peer: Policy, other: End) -> bool:
    return any(contains(text, other.position) for text in peer["except"])


def _group(peer: Policy, _: str | None, other: End, cluster: Cluster) -> bool:
    if other.kind is not Kind.WORLD or _is_except(peer, other):
        return False
    return any(
        contains(text, other.position)
        for name, group in cluster.groups.items()
        if _is_meant(peer, name, group["metadata"].get("labels") or {})
        for text in _prefixes(group)
    )


def _prefixes(group: Policy) -> list[str]:
    return group["spec"].get("externalCIDRs") or []


def _is_meant(peer: Policy, name: str, labels: dict[str, str]) -> bool:
    """Judge a group or service: by its name, or by its labels."""
    if peer["name"] is not None:
        return bool(peer["name"] == name)
    return all(
        holds(t["operator"], labels.get(t["key"]), t["values"]) for t in peer["terms"]
    )


def _service(peer: Policy, home: str | None, other: End, cluster: Cluster) -> bool:
    where = peer["namespace"] or (None if peer["any"] else home)
    return any(
        where in (None, service.namespace) and other.address in service.backends
        for service in cluster.services
        if _is_meant(peer, service.name, service.labels)
    )


_PEERS = {
    "everything": lambda *_: True,
    "entity": _entity,
    "pods": _pods,
    "labels": lambda peer, _, other, __: _all_hold(peer["terms"], other.labels),
    "nodes": _nodes,
    "cidr": _address,
    "address": _address,
    "group": _group,
    "service": _service,
    "fqdn": lambda *_: False,  # no name has been learned
}

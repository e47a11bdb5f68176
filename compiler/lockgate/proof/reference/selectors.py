"""Label selectors: those of Kubernetes, and Cilium's with label sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Selector = dict[str, Any]

NAMESPACE = "io.kubernetes.pod.namespace"
NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels."
SERVICE_ACCOUNT = "io.cilium.k8s.policy.serviceaccount"
CLUSTER = "io.cilium.k8s.policy.cluster"


@dataclass(frozen=True)
class Label:
    """One label with its source (`k8s`, `reserved`, `node`, `cidrgroup`)."""

    source: str
    key: str
    value: str


def matches(selector: Selector | None, labels: dict[str, str]) -> bool:
    """Judge a Kubernetes label selector; an empty one matches, an absent one does not."""
    if selector is None:
        return False
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    return all(
        holds(e["operator"], labels.get(e["key"]), e.get("values") or [])
        for e in selector.get("matchExpressions") or []
    )


def holds(operator: str, value: str | None, values: list[str]) -> bool:
    """Judge one requirement of a label's value; None where there is no such label."""
    match operator:
        case "In":
            return value is not None and value in values
        case "NotIn":
            return value is None or value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    raise ValueError(operator)


SOURCES = ("k8s", "reserved", "any", "cidr", "cidrgroup", "node", "container", "fqdn")


def split_key(key: str) -> tuple[str, str]:
    """Split `source:key`; without a source it is `any`."""
    if key.startswith("$"):
        return "reserved", key[1:]
    if key.startswith("reserved.") and ":" not in key:
        return "reserved", key.removeprefix("reserved.")
    source, colon, rest = key.partition(":")
    return (source, rest) if colon and source in SOURCES else ("any", key)


def find(key: str, labels: list[Label]) -> str | None:
    """Return the value of a key with an optional source, or None."""
    source, name = split_key(key)
    for label in labels:
        if label.key == name and source in ("any", label.source):
            return label.value
    return None


def cilium_matches(selector: Selector, labels: list[Label]) -> bool:
    """Judge a Cilium endpoint selector against labels with sources."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if find(key, labels) != value:
            return False
    return all(
        holds(e["operator"], find(e["key"], labels), e.get("values") or [])
        for e in selector.get("matchExpressions") or []
    )


def keys(selector: Selector) -> list[tuple[str, str]]:
    """Return every (source, key) that a selector mentions."""
    mentioned = list(selector.get("matchLabels") or {})
    mentioned += [e["key"] for e in selector.get("matchExpressions") or []]
    return [split_key(key) for key in mentioned]


def mentions_source(selector: Selector, source: str) -> bool:
    """Tell whether some key has this source."""
    return any(s == source for s, _ in keys(selector))


def mentions_namespace(selector: Selector) -> bool:
    """Tell whether the selector itself says which namespaces it means."""
    return any(
        source in ("k8s", "any")
        and (key == NAMESPACE or key.startswith(NAMESPACE_LABELS))
        for source, key in keys(selector)
    )


def is_only_negative(selector: Selector) -> bool:
    """Tell whether nothing but NotIn and DoesNotExist is asked."""
    expressions = selector.get("matchExpressions") or []
    return (
        not selector.get("matchLabels")
        and bool(expressions)
        and all(e["operator"] in ("NotIn", "DoesNotExist") for e in expressions)
    )

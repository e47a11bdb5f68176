"""Selectors and prefixes as objects of Kubernetes and Cilium write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lockgate.ir.labels import (
    CLUSTER,
    NAMESPACE,
    NAMESPACE_LABELS,
    Operator,
    Requirement,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

Object = dict[str, Any]
POD_SOURCES = ("any", "k8s")
ANY_NAMESPACE = Requirement("k8s", NAMESPACE, Operator.EXISTS)


def label_selector(pairs: Iterable[tuple[str, Requirement]]) -> Object:
    """Return ``matchLabels`` and ``matchExpressions`` for keys and what they require."""
    labels: dict[str, str] = {}
    expressions: list[Object] = []
    for key, r in sorted(pairs, key=lambda pair: (pair[0], str(pair[1]))):
        if r.operator is Operator.IN and len(r.values) == 1 and key not in labels:
            labels[key] = r.values[0]
            continue
        expression: Object = {"key": key, "operator": r.operator.value}
        if r.values:
            expression["values"] = list(r.values)
        expressions.append(expression)
    selector: Object = {}
    if labels:
        selector["matchLabels"] = labels
    if expressions:
        selector["matchExpressions"] = expressions
    return selector


def cilium_key(r: Requirement) -> str:
    """Return a key with its source, where one was given."""
    return r.key if r.source == "any" else f"{r.source}:{r.key}"


def own_cluster(cluster: str) -> Requirement:
    """Return what a selector says that means this cluster."""
    return Requirement("k8s", CLUSTER, Operator.IN, (cluster,))


def is_of_namespace(r: Requirement) -> bool:
    """Whether a requirement is about the namespace of a pod, or its labels."""
    is_named = r.key == NAMESPACE or r.key.startswith(NAMESPACE_LABELS)
    return is_named and r.source in POD_SOURCES


def split_kubernetes(
    requirements: Iterable[Requirement], own: str | None, cluster: str
) -> tuple[Object | None, Object] | None:
    """Return ``namespaceSelector`` (None: the policy's own) and ``podSelector``.

    None where Kubernetes' selectors cannot say it: a label of another source, a namespace by
    its name.
    """
    namespaces, pods = [], []
    is_own = is_any = False
    for r in set(requirements) - {own_cluster(cluster)}:
        if r.source not in POD_SOURCES or r.key.startswith("io.cilium.k8s.policy."):
            return None
        if r == ANY_NAMESPACE:
            is_any = True
        elif r.key == NAMESPACE:
            if own is None or (r.operator, r.values) != (Operator.IN, (own,)):
                return None
            is_own = True
        elif r.key.startswith(NAMESPACE_LABELS):
            namespaces.append((r.key.removeprefix(NAMESPACE_LABELS), r))
        else:
            pods.append((r.key, r))
    if is_own and namespaces:
        return None
    if not (is_own or is_any or namespaces):
        return None
    where = None if is_own else label_selector(namespaces)
    return where, label_selector(pods)

"""What Cilium adds to selectors: namespace, cluster, and the sources of node labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics, quote
from lockgate.frontend.schema import Mapping, Scalar
from lockgate.frontend.selectors import make_selector, parse_label_selector
from lockgate.ir.labels import (
    CLUSTER,
    NAMESPACE,
    NAMESPACE_LABELS,
    Operator,
    Requirement,
    Selector,
)

if TYPE_CHECKING:
    from lockgate.frontend.schema import Node

_POD_SOURCES = ("any", "k8s")


@dataclass(frozen=True, slots=True)
class Home:
    """Where a policy lives, which decides what its selectors leave unsaid.

    ``namespace`` is empty for cluster-wide policies.  ``selects_init``: its subject is the
    endpoints that are starting, which have no namespace yet.
    """

    namespace: str
    cluster: str
    selects_init: bool = False


def parse_subject(
    node: Node, namespace: str, diagnostics: Diagnostics
) -> Selector | None:
    """Return ``endpointSelector`` with the policy's own namespace, if it has one.

    As Cilium does (ParseToCiliumRule), a namespace under ``k8s:`` in ``matchLabels`` is
    overwritten; one that is written otherwise stays beside the policy's own.
    """
    selector = parse_label_selector(node, diagnostics, what="endpointSelector")
    if selector is None or not namespace:
        return selector
    own = Requirement("k8s", NAMESPACE, Operator.IN, (namespace,))
    overwritten = _overwrite(node, namespace, diagnostics)
    kept = {r for r in selector.requirements if r != overwritten}
    for requirement in kept:
        if _names_pod(requirement, NAMESPACE) and not _admits(requirement, namespace):
            message = f"this policy selects nothing: it is in namespace '{namespace}'"
            cure = f"take away the requirement {quote(requirement)}"
            diagnostics.warning("W1048", message, node.span, help=cure)
    return make_selector({*kept, own})


def selects_init(subject: Selector) -> bool:
    """Whether a subject asks for endpoints that are starting (``reserved:init``)."""
    return any(r.source == "reserved" and r.key == "init" for r in subject.requirements)


def parse_endpoints(
    node: Node, home: Home, diagnostics: Diagnostics
) -> Selector | None:
    """Return one selector of ``fromEndpoints`` or ``toEndpoints``, with its defaults.

    A ``reserved:`` key leaves it as written.  Else the policy's namespace is meant unless
    a namespace or its labels are named (cluster-wide: any namespace), and this cluster
    unless one is named (Cilium 1.18, ``policy-default-local-cluster``).
    """
    selector = parse_label_selector(node, diagnostics, what="EndpointSelector")
    if selector is None or any(r.source == "reserved" for r in selector.requirements):
        return selector
    requirements = set(selector.requirements)
    if not _names(requirements, NAMESPACE):
        if home.namespace:
            if not _names_namespace_labels(requirements):
                values = (home.namespace,)
                requirements.add(Requirement("k8s", NAMESPACE, Operator.IN, values))
        elif not home.selects_init:
            requirements.add(Requirement("k8s", NAMESPACE, Operator.EXISTS))
    if not _names(requirements, CLUSTER):
        values = (home.cluster,)
        requirements.add(Requirement("k8s", CLUSTER, Operator.IN, values))
    return make_selector(requirements)


def parse_nodes(node: Node, diagnostics: Diagnostics) -> Selector | None:
    """Return one selector of ``fromNodes`` or ``toNodes``: remote nodes by their labels."""
    selector = parse_label_selector(node, diagnostics, what="NodeSelector")
    if selector is None:
        return None
    remote = Requirement("reserved", "remote-node", Operator.EXISTS)
    return make_selector({*with_source(selector, "node").requirements, remote})


def with_source(selector: Selector, source: str, *, of_all: bool = False) -> Selector:
    """Return the selector with ``source`` where none was written, or everywhere."""
    return make_selector(
        {
            Requirement(source, r.key, r.operator, r.values)
            if of_all or r.source == "any"
            else r
            for r in selector.requirements
        }
    )


def _names_pod(requirement: Requirement, key: str) -> bool:
    return requirement.key == key and requirement.source in _POD_SOURCES


def _names(requirements: set[Requirement], key: str) -> bool:
    return any(_names_pod(r, key) for r in requirements)


def _names_namespace_labels(requirements: set[Requirement]) -> bool:
    return any(
        r.key.startswith(NAMESPACE_LABELS) and r.source in _POD_SOURCES
        for r in requirements
    )


def _admits(requirement: Requirement, namespace: str) -> bool:
    is_among = namespace in requirement.values
    match requirement.operator:
        case Operator.IN:
            return is_among
        case Operator.NOT_IN:
            return not is_among
        case Operator.EXISTS:
            return True
        case Operator.DOES_NOT_EXIST:
            return False


def _overwrite(
    node: Node, namespace: str, diagnostics: Diagnostics
) -> Requirement | None:
    """Return the requirement that the policy's namespace replaces, and say so."""
    labels = node.get("matchLabels") if isinstance(node, Mapping) else None
    value = labels.get(f"k8s:{NAMESPACE}") if isinstance(labels, Mapping) else None
    if not isinstance(value, Scalar) or value.text == namespace:
        return None
    message = (
        f"a policy selects in its own namespace, '{namespace}': this is overwritten"
    )
    cure = f"put the policy into namespace {quote(value.text)}, or take this line away"
    diagnostics.warning("W1041", message, value.span, help=cure)
    return Requirement("k8s", NAMESPACE, Operator.IN, (value.text,))

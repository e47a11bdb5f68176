"""Selectors of the Kubernetes kinds: of pods, and of namespaces by their labels.

Both become requirements on one label set, the pod's (see ``ir/labels.py``); a namespace's
labels stand in it under a prefix of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.frontend.schema import Fields
from lockgate.frontend.selectors import make_selector, parse_label_selector
from lockgate.ir.labels import NAMESPACE, NAMESPACE_LABELS, Operator, Requirement

if TYPE_CHECKING:
    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.schema import Node
    from lockgate.ir.labels import Selector

ANY_NAMESPACE = Requirement("k8s", NAMESPACE, Operator.EXISTS)
"""Being a pod: nodes and the world have no namespace."""

_NEGATIVE = frozenset({Operator.NOT_IN, Operator.DOES_NOT_EXIST})


def in_namespace(name: str) -> Requirement:
    """Require one namespace."""
    return Requirement("k8s", NAMESPACE, Operator.IN, (name,))


def parse_pods(node: Node, diagnostics: Diagnostics) -> set[Requirement] | None:
    """Return the requirements of a selector on pods' own labels."""
    what = "podSelector"
    selector = parse_label_selector(node, diagnostics, default_source="k8s", what=what)
    return None if selector is None else set(selector.requirements)


def parse_namespaces(
    node: Node, diagnostics: Diagnostics, what: str = "namespaceSelector"
) -> set[Requirement] | None:
    """Return the requirements of a selector on namespaces' labels; ``{}`` is any."""
    selector = parse_label_selector(
        node,
        diagnostics,
        default_source="k8s",
        key_prefix=NAMESPACE_LABELS,
        what=what,
    )
    if selector is None:
        return None
    return set(selector.requirements) or {ANY_NAMESPACE}


def parse_namespaced_pods(
    node: Node, diagnostics: Diagnostics
) -> set[Requirement] | None:
    """Return the requirements of ClusterNetworkPolicy's NamespacedPod: both selectors."""
    known = ("namespaceSelector", "podSelector")
    fields = Fields(node, "NamespacedPod", diagnostics, known=known)
    pods, namespaces = fields.require("podSelector"), fields.get("namespaceSelector")
    wanted = None if pods is None else parse_pods(pods, diagnostics)
    where: set[Requirement] | None = {ANY_NAMESPACE}
    if namespaces is not None:
        where = parse_namespaces(namespaces, diagnostics)
    return None if wanted is None or where is None else wanted | where


def is_negative(requirements: set[Requirement]) -> bool:
    """Whether they only say what must not be, which nodes and the world satisfy too."""
    return all(r.operator in _NEGATIVE for r in requirements)


def select(requirements: set[Requirement]) -> Selector:
    """Return the selector; a negative one matches pods only, too."""
    if is_negative(requirements):
        requirements = requirements | {ANY_NAMESPACE}
    return make_selector(requirements)

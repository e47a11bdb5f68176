"""Labels, and the selectors that match sets of them.

A label has a source, as in Cilium: ``k8s`` (pods), ``reserved`` (host, world, ...),
``cidr``, ``cidrgroup``, ``node``, ``container``, ``fqdn``.  What Kubernetes keeps in
other objects is a label too, so that one selector language serves every kind:

- ``k8s:io.kubernetes.pod.namespace=NAME``: the pod's namespace;
- ``k8s:io.cilium.k8s.namespace.labels.KEY=VALUE``: each label of that namespace;
- ``k8s:io.cilium.k8s.policy.serviceaccount=NAME``, ``k8s:io.cilium.k8s.policy.cluster=NAME``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

NAMESPACE = "io.kubernetes.pod.namespace"
NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels."
SERVICE_ACCOUNT = "io.cilium.k8s.policy.serviceaccount"
CLUSTER = "io.cilium.k8s.policy.cluster"


class Label(NamedTuple):
    """One label, ``source:key=value``."""

    source: str
    key: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.source}:{self.key}" + (f"={self.value}" if self.value else "")


Labels = tuple[Label, ...]
"""A label set: sorted, without duplicates of (source, key)."""


class Operator(Enum):
    """What a requirement asks of a key; spelled as in ``matchExpressions``."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One term of a selector.

    ``source`` is ``any`` where the policy gave no prefix; ``any`` matches every source.
    ``NOT_IN`` and ``DOES_NOT_EXIST`` hold where the key is absent.
    """

    source: str
    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def holds(self, labels: Labels) -> bool:
        """Whether this is true of a label set."""
        values = {
            label.value
            for label in labels
            if label.key == self.key and self.source in ("any", label.source)
        }
        match self.operator:
            case Operator.EXISTS:
                return bool(values)
            case Operator.DOES_NOT_EXIST:
                return not values
            case Operator.IN:
                return not values.isdisjoint(self.values)
            case Operator.NOT_IN:
                return values.isdisjoint(self.values)

    def __str__(self) -> str:
        key = self.key if self.source == "any" else f"{self.source}:{self.key}"
        match self.operator:
            case Operator.EXISTS:
                return key
            case Operator.DOES_NOT_EXIST:
                return f"!{key}"
            case Operator.IN if len(self.values) == 1:
                return f"{key}={self.values[0]}"
            case Operator.IN:
                return f"{key} in ({', '.join(self.values)})"
            case Operator.NOT_IN:
                return f"{key} notin ({', '.join(self.values)})"


@dataclass(frozen=True, slots=True)
class Selector:
    """All requirements must hold; no requirement matches every label set.

    Equality and hash ignore nothing: two selectors are equal when they have equal
    requirements, so a pass can resolve each distinct selector once.  Requirements are
    sorted by the front end.
    """

    requirements: tuple[Requirement, ...] = ()

    def selects(self, labels: Labels) -> bool:
        """Whether all requirements hold of a label set."""
        return all(requirement.holds(labels) for requirement in self.requirements)

    def __str__(self) -> str:
        return " & ".join(map(str, self.requirements)) or "*"

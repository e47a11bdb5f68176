"""Whom a policy or a selector concerns: pods, containers, the host's own processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.frontend.schema import Mapping
from lockgate.frontend.selectors import parse_label_selector
from lockgate.ir.labels import Selector
from lockgate.ir.tracing_selectors import WorkloadMatch

if TYPE_CHECKING:
    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.schema import Fields

WORKLOAD_FIELDS = ("containerSelector", "hostSelector", "podSelector")
_CONTAINER_KEYS = frozenset({"name", "repo"})
"""Fields of a container that can be asked for; see ContainerSelectorTags upstream."""


def parse_workloads(fields: Fields, diagnostics: Diagnostics) -> WorkloadMatch:
    """Return what the three selectors of a mapping say together.

    Pods without containers are all of their containers, containers without pods those of
    all pods.  All three empty (``{}``) is everything, as is none of them.
    """
    pods = _parse_labels(fields, "podSelector", diagnostics)
    containers = _parse_labels(fields, "containerSelector", diagnostics)
    _check_container_keys(fields, containers, diagnostics)
    host = _parse_host(fields, diagnostics)
    if pods is not None and containers is None:
        containers = Selector()
    if containers is not None and pods is None:
        pods = Selector()
    if host and pods == Selector() and containers == Selector():
        return WorkloadMatch()
    return WorkloadMatch(pods, containers, host)


def _parse_labels(
    fields: Fields, name: str, diagnostics: Diagnostics
) -> Selector | None:
    node = fields.get(name)
    if node is None:
        return None
    # A container's fields are asked for as if they were labels.
    return parse_label_selector(
        node,
        diagnostics,
        default_source="k8s",
        is_of_fields=name == "containerSelector",
    )


def _check_container_keys(
    fields: Fields, containers: Selector | None, diagnostics: Diagnostics
) -> None:
    for requirement in containers.requirements if containers else ():
        if requirement.key not in _CONTAINER_KEYS:
            message = f"a container has no field '{requirement.key}' to select by"
            cure = f"its fields are {' and '.join(sorted(_CONTAINER_KEYS))}"
            span = fields.span("containerSelector")
            diagnostics.error("E1111", message, span, help=cure)


def _parse_host(fields: Fields, diagnostics: Diagnostics) -> bool:
    node = fields.get("hostSelector")
    if node is None:
        return False
    if not isinstance(node, Mapping) or node.entries:
        message = "'hostSelector' is either {} (the host's own processes) or absent"
        cure = "to choose nodes, write 'nodeSelector'"
        diagnostics.error("E1111", message, node.span, help=cure)
    return True

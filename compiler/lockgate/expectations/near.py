"""Guess what somebody meant whose set has no members."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.diagnostics import did_you_mean
from lockgate.ir.labels import Operator
from lockgate.language import ast

if TYPE_CHECKING:
    from lockgate.expectations.places import Population


def near_names(end: ast.End, population: Population) -> str | None:
    """Return a question such as ``did you mean 'shop'?`` for the first name that is off."""
    cluster = population.cluster
    match end:
        case ast.Pod():
            key = f"{end.namespace.text}/{end.name.text}"
            pods = {pod.key for pod in cluster.endpoints} | {*population.host_pods}
            return did_you_mean(key, sorted(pods))
        case ast.Node():
            return did_you_mean(end.name.text, [node.name for node in cluster.nodes])
        case ast.Selection():
            return _near_selection(end, population)
    return None


def _near_selection(end: ast.Selection, population: Population) -> str | None:
    cluster = population.cluster
    namespaces = {pod.namespace for pod in cluster.endpoints}
    if end.namespace is not None and end.namespace.text not in namespaces:
        return did_you_mean(end.namespace.text, sorted(namespaces))
    for term in end.terms:
        if term.subject is not ast.Subject.LABEL or term.operator is not Operator.IN:
            continue
        labels = [
            label
            for pod in cluster.endpoints
            for label in pod.labels
            if label.source == "k8s"
        ]
        values = sorted({label.value for label in labels if label.key == term.key})
        if not values:
            return did_you_mean(term.key, sorted({label.key for label in labels}))
        if not set(values) & set(term.values):
            return did_you_mean(term.values[0], values)
    return None

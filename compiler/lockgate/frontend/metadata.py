"""What every Kubernetes object begins with: name, namespace, labels, annotations."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics, quote
from lockgate.frontend.schema import Fields, read_string

if TYPE_CHECKING:
    from lockgate.options import Options
    from lockgate.source import Span

METADATA_FIELDS = frozenset(
    {
        "annotations",
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "generateName",
        "generation",
        "labels",
        "managedFields",
        "name",
        "namespace",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
"""ObjectMeta of k8s.io/apimachinery."""

LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
SUBDOMAIN = re.compile(r"[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?")
"""Names as DNS labels (namespaces) and, without two dots in a row, as DNS names."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a kind's parse function knows besides the object itself."""

    options: Options
    api_version: str
    kind: str


@dataclass(frozen=True, slots=True)
class Metadata:
    """The part of ``metadata`` that means something; ``span`` is the name's.

    ``namespace`` is empty for cluster-wide kinds, and ``default`` where none is given.
    """

    name: str
    namespace: str
    span: Span
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)

    def annotation_is_true(self, name: str) -> bool:
        """Whether an annotation says "true"."""
        return self.annotations.get(name) == "true"


def read_metadata(
    fields: Fields, diagnostics: Diagnostics, *, is_namespaced: bool
) -> Metadata:
    """Read ``metadata`` of an object.

    Where it has no usable name that is an error, and the name is empty: the rest of the
    object is read all the same, so that all its mistakes are shown.
    """
    metadata = fields.fields(
        "metadata", "ObjectMeta", known=METADATA_FIELDS, required=True
    )
    if metadata is None:
        return Metadata("", "default" if is_namespaced else "", fields.node.span)
    name = metadata.string("name", required=True)
    if name is not None and not (SUBDOMAIN.fullmatch(name) and ".." not in name):
        _bad_name(name, metadata.span("name"), diagnostics)
    namespace = metadata.string("namespace")
    if namespace is not None and not LABEL.fullmatch(namespace):
        _bad_name(namespace, metadata.span("namespace"), diagnostics)
    if namespace is not None and not is_namespaced:
        kind = fields.string("kind") or "this kind"
        message = f"{kind} is cluster-wide and has no namespace"
        diagnostics.error("E1017", message, metadata.span("namespace"))
    return Metadata(
        name or "",
        (namespace or "default") if is_namespaced else "",
        metadata.span("name"),
        _read_strings(metadata, "labels", diagnostics),
        _read_strings(metadata, "annotations", diagnostics),
    )


def _bad_name(name: str, span: Span, diagnostics: Diagnostics) -> None:
    message = f"{quote(name)} is not a name that Kubernetes allows"
    cure = "lower-case letters, digits, '-' (and '.' in names), beginning and ending "
    diagnostics.error("E1017", message, span, help=cure + "with a letter or digit")


def _read_strings(
    metadata: Fields, name: str, diagnostics: Diagnostics
) -> dict[str, str]:
    mapping = metadata.mapping(name)
    if mapping is None:
        return {}
    found = {}
    for key, value in mapping:
        what = f"{name[:-1]} {quote(key.text)}"
        text = "" if value.is_null else read_string(value, what, diagnostics)
        if text is not None:
            found[key.text] = text
    return found

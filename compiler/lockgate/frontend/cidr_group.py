"""CiliumCIDRGroup, cilium.io/v2 and v2alpha1: prefixes with a name and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.frontend.cidr import parse_prefixes
from lockgate.frontend.metadata import read_metadata
from lockgate.frontend.schema import Fields
from lockgate.ir.cluster import CidrGroup
from lockgate.ir.labels import Label

if TYPE_CHECKING:
    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.metadata import Context
    from lockgate.frontend.schema import Node

_OBJECT_FIELDS = ("apiVersion", "kind", "metadata", "spec", "status")


def parse(node: Node, context: Context, diagnostics: Diagnostics) -> CidrGroup | None:
    """Return the group; None where it is mistaken."""
    fields = Fields(node, context.kind, diagnostics, known=_OBJECT_FIELDS)
    metadata = read_metadata(fields, diagnostics, is_namespaced=False)
    known = ("externalCIDRs",)
    spec = fields.fields("spec", "CiliumCIDRGroupSpec", known=known, required=True)
    if spec is None:
        return None
    spec.sequence("externalCIDRs", required=True)
    networks = parse_prefixes(spec.strings("externalCIDRs"), diagnostics)
    labels = tuple(Label("k8s", *pair) for pair in sorted(metadata.labels.items()))
    return CidrGroup(metadata.name, labels, networks, metadata.span)

"""Policies as text in tests: read, and told apart by kind."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.kinds import LOCATED
from lockgate.frontend.metadata import Context
from lockgate.frontend.nodes import Mapping, Node, Scalar
from lockgate.frontend.yaml_reader import read_yaml
from lockgate.ir.policy import Policy
from lockgate.options import Options
from lockgate.source import Source

if TYPE_CHECKING:
    from lockgate.ir.cluster import CidrGroup

PARSERS = {key: parse for key, parse in LOCATED.items() if key[1] != "Endpoint"}
"""The kinds that these tests are about."""


def kind_of(node: Node) -> tuple[str, str]:
    """Return (apiVersion, kind); empty strings where they are missing."""
    values = (
        node.get(name) if isinstance(node, Mapping) else None
        for name in ("apiVersion", "kind")
    )
    version, kind = (v.text if isinstance(v, Scalar) else "" for v in values)
    return version, kind


def parse_nodes(
    nodes: list[Node], options: Options, diagnostics: Diagnostics
) -> list[Policy | CidrGroup]:
    """Return the values of all nodes of our kinds."""
    found: list[Policy | CidrGroup] = []
    for node in nodes:
        key = kind_of(node)
        if key in PARSERS:
            value = PARSERS[key](node, Context(options, *key), diagnostics)
            found += value if isinstance(value, tuple) else [value]  # type: ignore[list-item]  # a group, or None for a mistake
    return found


def read_policies(
    text: str, options: Options | None = None
) -> tuple[list[Policy], Diagnostics]:
    """Return the policies of a text, and everything that was found to say of them."""
    diagnostics = Diagnostics()
    nodes = read_yaml(Source("policy.yaml", dedent(text)), diagnostics)
    values = parse_nodes(nodes, options or Options(), diagnostics)
    return [value for value in values if isinstance(value, Policy)], diagnostics


def read_one(text: str, options: Options | None = None) -> Policy:
    """Return the one policy of a text that is without mistake."""
    policies, diagnostics = read_policies(text, options)
    assert diagnostics.ok, diagnostics.found
    (policy,) = policies
    return policy


def codes(text: str, options: Options | None = None) -> list[str]:
    """Return what is found to say of a text: ``CODE line:column``."""
    found = read_policies(text, options)[1].found
    return [
        f"{d.code} {d.span.line}:{d.span.column}" if d.span else d.code for d in found
    ]


def words(text: str, options: Options | None = None) -> list[str]:
    """Return what is found to say of a text: ``CODE underlined words``."""
    found = read_policies(text, options)[1].found
    spans = [(d.code, d.span) for d in found if d.span is not None]
    return [f"{code} {s.source.text[s.start : s.end]}" for code, s in spans]


def cilium(rules: str, *, selector: str = "{}", namespace: str = "shop") -> str:
    """Return a CiliumNetworkPolicy; cluster-wide where the namespace is empty."""
    kind = "CiliumNetworkPolicy" if namespace else "CiliumClusterwideNetworkPolicy"
    where = f", namespace: {namespace}" if namespace else ""
    return (
        f"apiVersion: cilium.io/v2\nkind: {kind}\nmetadata: {{name: web{where}}}\n"
        f"spec:\n  endpointSelector: {selector}\n" + _indented(rules)
    )


def kubernetes(rules: str, *, namespace: str = "shop") -> str:
    """Return a NetworkPolicy."""
    return (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
        f"metadata: {{name: web, namespace: {namespace}}}\n"
        "spec:\n" + _indented(rules)
    )


def cluster(rules: str, *, tier: str = "Admin", priority: int = 10) -> str:
    """Return a ClusterNetworkPolicy."""
    return (
        "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n"
        f"metadata: {{name: web}}\nspec:\n  tier: {tier}\n  priority: {priority}\n"
        + _indented(rules)
    )


def _indented(rules: str) -> str:
    return "".join(f"  {line}\n" for line in dedent(rules).strip("\n").split("\n"))

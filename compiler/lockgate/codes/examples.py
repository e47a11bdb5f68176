"""The documents that explanations of policy codes show."""

from __future__ import annotations


def cilium_example(
    rules: str, *, kind: str = "CiliumNetworkPolicy", subject: str = ""
) -> str:
    """Return an example: a policy of Cilium's kinds with these lines in its spec."""
    indented = "".join(f"  {line}\n" for line in rules.strip("\n").split("\n"))
    return (
        f"apiVersion: cilium.io/v2\nkind: {kind}\nmetadata: {{name: example}}\nspec:\n"
        f"{subject or '  endpointSelector: {}'}\n{indented}"
    )


def kubernetes_example(rules: str) -> str:
    """Return an example: a NetworkPolicy with these lines in its spec."""
    indented = "".join(f"  {line}\n" for line in rules.strip("\n").split("\n"))
    return (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
        f"metadata: {{name: example}}\nspec:\n{indented}"
    )


def cluster_example(
    rules: str, *, spec: str = "  tier: Admin\n  priority: 10\n"
) -> str:
    """Return an example: a ClusterNetworkPolicy with these lines in its spec."""
    indented = "".join(f"  {line}\n" for line in rules.strip("\n").split("\n"))
    return (
        "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n"
        f"metadata: {{name: example}}\nspec:\n{spec}  subject: {{namespaces: {{}}}}\n"
        f"{indented}"
    )

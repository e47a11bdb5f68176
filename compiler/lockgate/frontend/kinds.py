"""Which kinds are read, by whom; which are passed over; which are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lockgate.diagnostics import did_you_mean, quote
from lockgate.frontend import (
    cidr_group,
    cilium_policy,
    cluster_network_policy,
    endpoint,
    network_policy,
    snapshot,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.facts import Facts
    from lockgate.frontend.metadata import Context
    from lockgate.frontend.nodes import Node
    from lockgate.ir.tracing import TracingPolicy

    LocatedParser = Callable[[Node, Context, Diagnostics], object]
    SnapshotParser = Callable[[dict[str, Any]], Facts]


def _parse_tracing_policy(
    node: Node, context: Context, diagnostics: Diagnostics
) -> TracingPolicy | None:
    """Import what reads tracing policies only where there is one: it takes its time."""
    from lockgate.frontend.tracing.policy import parse

    return parse(node, context, diagnostics)


LOCATED: dict[tuple[str, str], LocatedParser] = {
    ("cilium.io/v2", "CiliumCIDRGroup"): cidr_group.parse,
    ("cilium.io/v2", "CiliumClusterwideNetworkPolicy"): cilium_policy.parse,
    ("cilium.io/v2", "CiliumNetworkPolicy"): cilium_policy.parse,
    ("cilium.io/v2alpha1", "CiliumCIDRGroup"): cidr_group.parse,
    ("cilium.io/v1alpha1", "TracingPolicy"): _parse_tracing_policy,
    ("cilium.io/v1alpha1", "TracingPolicyNamespaced"): _parse_tracing_policy,
    ("lockgate.dev/v1", "Endpoint"): endpoint.parse,
    ("networking.k8s.io/v1", "NetworkPolicy"): network_policy.parse,
    (
        "policy.networking.k8s.io/v1alpha2",
        "ClusterNetworkPolicy",
    ): cluster_network_policy.parse,
}
"""Kinds that people write: read with positions.  A parser returns a value, a tuple of
values, or None."""

SNAPSHOT: dict[tuple[str, str], SnapshotParser] = {
    ("discovery.k8s.io/v1", "EndpointSlice"): snapshot.parse_endpoint_slice,
    ("v1", "Namespace"): snapshot.parse_namespace,
    ("v1", "Node"): snapshot.parse_node,
    ("v1", "Pod"): snapshot.parse_pod,
    ("v1", "Service"): snapshot.parse_service,
}
"""Kinds that the API server prints: read fast, positions only on a mistake."""

CLUSTER_WIDE = frozenset(
    {
        "CiliumCIDRGroup",
        "CiliumClusterwideNetworkPolicy",
        "ClusterNetworkPolicy",
        "Namespace",
        "Node",
        "TracingPolicy",
    }
)

PASSED_OVER = {
    "": "Binding ComponentStatus ConfigMap Endpoints Event LimitRange PersistentVolume "
    "PersistentVolumeClaim PodTemplate ReplicationController ResourceQuota Secret "
    "ServiceAccount Status",
    "cilium.io": "CiliumBGPAdvertisement CiliumBGPClusterConfig CiliumBGPNodeConfig "
    "CiliumBGPNodeConfigOverride CiliumBGPPeerConfig CiliumBGPPeeringPolicy "
    "CiliumClusterwideEnvoyConfig CiliumEgressGatewayPolicy CiliumEndpoint "
    "CiliumEndpointSlice CiliumEnvoyConfig CiliumExternalWorkload "
    "CiliumGatewayClassConfig CiliumIdentity CiliumL2AnnouncementPolicy "
    "CiliumLoadBalancerIPPool CiliumLocalRedirectPolicy CiliumNode CiliumNodeConfig "
    "CiliumPodIPPool CiliumVtepConfig",
    "discovery.k8s.io": "",
    "lockgate.dev": "",
    "networking.k8s.io": "IPAddress Ingress IngressClass ServiceCIDR",
    "policy.networking.k8s.io": "",
}
"""The API groups that we read, each with its kinds that decide no verdict."""

_PASSED_OVER = {group: frozenset(kinds.split()) for group, kinds in PASSED_OVER.items()}

_SUCCESSORS = {
    "AdminNetworkPolicy": "write it as ClusterNetworkPolicy (v1alpha2) with tier: Admin",
    "BaselineAdminNetworkPolicy": (
        "write it as ClusterNetworkPolicy (v1alpha2) with tier: Baseline"
    ),
}
_POLICIES_ELSEWHERE = {("extensions", "NetworkPolicy")}
"""Policies whose group is no longer served: passing them over would open what they close."""


def split_version(api_version: str) -> tuple[str, str]:
    """Split ``group/version``; the core group is the empty one."""
    group, _, version = api_version.rpartition("/")
    return group, version


def is_passed_over(api_version: str, kind: str) -> bool:
    """Whether objects of this kind are no business of a policy compiler."""
    group, _ = split_version(api_version)
    if (group, kind) in _POLICIES_ELSEWHERE:
        return False
    return group not in _PASSED_OVER or kind in _PASSED_OVER[group]


def describe_unknown(api_version: str, kind: str) -> tuple[str, str | None]:
    """Return the message and the cure for a kind of our groups that we do not read."""
    ours = [key for key in (*LOCATED, *SNAPSHOT) if key[1] == kind]
    if ours:
        versions = " or ".join(sorted(version for version, _ in ours))
        message = f"{kind} is not read in version {quote(api_version)}"
        return message, f"its apiVersion is {versions}"
    if kind in _SUCCESSORS:
        return f"{kind} is not read any more", _SUCCESSORS[kind]
    message = f"unknown kind {quote(kind)} in {quote(api_version)}"
    group, _ = split_version(api_version)
    known = {name for version, name in (*LOCATED, *SNAPSHOT)} | _PASSED_OVER.get(
        group, frozenset()
    )
    return message, did_you_mean(kind, known)

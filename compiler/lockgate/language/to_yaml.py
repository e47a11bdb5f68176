"""Policies of the IR to objects of Kubernetes and Cilium: the kind that fits.

Policies without tiers become Cilium's kinds, or NetworkPolicy where that is wished and enough, or
where only that has the words (prefixes that pods are in); those of the admin and baseline
tiers become ClusterNetworkPolicy.  What a kind has no words for is refused where it stands.
Whoever writes the text reads it again and compares (``conversion.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.audit import AUDIT
from lockgate.ir.policy import SubjectKind, Tier
from lockgate.language.to_cilium import cilium_object
from lockgate.language.to_kubernetes import cluster_object, network_object

if TYPE_CHECKING:
    from lockgate.ir.cluster import CidrGroup
    from lockgate.ir.policy import Policy

Object = dict[str, Any]


def policy_object(
    policy: Policy,
    name: str,
    cluster: str,
    diagnostics: Diagnostics,
    *,
    prefers_kubernetes: bool,
) -> Object | None:
    """Return the object of a policy; None where no kind can say it, which is told."""
    if policy.tier is not Tier.NORMAL:
        return _audited(cluster_object(policy, name, cluster, diagnostics), policy)
    attempts = [cilium_object, network_object]
    if prefers_kubernetes:
        attempts.reverse()
    if not policy.namespace or policy.subject_kind is SubjectKind.HOST:
        attempts = [cilium_object]
    first = None
    for attempt in attempts:
        faults = Diagnostics()
        made = attempt(policy, name, cluster, faults)
        if faults.ok:
            return _audited(made, policy)
        first = first or faults
    if prefers_kubernetes and first is not None and len(attempts) > 1:
        first = faults
    diagnostics.found += first.found if first else []
    return None


def group_object(group: CidrGroup) -> Object:
    """Return the object of a CIDR group."""
    metadata: Object = {"name": group.name}
    if group.labels:
        metadata["labels"] = {label.key: label.value for label in group.labels}
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumCIDRGroup",
        "metadata": metadata,
        "spec": {"externalCIDRs": [str(network) for network in group.networks]},
    }


def _audited(made: Object | None, policy: Policy) -> Object | None:
    if made is not None and policy.is_audited:
        made["metadata"]["annotations"] = {AUDIT: "true"}
    return made

"""The name service of a cluster: who it is, and how a policy lets pods ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lockgate.ir.policy import Protocol

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from lockgate.ir.cluster import Cluster

SYSTEM = "kube-system"
"""The namespace of the name service."""

DNS = 53
_NODE_LOCAL = "node-local-dns"


class Target(NamedTuple):
    """One address and port at which names are answered."""

    address: IPv4Address | IPv6Address
    port: int


class NameService(NamedTuple):
    """The service by name, and what stands behind it; no targets where it is not known."""

    name: str
    targets: tuple[Target, ...]

    @property
    def door(self) -> str:
        """What would have to be allowed: traffic is judged behind the service."""
        port = self.targets[0].port
        behind = "" if port == DNS else f", the port behind {DNS} of the service"
        return f"UDP {port} to {self.name}{behind}"


def find_name_service(cluster: Cluster) -> NameService:
    """Return the name service of a snapshot.

    Where a cache on each node answers, none is known: no policy of pods cuts that.
    """
    if any(pod.name.startswith(_NODE_LOCAL) for pod in cluster.host_pods):
        return NameService("", ())
    for service in cluster.services:
        if service.namespace != SYSTEM or "dns" not in service.name:
            continue
        targets = tuple(
            Target(backend.address, backend.port)
            for port in service.ports
            if port.port == DNS and port.protocol is Protocol.UDP
            for backend in port.backends
        )
        if targets:
            return NameService(service.key, targets)
    targets = tuple(
        Target(address, DNS)
        for endpoint in cluster.endpoints
        if endpoint.namespace == SYSTEM
        and any(x.key == "k8s-app" and x.value == "kube-dns" for x in endpoint.labels)
        for address in endpoint.addresses
    )
    return NameService("kube-dns", targets)


def cure(kind: str) -> str:
    """Return the rule that lets pods ask, in the words of a kind of policy."""
    return _CURES.get(kind, _CURES["NetworkPolicy"])


_CURES = {
    "NetworkPolicy": (
        "egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "
        "kube-system}}, podSelector: {matchLabels: {k8s-app: kube-dns}}}], "
        "ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]}]"
    ),
    "CiliumNetworkPolicy": (
        "egress: [{toEndpoints: [{matchLabels: {k8s:io.kubernetes.pod.namespace: "
        'kube-system, k8s-app: kube-dns}}], toPorts: [{ports: [{port: "53"}]}]}]'
    ),
}
_CURES["Policy"] = "allow out to kube-system:k8s-app=kube-dns on udp/53, tcp/53"
_CURES["CiliumClusterwideNetworkPolicy"] = _CURES["CiliumNetworkPolicy"]

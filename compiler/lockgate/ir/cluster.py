"""The cluster snapshot: who has which address and which labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    from lockgate.ir.labels import Labels
    from lockgate.ir.policy import Protocol
    from lockgate.source import Span


class NamedPort(NamedTuple):
    """A named container port."""

    name: str
    protocol: Protocol
    port: int


@dataclass(frozen=True, slots=True)
class Attachment:
    """Where an endpoint meets the kernel, when the snapshot says so (kind Endpoint).

    Exactly one of ``interface`` (a device of the host) and ``cgroup`` (a path below the
    cgroup2 mount).  Pods have none: the runtime finds them by address and route.
    """

    interface: str | None = None
    cgroup: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A pod, or a document of our kind Endpoint: something with addresses and labels.

    ``labels`` are complete: namespace, namespace labels, service account and cluster are
    among them.  Pods on the host network are no endpoints; they are their node.
    """

    namespace: str
    name: str
    labels: Labels
    addresses: tuple[IPv4Address | IPv6Address, ...]
    node: str | None
    named_ports: tuple[NamedPort, ...]
    span: Span
    attachment: Attachment | None = None

    @property
    def key(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


class Container(NamedTuple):
    """One container of a pod: ``id`` as its cgroup has it, empty before it is made."""

    name: str
    id: str
    runtime: str
    image: str

    @property
    def repository(self) -> str:
        """The image without its tag and digest.

        >>> Container("web", "", "", "ghcr.io:443/shop/web:1.2@sha256:00").repository
        'ghcr.io:443/shop/web'
        """
        name = self.image.partition("@")[0]
        path, slash, last = name.rpartition("/")
        return path + slash + last.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as processes know it, one on the host network too: by its uid, and its containers.

    ``labels`` are complete, as an endpoint's; ``own_labels`` are what the object says.
    ``owner``: kind and name of the controller that made it.
    """

    namespace: str
    name: str
    uid: str
    node: str | None
    labels: Labels
    own_labels: tuple[tuple[str, str], ...]
    containers: tuple[Container, ...]
    owner: tuple[str, str]
    span: Span


@dataclass(frozen=True, slots=True)
class HostPod:
    """A pod with ``hostNetwork``: its traffic is its node's."""

    namespace: str
    name: str
    node: str | None


@dataclass(frozen=True, slots=True)
class Node:
    """A node; ``labels`` have source ``k8s`` as written (``node:`` is added by the passes)."""

    name: str
    labels: Labels
    addresses: tuple[IPv4Address | IPv6Address, ...]
    span: Span


class Backend(NamedTuple):
    """One ready address behind one port of a service."""

    address: IPv4Address | IPv6Address
    port: int


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One port of a service and its ready backends (EndpointSlices of the same port name)."""

    protocol: Protocol
    port: int
    name: str
    backends: tuple[Backend, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """A service: its virtual addresses (cluster, external, load balancer), ports, backends.

    ``backends`` are all that are ready, those of no port of the service too.  ``labels``
    are those of the object, for ``k8sServiceSelector`` (source ``k8s``).  ``has_selector``
    tells services over pods from those with hand-written endpoints.
    """

    namespace: str
    name: str
    labels: Labels
    addresses: tuple[IPv4Address | IPv6Address, ...]
    ports: tuple[ServicePort, ...]
    backends: tuple[IPv4Address | IPv6Address, ...]
    has_selector: bool
    span: Span

    @property
    def key(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class CidrGroup:
    """A CiliumCIDRGroup: prefixes with a name and labels (source ``k8s``)."""

    name: str
    labels: Labels
    networks: tuple[IPv4Network | IPv6Network, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Cluster:
    """Everything that is no policy; each tuple is sorted by namespace and name."""

    namespaces: Mapping[str, Labels] = field(default_factory=dict)
    endpoints: tuple[Endpoint, ...] = ()
    host_pods: tuple[HostPod, ...] = ()
    nodes: tuple[Node, ...] = ()
    services: tuple[Service, ...] = ()
    cidr_groups: tuple[CidrGroup, ...] = ()
    api_server_addresses: tuple[IPv4Address | IPv6Address, ...] = ()
    """Addresses behind the service ``default/kubernetes``."""
    pods: tuple[Pod, ...] = ()
    """All pods that run or will, where there are tracing policies; else nobody asks."""

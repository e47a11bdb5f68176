"""Who the two ends of a flow are, each in the eyes of the other."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from lockgate.proof.reference.addresses import Address, contains
from lockgate.proof.reference.flow import End, Kind
from lockgate.proof.reference.selectors import (
    CLUSTER,
    NAMESPACE,
    NAMESPACE_LABELS,
    SERVICE_ACCOUNT,
    Label,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.proof.reference.cluster import Cluster, Node, Pod, Service

GROUP_NAME = "io.cilium.policy.cidrgroupname/"


class UnknownEndError(Exception):
    """A flow names somebody who is not in the snapshot."""


@dataclass
class Who:
    """A name in a flow, resolved as far as it can be without the other end."""

    pod: Pod | None = None
    node: str | None = None
    address: Address | None = None
    role: str = ""
    """`@host` or `@remote-node`."""
    services: tuple[Service, ...] = ()

    @property
    def is_node(self) -> bool:
        """Tell whether this is a node, or a pod on its network."""
        return bool(self.role) or self.node is not None

    @property
    def home(self) -> str | None:
        """The node that this end runs on."""
        return self.pod.node if self.pod else self.node


@dataclass
class Ends:
    """Resolves names and addresses against a snapshot."""

    cluster: Cluster
    cluster_name: str = "default"

    # ------------------------------------------------------------ what an end is

    def pod(self, pod: Pod, address: Address | None) -> End:
        """Return a pod, for policies of both kinds."""
        # What the cluster says of a pod, a pod cannot say of itself.
        labels = [
            Label("k8s", k, v)
            for k, v in pod.labels.items()
            if k != NAMESPACE and not k.startswith("io.cilium.k8s.")
        ]
        labels += [
            Label("k8s", NAMESPACE_LABELS + k, v)
            for k, v in pod.namespace_labels.items()
        ]
        labels.append(Label("k8s", NAMESPACE, pod.namespace))
        labels.append(Label("k8s", CLUSTER, self.cluster_name))
        if pod.service_account:
            labels.append(Label("k8s", SERVICE_ACCOUNT, pod.service_account))
        return End(Kind.POD, address, labels, pod)

    def node(self, node: Node | None, address: Address | None, *, is_host: bool) -> End:
        """Return a node as the others see it, or (``is_host``) those that run on it."""
        kind = Kind.HOST if is_host else Kind.REMOTE_NODE
        labels = [Label("reserved", kind.value, "")]
        if node is not None:
            # One may ask for the labels of other nodes only, so far as Cilium goes.
            if kind is Kind.REMOTE_NODE:
                labels += [Label("node", k, v) for k, v in node.labels.items()]
            if self.has_api_server(node.addresses):
                labels.append(Label("reserved", "kube-apiserver", ""))
        return End(kind, address, labels, node=node)

    def world(self, address: Address | None) -> End:
        """Return an address outside."""
        labels = [Label("reserved", "world", "")]
        if address is not None:
            labels.append(Label("reserved", f"world-ipv{address.version}", ""))
            if address in self.cluster.api_servers:
                labels.append(Label("reserved", "kube-apiserver", ""))
            labels += self._prefix_labels(address)
        return End(Kind.WORLD, address, labels)

    def host(self, node: Node) -> End:
        """Return a node as the subject of host policies."""
        address = next(iter(node.addresses), None)
        return End(Kind.HOST, address, [Label("reserved", "host", "")], node=node)

    def at(self, address: Address) -> End:
        """Return who has an address, in the eyes of those that run on no node of ours."""
        if pod := self.cluster.pod_at.get(address):
            return self.pod(pod, address)
        if node := self.cluster.node_at.get(address):
            return self.node(node, address, is_host=False)
        return self.world(address)

    def views(self, address: Address) -> list[End]:
        """Return all that a backend may be for somebody who has a subject's policy.

        That is not one subject but pods on any node, so that a node may be their own.
        """
        node = self.cluster.node_at.get(address)
        if node is None or address in self.cluster.pod_at:
            return [self.at(address)]
        return [self.node(node, address, is_host=own) for own in (True, False)]

    def has_api_server(self, addresses: Iterable[Address]) -> bool:
        """Tell whether the API server is at one of some addresses."""
        return not set(addresses).isdisjoint(self.cluster.api_servers)

    def _prefix_labels(self, address: Address) -> list[Label]:
        """Return a label for each prefix over an address that policies name by a label.

        And those of its groups, by name and by the labels of the group.
        """
        position = address.version, int(address)
        labels = [
            Label("cidr", text, "")
            for text in self.cluster.named_prefixes
            if contains(text.replace("-", ":"), position)
        ]
        for name, group in self.cluster.groups.items():
            networks = group["spec"].get("externalCIDRs") or []
            if any(contains(text, position) for text in networks):
                labels.append(Label("cidrgroup", GROUP_NAME + name, ""))
                own = group["metadata"].get("labels") or {}
                labels += [Label("cidrgroup", k, v) for k, v in own.items()]
        return labels

    # ------------------------------------------------------------ the ends of a flow

    def who(self, text: str) -> Who:
        """Resolve a name in a flow."""
        if text.startswith("@"):
            return Who(role=text)
        if "/" in text:
            if text in self.cluster.pods:
                return Who(pod=self.cluster.pods[text])
            if text in self.cluster.host_pods:
                return Who(node=self.cluster.host_pods[text])
            raise UnknownEndError(text)
        address = ip_address(text)
        if pod := self.cluster.pod_at.get(address):
            return Who(pod=pod, address=address)
        if node := self.cluster.node_at.get(address):
            return Who(node=node.name, address=address)
        services = self.cluster.services_at.get(address, [])
        return Who(address=address, services=tuple(services))

    def families(self, source: Who, destination: Who, protocol: str) -> list[int]:
        """Return the families that both ends have; of them ICMP has one of its own."""
        one = {a.version for a in self._addresses(source, destination)}
        two = {a.version for a in self._addresses(destination, source)}
        both: list[int] = sorted(one & two) or sorted(one | two) or [4]
        icmp = {4: "ICMP", 6: "ICMPv6"}
        own = [family for family in both if icmp[family] == protocol]
        return own or both

    def other(self, who: Who, subject: Who, family: int) -> End:
        """Return what an end is in the eyes of the one that judges."""
        if who.is_node:
            node = self._node(who, subject)
            is_host = who.role == "@host" or (
                who.node is not None and who.node == subject.home
            )
            addresses = node.addresses if node else []
            address = who.address or _of_family(addresses, family)
            return self.node(node, address, is_host=is_host)
        if who.pod is not None:
            address = who.address or _of_family(who.pod.addresses, family)
            return self.pod(who.pod, address)
        return self.world(who.address)

    def subject(self, who: Who, other: Who, family: int) -> End | None:
        """Return the end that judges, or None where it is nobody of ours."""
        if who.pod is not None:
            return self.pod(who.pod, _of_family(who.pod.addresses, family))
        node = self._node(who, other)
        return None if node is None else self.host(node)

    def _addresses(self, who: Who, other: Who) -> list[Address]:
        if who.address is not None:
            return [who.address]
        if who.pod is not None:
            return who.pod.addresses
        node = self._node(who, other)
        return node.addresses if node else []

    def _node(self, who: Who, other: Who) -> Node | None:
        """Return the node that an end is; what `@host` means depends on the other."""
        nodes = self.cluster.nodes
        if who.role == "@host":
            return nodes.get(other.home or "")
        if who.role == "@remote-node":
            others = (
                node for name, node in sorted(nodes.items()) if name != other.home
            )
            return next(others, None)
        return nodes.get(who.node or "")


def _of_family(addresses: list[Address], family: int) -> Address | None:
    return next((a for a in addresses if a.version == family), None)

"""Who the two ends of a flow are, each in the eyes of the other."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from lockgate.proof.reference.cluster import (
    CLUSTER,
    NAMESPACE,
    NAMESPACE_LABELS,
    SERVICE_ACCOUNT,
    Address,
    Cluster,
    Label,
    Node,
    Pod,
    Service,
)
from lockgate.proof.reference.flow import End, Kind

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
    """Resolves names against a snapshot."""

    cluster: Cluster

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
        if pod := self.cluster.pod_at(address):
            return Who(pod=pod, address=address)
        if node := self.cluster.node_at(address):
            return Who(node=node.name, address=address)
        return Who(address=address, services=tuple(self.cluster.services_at(address)))

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
            is_host = who.role == "@host" or (
                who.node is not None and who.node == subject.home
            )
            return self._node_end(who, subject, family, is_host=is_host)
        if who.pod is not None:
            return _pod_end(who.pod, family)
        labels = [Label("reserved", "world", "")]
        if who.address is not None:
            labels.append(Label("reserved", f"world-ipv{who.address.version}", ""))
            if who.address in self.cluster.api_servers:
                labels.append(Label("reserved", "kube-apiserver", ""))
            labels += self._prefix_labels(who.address)
        return End(Kind.WORLD, who.address, labels)

    def views(self, who: Who, subject: Who, family: int) -> list[End]:
        """Return all that an end may be in the eyes of whoever has the subject's policy.

        That is not only the subject but pods on any node, so a node may be their own.
        """
        if not who.is_node:
            return [self.other(who, subject, family)]
        return [
            self._node_end(who, subject, family, is_host=own) for own in (True, False)
        ]

    def _prefix_labels(self, address: Address) -> list[Label]:
        """Return a label for every prefix over an address, and those of its groups."""
        longest = 32 if address.version == 4 else 128  # IP version
        prefixes = [
            ip_network((address, length), strict=False)
            for length in range(1, longest + 1)
        ]
        labels = [Label("cidr", str(prefix), "") for prefix in prefixes]
        for name, group in self.cluster.groups.items():
            networks = group["spec"].get("externalCIDRs") or []
            if any(address in ip_network(text, False) for text in networks):
                labels.append(Label("cidrgroup", GROUP_NAME + name, ""))
                own = group["metadata"].get("labels") or {}
                labels += [Label("cidrgroup", k, v) for k, v in own.items()]
        return labels

    def subject(self, who: Who, other: Who, family: int) -> End | None:
        """Return the end that judges, or None where it is nobody of ours."""
        if who.pod is not None:
            return _pod_end(who.pod, family)
        node = self._node(who, other)
        if node is None:
            return None
        address = _of_family(node.addresses, family)
        return End(Kind.HOST, address, [Label("reserved", "host", "")], node=node)

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

    def _node_end(self, who: Who, subject: Who, family: int, *, is_host: bool) -> End:
        node = self._node(who, subject)
        kind = Kind.HOST if is_host else Kind.REMOTE_NODE
        labels = [Label("reserved", kind.value, "")]
        addresses = node.addresses if node else []
        if node is not None and kind is Kind.REMOTE_NODE:
            labels += [Label("node", k, v) for k, v in node.labels.items()]
        if set(addresses) & set(self.cluster.api_servers):
            labels.append(Label("reserved", "kube-apiserver", ""))
        address = who.address or _of_family(addresses, family)
        return End(kind, address, labels, node=node)


def _pod_end(pod: Pod, family: int) -> End:
    # What the cluster says of a pod, a pod cannot say of itself.
    labels = [
        Label("k8s", k, v)
        for k, v in pod.labels.items()
        if k != NAMESPACE and not k.startswith("io.cilium.k8s.")
    ]
    labels += [
        Label("k8s", NAMESPACE_LABELS + k, v) for k, v in pod.namespace_labels.items()
    ]
    labels.append(Label("k8s", NAMESPACE, pod.namespace))
    labels.append(Label("k8s", CLUSTER, "default"))
    if pod.service_account:
        labels.append(Label("k8s", SERVICE_ACCOUNT, pod.service_account))
    return End(Kind.POD, _of_family(pod.addresses, family), labels, pod)


def _of_family(addresses: list[Address], family: int) -> Address | None:
    return next((a for a in addresses if a.version == family), None)

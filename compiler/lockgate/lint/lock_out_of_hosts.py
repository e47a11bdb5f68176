"""Host policies that cut SSH, the kubelet, the API server or etcd.

A connection needs both ends: it is judged on egress of the node that asks and on ingress
of the one that answers, as far as host policies select them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lockgate.findings import Finding, Level
from lockgate.ir.policy import Direction, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.resolution import SubjectRules
    from lockgate.ir.tables import HostEntry
    from lockgate.lint.scene import Scene

_SSH, _KUBELET, _API_SERVER, _ETCD = 22, 10250, 6443, 2380
_MOST = 3


class _Cut(NamedTuple):
    """What a host cannot do any more; ``direction`` is where its policies deny it."""

    code: str
    what: str
    cure: str
    direction: Direction


def find_of_hosts(scene: Scene) -> Iterator[Finding]:
    """Yield one finding for each thing that is cut, naming the nodes."""
    if not any(host.is_enforced for host in scene.passed.tables.hosts):
        return
    nodes: dict[tuple[_Cut, int], list[str]] = {}
    finder = _Finder(scene)
    for number, host in enumerate(scene.passed.tables.hosts):
        if host.is_enforced:
            pair = scene.passed.subjects.hosts[number]
            for cut in finder.cuts(number, host):
                subject = pair[0 if cut.direction is Direction.INGRESS else 1]
                nodes.setdefault((cut, subject), []).append(host.node)
    for (cut, subject), names in nodes.items():
        yield _finding(cut, scene.passed.rules[subject], names)


def _finding(cut: _Cut, subject: SubjectRules, names: list[str]) -> Finding:
    shown = ", ".join(names[:_MOST])
    if len(names) > _MOST:
        shown += f" and {len(names) - _MOST} more"
    causes = [*subject.isolating]
    for owner in subject.owners:
        if owner is not None and not causes:
            causes.append((owner.policy.key, owner.rule.span))
    return Finding(
        cut.code,
        Level.ERROR if cut.code[0] == "E" else Level.WARNING,
        f"{cut.what} on {shown}"
        if cut.direction is Direction.INGRESS
        else f"{shown}: {cut.what}",
        causes[0][1] if causes else None,
        cut.cure,
        tuple((span, f"{key} isolates, too") for key, span in causes[1:_MOST]),
        key=f"{causes[0][0] if causes else ''} {cut.what}",
    )


class _Finder:
    """Asks the tables of hosts."""

    def __init__(self, scene: Scene) -> None:
        self._reach = scene.reach
        self._cluster = scene.cluster
        self._hosts = scene.passed.tables.hosts
        self._every_class = range(scene.passed.tables.class_count)
        self._api_servers = scene.cluster.api_server_addresses
        self._api_ports = _api_ports(scene)
        self._etcd = {
            pod.node
            for pod in scene.cluster.host_pods
            if pod.namespace == "kube-system" and pod.name.startswith("etcd-")
        }

    def cuts(self, number: int, host: HostEntry) -> Iterator[_Cut]:
        """Yield what is cut at one host."""
        ingress = Direction.INGRESS
        if not self._takes(host, _SSH, self._every_class):
            cure = "allow ingress on TCP 22 from where you log in"
            yield _Cut("W6012", "nobody can reach SSH (TCP 22)", cure, ingress)
        servers = [c for a in self._api_servers for c in self._reach.of_address(a)]
        if servers and not host.is_api_server:
            if not self._takes(host, _KUBELET, servers):
                cure = "allow ingress on TCP 10250 from entity kube-apiserver"
                what = "the API server cannot reach the kubelet (TCP 10250)"
                yield _Cut("W6012", what, cure, ingress)
            if not any(self._sends(host, c) for c in servers):
                cure = "allow egress to entity kube-apiserver"
                what = "the kubelet cannot reach the API server"
                yield _Cut("E6012", what, cure, Direction.EGRESS)
        others = self._classes_of(n for n in range(len(self._hosts)) if n != number)
        ports = self._api_ports
        is_server = host.is_api_server and bool(others)
        if is_server and not any(self._takes(host, port, others) for port in ports):
            cure = "allow ingress from entity remote-node on the API server's port"
            what = f"no node can reach the API server (TCP {ports[0]})"
            yield _Cut("E6012", what, cure, ingress)
        yield from self._etcd_cut(number, host)

    def _etcd_cut(self, number: int, host: HostEntry) -> Iterator[_Cut]:
        if host.node not in self._etcd:
            return
        peers = self._classes_of(
            n
            for n, other in enumerate(self._hosts)
            if n != number and other.node in self._etcd
        )
        if peers and not self._takes(host, _ETCD, peers):
            cure = "allow ingress on TCP 2379-2380 from the nodes that run etcd"
            what = "other members cannot reach etcd (TCP 2380)"
            yield _Cut("E6012", what, cure, Direction.INGRESS)

    def _takes(self, host: HostEntry, port: int, classes: list[int] | range) -> bool:
        atom = self._reach.atom(Protocol.TCP, port)
        return any(self._reach.passes(host.ingress_table, c, atom) for c in classes)

    def _sends(self, host: HostEntry, identity_class: int) -> bool:
        return any(
            self._reach.passes(
                host.egress_table, identity_class, self._reach.atom(Protocol.TCP, port)
            )
            for port in self._api_ports
        )

    def _classes_of(self, numbers: Iterator[int]) -> list[int]:
        return [c for number in numbers for c in self._reach.of_node(number)]


def _api_ports(scene: Scene) -> tuple[int, ...]:
    """Return the ports at which the API server answers, the usual one if that is unknown."""
    for service in scene.cluster.services:
        if service.key == "default/kubernetes":
            ports = {b.port for port in service.ports for b in port.backends}
            if ports:
                return tuple(sorted(ports))
    return (_API_SERVER,)

"""``cluster-ip-in-cidr``: a prefix over addresses that a prefix does not select.

A CIDR of Cilium's kinds selects the world only, never pods or nodes by their address.  And
traffic to a service is judged after its address was replaced by a backend's, in every kind.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from lockgate.findings import Finding, Level
from lockgate.ir.policy import Direction, NetworkPeer, Scope
from lockgate.lint.scene import Check, Needs, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

_SHORTEST = {4: 8, 6: 16}
"""Shorter prefixes mean "anywhere", where nobody thinks of single addresses."""

_POD_CURE = (
    "select pods with {}Endpoints, and nodes with {}Entities: [remote-node, host]"
)
_SERVICE_CURE = "select the pods behind the service, by their labels; or use toServices"


def _find(scene: Scene) -> Iterator[Finding]:
    addresses = _Addresses(scene)
    for policy, direction, rule in scene.rules():
        for place, peer in enumerate(rule.peers):
            if not isinstance(peer, NetworkPeer):
                continue
            if peer.network.prefixlen < _SHORTEST[peer.network.version]:
                continue
            found = addresses.fault(peer, direction)
            if found is not None:
                why, cure = found
                yield Finding(
                    "W6006",
                    Level.WARNING,
                    f"{peer.network} {why}",
                    scene.places.peer(policy, rule, place, direction),
                    cure,
                    key=f"{policy.key}#{rule.path} peer {place}",
                )


class _Addresses:
    """The addresses of a snapshot, sorted, with what they are."""

    def __init__(self, scene: Scene) -> None:
        cluster = scene.cluster
        pods = [(a, e.key) for e in cluster.endpoints for a in e.addresses]
        nodes = [(a, node.name) for node in cluster.nodes for a in node.addresses]
        services = [(a, s.key) for s in cluster.services for a in s.addresses]
        self._kinds = {
            "pod": _Sorted(pods),
            "node": _Sorted(nodes),
            "service": _Sorted(services),
        }

    def fault(self, peer: NetworkPeer, direction: Direction) -> tuple[str, str] | None:
        """Say why a prefix does not select what it seems to; and the cure."""
        found = {kind: some.within(peer) for kind, some in self._kinds.items()}
        word = "from" if direction is Direction.INGRESS else "to"
        if peer.scope is Scope.WORLD:
            for kind in ("pod", "node"):
                if found[kind] is not None:
                    why = (
                        f"covers the address of {kind} {found[kind]}, and a CIDR of "
                        "this kind never selects pods or nodes"
                    )
                    return why, _POD_CURE.format(word, word)
        is_all = found["pod"] is None and found["node"] is None
        if direction is Direction.EGRESS and is_all and found["service"] is not None:
            why = (
                f"covers the address of service {found['service']}; traffic is judged "
                "after that became the address of a backend, so this matches nothing of it"
            )
            return why, _SERVICE_CURE
        return None


class _Sorted:
    """Addresses of one kind by number, to find the first within a prefix."""

    def __init__(self, owners: list[tuple[IPv4Address | IPv6Address, str]]) -> None:
        self._owners = sorted((a.version, int(a), name) for a, name in owners)

    def within(self, peer: NetworkPeer) -> str | None:
        """Return the first owner within a peer's prefix and outside its exceptions."""
        version = peer.network.version
        start, end = _edges(peer.network)
        holes = [_edges(network) for network in peer.excepts]
        at = bisect_left(self._owners, (version, start, ""))
        for other, value, name in self._owners[at:]:
            if (other, value) > (version, end):
                return None
            if not any(first <= value <= last for first, last in holes):
                return name
        return None


def _edges(network: IPv4Network | IPv6Network) -> tuple[int, int]:
    return int(network.network_address), int(network.broadcast_address)


CHECK = Check("cluster-ip-in-cidr", Needs.SNAPSHOT, _find)

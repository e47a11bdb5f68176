"""Map addresses to peers: what the datapath finds for an address, in each table's classes.

Before: the peer space, classes of its points, and of service addresses.
After:  peers (identity and class), each distinct one once; one entry for each prefix that
        rules name and for each address of the snapshot; identities of the prefixes.

Where two of them have an address, an endpoint's goes before a node's, a node's before a
service's.  A service's address keeps its meaning on the node itself, where proxies may
have put it on a device.
"""

from __future__ import annotations

from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING

from lockgate.ir.labels import Label
from lockgate.ir.prefixes import ROOTS, WIDTH, Prefix
from lockgate.ir.resolution import (
    PREFIXES_FROM,
    PREFIXES_TO,
    WORLD,
    WORLD_IPV4,
    WORLD_IPV6,
    AddressMap,
    reserved,
)
from lockgate.ir.tables import AddressEntry, Identity, PeerEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockgate.ir.cluster import CidrGroup, Cluster
    from lockgate.ir.resolution import IdentityClasses, PeerSpace, Services

GROUP_NAME = "io.cilium.policy.cidrgroupname/"


def map_addresses(
    cluster: Cluster, space: PeerSpace, classes: IdentityClasses, services: Services
) -> AddressMap:
    """Return peers, addresses, and the identities of prefixes."""
    identities = _identities(space, cluster)
    peers = _Peers(space, classes)
    found: dict[Prefix, int] = {}
    for number, prefix in enumerate(space.tree.prefixes):
        found[prefix] = peers.world(number, identities[number].number)
    peers.entries[0] = peers.entries[found[ROOTS[0]]]
    first_service = len(classes.representatives)
    for prefix, number in services.addresses.items():
        outside = space.tree.find(prefix.version, prefix.value)
        identity = identities[outside].number
        found[prefix] = peers.itself(identity, first_service + number)
    for node, known in zip(cluster.nodes, space.nodes, strict=True):
        for address, points in zip(node.addresses, known, strict=True):
            hosts = points.host, points.api_server_host
            found[Prefix.of_address(address)] = peers.point(points.node, hosts)
    own_points = dict.fromkeys(chain.from_iterable(space.endpoints))
    own = {point: peers.point(point, None) for point in own_points}
    entries: dict[tuple[int, int, int], int] = dict(found.items())
    for endpoint, known_points in zip(cluster.endpoints, space.endpoints, strict=True):
        for address, point in zip(endpoint.addresses, known_points, strict=False):
            version = address.version
            entries[version, int(address), WIDTH[version]] = own[point]
    distinct = {identity.number: identity for identity in identities}
    return AddressMap(
        peers=tuple(peers.entries),
        addresses=tuple(
            [AddressEntry(*prefix, entries[prefix]) for prefix in sorted(entries)]
        ),
        identities=tuple(distinct[number] for number in sorted(distinct)),
    )


class _Peers:
    """Peers so far, each distinct one once; peer 0 is the world."""

    def __init__(self, space: PeerSpace, classes: IdentityClasses) -> None:
        self._space = space
        self._classes = classes
        self.entries = [PeerEntry(0, 0, 0, 0)]
        self._numbers: dict[tuple[int, int, int | None, int | None], int] = {}

    def point(self, point: int, hosts: tuple[int, int] | None) -> int:
        """Return the peer of a host, node or endpoint; itself where ``hosts`` is None."""
        identity = self._space.points[point].identity
        known = self._classes.of_point[point]
        if hosts is None:
            return self.itself(identity, known)
        host, api_server_host = (self.point(host, None) for host in hosts)
        return self._add(identity, known, host, api_server_host)

    def world(self, prefix: int, identity: int) -> int:
        """Return the peer of a prefix's own addresses."""
        point = self._space.first_prefix + prefix
        cover = self._space.every_of[prefix]
        hosts = (self.point(p, None) for p in self._space.hosts[cover])
        return self._add(identity, self._classes.of_point[point], *hosts)

    def itself(self, identity: int, known: int) -> int:
        """Return a peer that stays what it is on the host that has its address."""
        return self._add(identity, known, None, None)

    def _add(
        self, identity: int, known: int, host: int | None, api_server_host: int | None
    ) -> int:
        key = (identity, known, host, api_server_host)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.entries)
            own = number if host is None else host
            api = number if api_server_host is None else api_server_host
            self.entries.append(PeerEntry(identity, known, own, api))
        return number


# ---------------------------------------------------------------- identities


def _identities(space: PeerSpace, cluster: Cluster) -> list[Identity]:
    """Return the identity of each prefix of the tree; the roots are the world."""
    grouped = _group_labels(cluster.cidr_groups)
    prefixes = space.tree.prefixes
    texts = list(map(str, prefixes))
    own = [
        (Label("cidr", text), *grouped.get(prefix, ())) if prefix.length else ()
        for prefix, text in zip(prefixes, texts, strict=True)
    ]
    taken: set[int] = set()
    found = []
    versions = {a.version for node in cluster.nodes for a in node.addresses}
    versions |= {a.version for e in cluster.endpoints for a in e.addresses}
    for number, prefix in enumerate(prefixes):
        if space.tree.parents[number] < 0:
            found.append(_world(prefix.version, is_dual_stack=len(versions) > 1))
            continue
        labels = {label for up in space.tree.path(number) for label in own[up]}
        labels |= {reserved("world"), reserved(f"world-ipv{prefix.version}")}
        if number in space.external_api_servers:
            labels.add(reserved("kube-apiserver"))
        identity = _free_number(texts[number], taken)
        taken.add(identity)
        found.append(Identity(identity, tuple(sorted(labels)), texts[number]))
    return found


def _world(version: int, *, is_dual_stack: bool) -> Identity:
    if not is_dual_stack:
        return Identity(WORLD, (reserved("world"),), "world")
    name = f"world-ipv{version}"
    number = WORLD_IPV4 if version == 4 else WORLD_IPV6  # IP version
    return Identity(number, (reserved(name),), name)


def _group_labels(groups: Sequence[CidrGroup]) -> dict[Prefix, list[Label]]:
    found: dict[Prefix, list[Label]] = {}
    for group in groups:
        for network in group.networks:
            labels = found.setdefault(Prefix.of(network), [])
            labels.append(Label("cidrgroup", GROUP_NAME + group.name))
            labels += [Label("cidrgroup", x.key, x.value) for x in group.labels]
    return found


def _free_number(text: str, taken: set[int]) -> int:
    digest = blake2b(text.encode(), digest_size=8).digest()
    size = PREFIXES_TO - PREFIXES_FROM
    place = int.from_bytes(digest, "little") % size
    while PREFIXES_FROM + place in taken:
        place = (place + 1) % size
    return PREFIXES_FROM + place

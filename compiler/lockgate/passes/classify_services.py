"""Classify service addresses: which backends stand behind each, as classes and atoms.

Before: services with their ready backends; classes of all points.
After:  service classes (addresses with the same targets share one), and the class of each
        service address.  An address that is also a node's or an endpoint's stays that.

A backend counts where it has the family of the service's address.  One table judges pods
on many nodes, so a backend that is a node counts twice: as another node, and as the pod's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.prefixes import WIDTH, Prefix
from lockgate.ir.resolution import ServiceClass, ServicePortTarget, Services

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from ipaddress import IPv4Address, IPv6Address

    from lockgate.bitset import Bits
    from lockgate.ir.cluster import Cluster, ServicePort
    from lockgate.ir.resolution import IdentityClasses, PeerSpace
    from lockgate.ir.tables import PortAtoms

    Address = IPv4Address | IPv6Address
    Key = tuple[int, int, int]


def classify_services(
    cluster: Cluster, space: PeerSpace, classes: IdentityClasses, atoms: PortAtoms
) -> Services:
    """Return the service classes and the addresses that have them."""
    if not cluster.services:
        return Services((), {}, {})
    points = _points_of_addresses(cluster, space)
    ports_of: dict[Prefix, list[ServicePort]] = {}
    keys_of: dict[Prefix, list[str]] = {}
    for service in cluster.services:
        for address in service.addresses:
            prefix = Prefix.of_address(address)
            if prefix not in points:
                ports_of.setdefault(prefix, []).extend(service.ports)
                keys_of.setdefault(prefix, []).append(service.key)
    numbers: dict[ServiceClass, int] = {}
    addresses: dict[Prefix, int] = {}
    names: dict[int, list[str]] = {}
    targets = _Targets(space, classes, atoms, points)
    for prefix, ports in sorted(ports_of.items()):
        service_class = ServiceClass(
            targets.class_outside(prefix), targets.of(ports, prefix.version)
        )
        number = numbers.setdefault(service_class, len(numbers))
        addresses[prefix] = number
        names.setdefault(number, []).extend(keys_of[prefix])
    return Services(
        tuple(numbers),
        addresses,
        {number: tuple(dict.fromkeys(keys)) for number, keys in names.items()},
    )


def follow_covers(
    sets: Mapping[int, Bits], services: Services, class_count: int
) -> Mapping[int, Bits]:
    """Return peer sets with service classes: as sources these are part of the world."""
    if not services.classes:
        return sets
    following: dict[int, Bits] = {}
    for number, service in enumerate(services.classes):
        bits = following.get(service.cover, 0)
        following[service.cover] = bits | 1 << class_count + number
    found = {}
    for number, bits in sets.items():
        extended = bits
        for cover, followers in following.items():
            if bits >> cover & 1:
                extended |= followers
        found[number] = extended
    return found


def _key(address: Address) -> Key:
    """Return what equals the prefix of an address, in half the time."""
    version = address.version
    return version, int(address), WIDTH[version]


def _points_of_addresses(
    cluster: Cluster, space: PeerSpace
) -> dict[Key, tuple[int, ...]]:
    points: dict[Key, tuple[int, ...]] = {}
    api_servers = set(cluster.api_server_addresses)
    for node, known in zip(cluster.nodes, space.nodes, strict=True):
        serves = not api_servers.isdisjoint(node.addresses)
        for address, point in zip(node.addresses, known, strict=True):
            own = point.api_server_host if serves else point.host
            points[_key(address)] = (point.node, own)
    for endpoint, numbers in zip(cluster.endpoints, space.endpoints, strict=True):
        for address, number in zip(endpoint.addresses, numbers, strict=False):
            points[_key(address)] = (number,)
    return points


class _Targets:
    """Finds the classes and atoms of backends."""

    def __init__(
        self,
        space: PeerSpace,
        classes: IdentityClasses,
        atoms: PortAtoms,
        points: dict[Key, tuple[int, ...]],
    ) -> None:
        self._space = space
        self._of_point = classes.of_point
        self._atoms = atoms
        self._points = points

    def class_outside(self, key: Key) -> int:
        """Return the class of an address as one of the world."""
        version, value, _ = key
        number = self._space.tree.find(version, value)
        return self._of_point[self._space.first_prefix + number]

    def of(
        self, ports: Iterable[ServicePort], version: int
    ) -> tuple[ServicePortTarget, ...]:
        """Return where each port leads, sorted; equal ports of two services are one."""
        found: dict[int, set[tuple[int, int]]] = {}
        for port in ports:
            atom = self._atoms.find(port.protocol, port.port)
            targets = found.setdefault(atom, set())
            atoms: dict[int, int] = {}
            for address, number in port.backends:
                if address.version != version:
                    continue
                if number not in atoms:
                    atoms[number] = self._atoms.find(port.protocol, number)
                target = atoms[number]
                for known in self._classes(_key(address)):
                    targets.add((known, target))
        return tuple(
            ServicePortTarget(atom, tuple(sorted(targets)))
            for atom, targets in sorted(found.items())
        )

    def _classes(self, key: Key) -> list[int]:
        points = self._points.get(key)
        if points is None:
            return [self.class_outside(key)]
        return [self._of_point[point] for point in points]

"""Who reaches whom, by the verdict tables as packets would ask them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from lockgate.bitset import Bits, from_members, members
from lockgate.ir.tables import Outcome
from lockgate.lint.points import real_points

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    from lockgate.ir.cluster import Cluster
    from lockgate.ir.policy import Protocol
    from lockgate.ir.tables import Decision
    from lockgate.passes.pipeline import Middle

_SHORT = {4: 8, 6: 16}
"""Prefixes of at most this length stand for the world, unless they are private."""


class Reach:
    """Answers from the tables; classes are what addresses lead to."""

    def __init__(self, middle: Middle, cluster: Cluster) -> None:
        self._middle = middle
        self._cluster = cluster
        self._space = middle.resolution.space
        self.tables = middle.tables

    def decision(self, table: int, identity_class: int, atom: int) -> Decision:
        """Return the decision of a table's cell."""
        rows = self.tables.tables[table]
        place = rows.rows[identity_class] * rows.interval_count + rows.intervals[atom]
        return self.tables.decisions[rows.cells[place]]

    def passes(self, table: int, identity_class: int, atom: int) -> bool:
        """Whether a packet is not denied; what is left to a parser passes here."""
        decision = self.decision(table, identity_class, atom)
        return decision.outcome is not Outcome.DENY

    def atom(self, protocol: Protocol, port: int) -> int:
        """Return the atom of a port."""
        return self.tables.atoms.find(protocol, port)

    # ------------------------------------------------------------ addresses to classes

    @cached_property
    def _endpoints(self) -> dict[IPv4Address | IPv6Address, int]:
        return {
            address: number
            for number, endpoint in enumerate(self._cluster.endpoints)
            for address in endpoint.addresses
        }

    @cached_property
    def _nodes(self) -> dict[IPv4Address | IPv6Address, int]:
        return {
            address: number
            for number, node in enumerate(self._cluster.nodes)
            for address in node.addresses
        }

    def endpoint_at(self, address: IPv4Address | IPv6Address) -> int | None:
        """Return the number of the endpoint with an address."""
        return self._endpoints.get(address)

    def node_at(self, address: IPv4Address | IPv6Address) -> int | None:
        """Return the number of the node with an address."""
        return self._nodes.get(address)

    def of_endpoint(self, number: int) -> tuple[int, ...]:
        """Return the classes of an endpoint: one for each address."""
        return self._classes(self._space.endpoints[number])

    def of_node(self, number: int) -> tuple[int, ...]:
        """Return the classes of a node as others see it."""
        return self._classes(tuple(p.node for p in self._space.nodes[number]))

    def of_address(self, address: IPv4Address | IPv6Address) -> tuple[int, ...]:
        """Return the classes that an address leads to."""
        number = self.endpoint_at(address)
        if number is not None:
            return self.of_endpoint(number)
        number = self.node_at(address)
        if number is not None:
            return self.of_node(number)
        prefix = self._space.tree.find(address.version, int(address))
        return self._classes((self._space.first_prefix + prefix,))

    def of_network(self, network: IPv4Network | IPv6Network) -> tuple[int, ...]:
        """Return the classes of the world's addresses in a network."""
        tree, first = self._space.tree, self._space.first_prefix
        value = int(network.network_address)
        found = [tree.find(network.version, value)]
        last = int(network.broadcast_address)
        for number, prefix in enumerate(tree.prefixes):
            if prefix.version == network.version and value <= prefix.value <= last:
                found += (number, tree.find(prefix.version, prefix.last))
        real = real_points(self._space)
        return self._classes(tuple(first + n for n in found if real >> first + n & 1))

    def _classes(self, points: tuple[int, ...]) -> tuple[int, ...]:
        of_point = self._middle.classes.of_point
        return tuple(dict.fromkeys(of_point[point] for point in points))

    # ------------------------------------------------------------ the world

    @cached_property
    def world_points(self) -> Bits:
        """The points of the world at large: addresses that no narrow prefix names."""
        bits = from_members(self._world_numbers(), self._space.size)
        return bits & real_points(self._space)

    @cached_property
    def world(self) -> tuple[int, ...]:
        """The classes of the world at large."""
        return self._classes(tuple(members(self.world_points)))

    @property
    def world_by_version(self) -> dict[int, tuple[int, ...]]:
        """The classes of the world at large by version of IP, the widest prefix first."""
        found: dict[int, list[int]] = {}
        first = self._space.first_prefix
        for point in members(self.world_points):
            prefix = self._space.tree.prefixes[point - first]
            found.setdefault(prefix.version, []).append(point)
        return {
            version: self._classes(tuple(points)) for version, points in found.items()
        }

    def _world_numbers(self) -> Iterator[int]:
        for number, prefix in enumerate(self._space.tree.prefixes):
            if prefix.length <= _SHORT[prefix.version]:
                network = prefix.network
                if prefix.length == 0 or network.is_global:
                    yield self._space.first_prefix + number

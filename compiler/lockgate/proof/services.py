"""Service addresses as destinations: judged as all their ready backends."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lockgate.proof.reference.atoms import OWN, OWN_WITH_API_SERVER, SEEN
from lockgate.proof.reference.matrix import members

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lockgate.proof.compare import Comparison
    from lockgate.proof.reference.addresses import Address


class ServiceAddress(NamedTuple):
    """A service's address: its group, and for each port (an atom) what is behind it.

    ``rest``: the groups of traffic with an atom that is not served.
    """

    peer: int
    ports: Mapping[int, frozenset[tuple[int, int]]]
    rest: Sequence[int]


def find_services(comparison: Comparison) -> Iterator[tuple[int, ServiceAddress]]:
    """Yield service addresses, with what stands behind each port, as groups."""
    matrix = comparison.matrix
    services_at = comparison.evaluator.cluster.services_at
    for index, atom in enumerate(comparison.peers):
        if not atom.is_service:
            continue
        ports: dict[int, set[tuple[int, int]]] = {}
        for service in services_at[atom.address]:
            for (protocol, port), backends in service.ports.items():
                place = comparison.place_of_traffic[protocol, port]
                behind = ports.setdefault(place, set())
                for address, target in backends:
                    if address.version == atom.address.version:
                        there = comparison.place_of_traffic[protocol, target]
                        behind.update(
                            (
                                matrix.peer_groups.of[view],
                                matrix.traffic_groups.of[there],
                            )
                            for view in _views(comparison, address)
                        )
        served = {p: frozenset(behind) for p, behind in sorted(ports.items())}
        rest = [
            group
            for group, bits in enumerate(matrix.traffic_groups.members)
            if not served.keys() >= set(members(bits))
        ]
        yield index, ServiceAddress(matrix.peer_groups.of[index], served, rest)


def _views(comparison: Comparison, address: Address) -> Iterator[int]:
    """Yield the atoms that a backend may be: a node may be the subject's own."""
    ends = comparison.evaluator.ends
    yield comparison.place_of_peer[address, SEEN]
    node = ends.cluster.node_at.get(address)
    if node is not None and address not in ends.cluster.pod_at:
        serves = ends.has_api_server(node.addresses)
        role = OWN_WITH_API_SERVER if serves else OWN
        yield comparison.place_of_peer[address, role]

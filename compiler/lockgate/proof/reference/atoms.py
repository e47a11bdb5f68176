"""The atoms: every address and every kind of traffic where the answer could change.

They are made of constants in the sources, and of nothing else: for each number c that a
policy or the snapshot names, c-1, c and c+1.  Between two neighbours no rule changes its
mind, since rules compare with these constants only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NamedTuple

from lockgate.proof.reference.addresses import Address, edges
from lockgate.proof.reference.cluster import Node
from lockgate.proof.reference.flow import End, Kind, Packet
from lockgate.proof.reference.selectors import Label
from lockgate.proof.reference.traffic import ICMP_TYPES, OTHERS, WITH_PORTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockgate.proof.reference.cluster import Cluster, Object
    from lockgate.proof.reference.ends import Ends

SEEN, OWN, OWN_WITH_API_SERVER = "seen", "own", "own with API server"
"""Roles of an address: as others see it; as an address of the subject's own node."""

NUMBERS = {"TCP": 6, "UDP": 17, "SCTP": 132, "ICMP": 1, "ICMPv6": 58, **OTHERS}
"""IP protocols that rules can name."""

_PORT_KEYS = frozenset({"port", "endPort", "number", "start", "end"})
_LAST_PORT = 65535
_LAST_TYPE = _LAST_PROTOCOL = 255
_BITS = {4: 32, 6: 128}
_PERHAPS_PREFIX = re.compile(r"[0-9a-fA-F:-]+(?:[.:/-][0-9a-fA-F:./-]*)")
"""What is worth being read as an address: a quick look, since most texts are none."""


@dataclass(frozen=True)
class PeerAtom:
    """An address in a role, and who that is.

    ``is_service``: a service has the address, and nobody else.
    """

    address: Address
    role: str
    end: End
    is_service: bool = False

    def __str__(self) -> str:
        return (
            str(self.address) if self.role == SEEN else f"{self.address} ({self.role})"
        )


class TrafficAtom(NamedTuple):
    """An IP protocol and a port; for ICMP the type, for others 0."""

    protocol: str
    number: int
    port: int

    @property
    def packet(self) -> Packet:
        """A packet of it."""
        return Packet(self.protocol, self.port)

    def __str__(self) -> str:
        return f"{self.protocol}/{self.port}"


# ---------------------------------------------------------------- addresses


def find_peer_atoms(objects: Iterable[Object], ends: Ends) -> list[PeerAtom]:
    """Return the atoms of all addresses, sorted: IPv4, IPv6, each by value."""
    found: list[PeerAtom] = []
    for address in sorted(
        find_addresses(objects, ends.cluster), key=lambda a: (a.version, int(a))
    ):
        found += _roles(address, ends)
    return found


def find_addresses(objects: Iterable[Object], cluster: Cluster) -> set[Address]:
    """Return both edges of every prefix, every address, and the neighbours of them."""
    constants = {
        (version, n) for version, bits in _BITS.items() for n in (0, 2**bits - 1)
    }
    for o in objects:
        if "Policy" in o["kind"] or o["kind"] == "CiliumCIDRGroup":
            for text in _texts(o):
                constants |= _edges_of(text)
    single = [*cluster.pod_at, *cluster.node_at, *cluster.services_at]
    single += cluster.api_servers
    single += [a for service in cluster.services for a in service.backends]
    constants |= {(a.version, int(a)) for a in single}
    return {
        _address(version, n)
        for version, constant in constants
        for n in (constant - 1, constant, constant + 1)
        if 0 <= n < 2 ** _BITS[version]
    }


def _roles(address: Address, ends: Ends) -> Iterator[PeerAtom]:
    cluster = ends.cluster
    end = ends.at(address)
    is_service = end.kind is Kind.WORLD and address in cluster.services_at
    yield PeerAtom(address, SEEN, end, is_service)
    if end.kind is Kind.POD or is_service:
        return
    # Any other address may be one of the subject's node: then it is a node's, of which
    # nothing is known where the snapshot does not have the address.
    node = end.node or Node("", {}, [])
    host = Label("reserved", "host", "")
    serving = [host, Label("reserved", "kube-apiserver", "")]
    yield PeerAtom(address, OWN, End(Kind.HOST, address, [host], node=node))
    own = End(Kind.HOST, address, serving, node=node)
    yield PeerAtom(address, OWN_WITH_API_SERVER, own)


def _texts(value: object) -> Iterator[str]:
    """Yield every text of an object, keys too (a label may be ``cidr:10.0.0.0/8``)."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value


def _edges_of(text: str) -> set[tuple[int, int]]:
    """Return both edges of a prefix or address; nothing for any other text."""
    found = set()
    for candidate in (text, text.partition(":")[2]):
        if not _PERHAPS_PREFIX.fullmatch(candidate):
            continue
        for spelling in (candidate, candidate.replace("-", ":")):
            try:
                version, first, last = edges(spelling)
            except ValueError:
                continue
            found |= {(version, first), (version, last)}
    return found


def _address(version: int, number: int) -> Address:
    return ip_address(number.to_bytes(_BITS[version] // 8, "big"))


# ---------------------------------------------------------------- traffic


def find_traffic_atoms(
    objects: Iterable[Object], cluster: Cluster
) -> list[TrafficAtom]:
    """Return the atoms of all traffic: by protocol, then port."""
    ports, types = {0, _LAST_PORT}, {0, _LAST_TYPE}
    for o in objects:
        if "Policy" in o["kind"]:
            _collect(o, ports, types)
    ports |= {n for pod in cluster.pods.values() for _, _, n in pod.ports}
    for service in cluster.services:
        for (_, port), backends in service.ports.items():
            ports |= {port, *(target for _, target in backends)}
    found = [
        TrafficAtom(name, NUMBERS[name], port)
        for name in WITH_PORTS
        for port in _around(ports, _LAST_PORT)
    ]
    found += [
        TrafficAtom(name, NUMBERS[name], kind)
        for name in ("ICMP", "ICMPv6")
        for kind in _around(types, _LAST_TYPE)
    ]
    names = {number: name for name, number in OTHERS.items()}
    with_axes = {number for name, number in NUMBERS.items() if name not in OTHERS}
    numbers = {0, _LAST_PROTOCOL, *names}
    found += [
        TrafficAtom(names.get(number, str(number)), number, 0)
        for number in _around(numbers, _LAST_PROTOCOL)
        if number not in with_axes
    ]
    return found


def _around(constants: Iterable[int], last: int) -> list[int]:
    near = {n for c in constants for n in (c - 1, c, c + 1)}
    return sorted(n for n in near if 0 <= n <= last)


def _collect(value: Any, ports: set[int], types: set[int]) -> None:  # noqa: ANN401  # any JSON
    if isinstance(value, list):
        for inner in value:
            _collect(inner, ports, types)
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if isinstance(inner, dict | list):
            _collect(inner, ports, types)
        elif key in _PORT_KEYS and str(inner).isdecimal():
            ports.add(min(int(inner), _LAST_PORT))
        elif key == "type":
            types |= _types(inner)


def _types(written: object) -> set[int]:
    if str(written).isdecimal():
        return {min(int(str(written)), _LAST_TYPE)}
    return {names[written] for names in ICMP_TYPES.values() if written in names}

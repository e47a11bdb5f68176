"""What is kept of each snapshot object: plain values, so that a cache can hold them.

Addresses are packed (4 or 16 bytes).  Ports and selectors are tuples of pairs or triples,
sorted where order means nothing.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

Pairs = tuple[tuple[str, str], ...]
"""Labels of an object, or a service's selector, sorted by key."""


class NamespaceFacts(NamedTuple):
    """A Namespace."""

    name: str
    labels: Pairs


class PodFacts(NamedTuple):
    """A Pod.

    ``is_finished``: all its containers ended, its address may belong to another by now.
    ``is_terminating``: it is being deleted.
    ``ports`` are its named container ports: name, protocol number, port.
    ``uid`` is what its cgroup is named by; ``containers``: name, id (``runtime://hash``, empty
    before it is made), image, of those that stay and those that do not.  ``owner``: kind and name
    of the controller that made it.
    """

    namespace: str
    name: str
    labels: Pairs
    addresses: tuple[bytes, ...]
    node: str | None
    service_account: str
    is_on_host: bool
    is_finished: bool
    is_terminating: bool
    is_ready: bool
    ports: tuple[tuple[str, int, int], ...]
    uid: str = ""
    containers: tuple[tuple[str, str, str], ...] = ()
    owner: tuple[str, str] = ("", "")


class NodeFacts(NamedTuple):
    """A Node with its internal and external addresses."""

    name: str
    labels: Pairs
    addresses: tuple[bytes, ...]


class ServiceFacts(NamedTuple):
    """A Service; ``ports``: protocol number, port, name, target port (number or name)."""

    namespace: str
    name: str
    labels: Pairs
    addresses: tuple[bytes, ...]
    ports: tuple[tuple[int, int, str, int | str], ...]
    selector: Pairs


class SliceFacts(NamedTuple):
    """An EndpointSlice: its ready addresses, and ports as protocol number, port, name."""

    namespace: str
    service: str
    addresses: tuple[bytes, ...]
    ports: tuple[tuple[int, int, str], ...]


class EndpointFacts(NamedTuple):
    """Our kind Endpoint: like a pod, and with its place in the kernel."""

    namespace: str
    name: str
    labels: Pairs
    addresses: tuple[bytes, ...]
    node: str | None
    service_account: str
    ports: tuple[tuple[str, int, int], ...]
    interface: str | None
    cgroup: str | None


def unpack_address(packed: bytes) -> IPv4Address | IPv6Address:
    """Return the address that a fact holds."""
    return IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)


class Addresses(dict[bytes, IPv4Address | IPv6Address]):
    """The addresses that facts hold: each of them is one object, made when asked for."""

    def __missing__(self, packed: bytes) -> IPv4Address | IPv6Address:
        found = self[packed] = unpack_address(packed)
        return found


Facts = (
    NamespaceFacts | PodFacts | NodeFacts | ServiceFacts | SliceFacts | EndpointFacts
)
FACTS = (
    NamespaceFacts,
    PodFacts,
    NodeFacts,
    ServiceFacts,
    SliceFacts,
    EndpointFacts,
)

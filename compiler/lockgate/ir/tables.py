"""What the passes end with: verdict tables, and all that leads a packet to its cell.

A packet's way through them::

    address  -> peer       longest prefix
    peer     -> class      identities that no rule tells apart share one identity class
    (protocol, port) -> atom           the finest partition that any policy makes
    endpoint, direction -> table       endpoints with the same policy share one
    table.rows[class], table.intervals[atom] -> cell -> decision
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, NamedTuple

from lockgate.ir.policy import Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from ipaddress import IPv4Address, IPv6Address

    from lockgate.ir.cluster import Attachment
    from lockgate.ir.labels import Labels
    from lockgate.ir.policy import Direction, Tier
    from lockgate.source import Span


class Outcome(IntEnum):
    """What a decision does.  Zero is deny, so that empty memory denies.

    REDIRECT and AUTHENTICATE need someone who judges further; where nobody does, the
    program denies.  AUDIT passes and reports the denial that would have been.
    """

    DENY = 0
    ALLOW = 1
    REDIRECT = 2
    AUDIT = 3
    AUTHENTICATE = 4


class Identity(NamedTuple):
    """A number for a label set, as flows and events print it.

    Reserved ones have Cilium's numbers (1 host, 2 world, 6 remote-node, ...); endpoints get
    256-65535 first and 65536-16777215 after; prefixes get 0x01xxxxxx.
    """

    number: int
    labels: Labels
    name: str


class PeerEntry(NamedTuple):
    """What an address can lead to: an identity, and the class that tables ask for.

    Two peers may share an identity and differ in class: NetworkPolicy's ``ipBlock`` tells
    two pods with the same labels apart.  ``host`` and ``api_server_host`` are the peers that
    this one becomes where its address belongs to the judging host itself (for a peer that
    is an endpoint's own address: itself).
    """

    identity: int
    identity_class: int
    host: int
    api_server_host: int


class AddressEntry(NamedTuple):
    """One prefix and its peer; the longest prefix decides.

    ``version`` is 4 or 6, ``value`` the first address as a number, ``length`` that of the
    prefix: a snapshot has too many addresses for an object of ``ipaddress`` each.
    """

    version: int
    value: int
    length: int
    peer: int

    @classmethod
    def of(cls, network: IPv4Network | IPv6Network, peer: int) -> AddressEntry:
        """Return the entry of a network."""
        value = int(network.network_address)
        return cls(network.version, value, network.prefixlen, peer)

    @property
    def network(self) -> IPv4Network | IPv6Network:
        """The prefix."""
        if self.version == 4:  # IP version
            return IPv4Network((self.value, self.length))
        return IPv6Network((self.value, self.length))


class RuleEntry(NamedTuple):
    """A rule as decisions name it.

    ``number`` is stable: a hash of ``name``, probed on collision, never 0.  ``name`` is
    ``Kind/namespace/name#path``; a default deny is ``default-deny/ingress#`` and the keys of
    the policies that caused it; built-in rules are ``lockgate/...``.
    ``effect`` is ``allow``, ``deny``, ``pass``, ``redirect``, ``default-deny`` or ``no-policy``.
    """

    number: int
    name: str
    policies: tuple[str, ...]
    spans: tuple[Span, ...]
    effect: str


class Decision(NamedTuple):
    """The outcome of a cell, the rule that it is counted for, and all that agreed with it.

    ``rule`` and ``because`` are indexes into ``Tables.rules``; ``chain`` is the way through the
    tiers as pairs (tier, rule index), ending with the rule that decided.
    ``argument``: for REDIRECT the parser's number (its order in ``ir.l7.Parser``, from 1).
    """

    outcome: Outcome
    rule: int
    argument: int
    because: tuple[int, ...]
    chain: tuple[tuple[Tier, int], ...]


ROW_PAGE = 64
"""Rows in a page of :class:`Rows`; the page of the kernel's peer table."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Row numbers by identity class, in pages of ``ROW_PAGE`` little-endian u16.

    Few classes differ from row 0 in most tables, so most pages are one and the same
    object: thousands of tables fit in memory, and equal pages are found without a look
    inside.  The last page is filled up with zeros.
    """

    count: int
    pages: tuple[bytes, ...]

    @classmethod
    def of(cls, rows: Iterable[int]) -> Rows:
        """Return the pages of a plain sequence of row numbers."""
        line = array("H", rows)
        count = len(line)
        line.extend([0] * (-count % ROW_PAGE))
        if sys.byteorder == "big":
            line.byteswap()
        size = 2 * ROW_PAGE
        data = line.tobytes()
        return cls(
            count, tuple(data[at : at + size] for at in range(0, len(data), size))
        )

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, identity_class: int) -> int:
        if not 0 <= identity_class < self.count:
            raise IndexError(identity_class)
        page, place = divmod(identity_class, ROW_PAGE)
        return int.from_bytes(self.pages[page][2 * place : 2 * place + 2], "little")

    def __iter__(self) -> Iterator[int]:
        line = array("H", b"".join(self.pages))
        if sys.byteorder == "big":
            line.byteswap()
        return iter(line[: self.count])


class VerdictTable(NamedTuple):
    """A policy in one direction: class and atom to decision.

    ``rows[identity_class]``, ``intervals[atom]`` (array ``H``) and
    ``cells[row * interval_count + interval]`` (array ``I``, indexes of ``Tables.decisions``).
    ``policies``: the keys of the policies that made it, sorted.
    """

    direction: Direction
    policies: tuple[str, ...]
    rows: Rows
    intervals: array[int]
    interval_count: int
    cells: array[int]


AXES: Mapping[Protocol, int] = {
    Protocol.TCP: 0,
    Protocol.UDP: 1,
    Protocol.SCTP: 2,
    Protocol.ICMP: 3,
    Protocol.ICMPV6: 4,
}
"""The axis of traffic on which a protocol is; every other one is a point on OTHER_AXIS."""

OTHER_AXIS = 5
AXIS_SIZES = (65536, 65536, 65536, 256, 256, 256)

MOST_ATOMS = 1 << 16
"""Port atoms are u16 in the kernel."""


@dataclass(frozen=True, slots=True)
class PortAtoms:
    """The partition of traffic: for each protocol the sorted first port of each atom.

    ``starts[axis]`` begins with 0; atoms are numbered through, axis by axis.  Axes: TCP, UDP,
    SCTP by destination port (65,536), ICMP and ICMPv6 by type (256), every other IP
    protocol by its number (256).
    """

    starts: tuple[tuple[int, ...], ...]

    @property
    def count(self) -> int:
        """How many atoms there are."""
        return sum(map(len, self.starts))

    def find(self, protocol: int, number: int = 0) -> int:
        """Return the atom of a protocol's port or type (for other protocols: of itself)."""
        known = protocol in AXES
        axis = AXES[Protocol(protocol)] if known else OTHER_AXIS
        place = bisect_right(self.starts[axis], number if known else protocol) - 1
        return sum(map(len, self.starts[:axis])) + place


class EndpointEntry(NamedTuple):
    """An endpoint to be enforced: who it is, and its table (index) in each direction."""

    namespace: str
    name: str
    node: str | None
    identity: int
    addresses: tuple[IPv4Address | IPv6Address, ...]
    ingress_table: int
    egress_table: int
    attachment: Attachment | None = None


@dataclass(frozen=True, slots=True)
class HostEntry:
    """A node as a subject of host policies; its tables say "no policy" where none selects it.

    ``pods`` are those on its network, ``namespace/name``: flows may name them.
    """

    node: str
    identity: int
    addresses: tuple[IPv4Address | IPv6Address, ...]
    ingress_table: int
    egress_table: int
    is_api_server: bool
    is_enforced: bool
    pods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tables:
    """The whole result, for a whole cluster.

    ``identities`` are sorted by number; ``peers[0]`` is what no prefix covers.
    ``tables[0]`` and ``tables[1]`` are "no policy" for ingress and egress.
    """

    identities: tuple[Identity, ...]
    peers: Sequence[PeerEntry]
    class_count: int
    addresses: Sequence[AddressEntry]
    atoms: PortAtoms
    tables: Sequence[VerdictTable]
    decisions: Sequence[Decision]
    rules: Sequence[RuleEntry]
    endpoints: Sequence[EndpointEntry]
    hosts: Sequence[HostEntry]

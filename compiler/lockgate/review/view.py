"""One view of verdict tables, wherever they come from: from the passes, or from a bundle.

A view answers what a comparison asks: who is there, under which tables; what address
leads to which identity class; what a cell says, in words; and which lines made it say so.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lockgate.ir.prefixes import WIDTH, Prefix, PrefixTree

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from ipaddress import IPv4Address, IPv6Address

    from lockgate.ir.l7 import L7Rules

    Address = IPv4Address | IPv6Address

DENY = "deny"
ABSENT = "absent"
"""The verdict about who is not in a snapshot: nothing passes."""

REDIRECT = "redirect"
"""What a verdict begins with that is left to a parser; its requests follow."""


class Pod(NamedTuple):
    """An endpoint: ``classes`` are those of its addresses, by IP version."""

    namespace: str
    name: str
    labels: tuple[str, ...]
    node: str | None
    ingress: int
    egress: int
    classes: Mapping[int, int]
    addresses: tuple[Address, ...]

    @property
    def key(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


class Node(NamedTuple):
    """A node: as a subject, as a peer from elsewhere, and as the host of its own pods."""

    name: str
    ingress: int
    egress: int
    classes: Mapping[int, int]
    as_host: int
    addresses: tuple[Address, ...]


class Table(NamedTuple):
    """A verdict table: rows by class, intervals by atom, decisions row by row."""

    rows: array[int]
    intervals: array[int]
    interval_count: int
    cells: array[int]


class Reason(NamedTuple):
    """A rule behind a verdict; built-in rules have no place."""

    policy: str
    rule: str
    effect: str
    file: str | None
    line: int | None


class NameRule(NamedTuple):
    """A rule about a DNS name: the atoms of its traffic, and what it asks at L7."""

    name: str
    atoms: frozenset[int]
    l7: L7Rules | None
    reason: Reason


@dataclass(frozen=True)
class View:
    """The verdict tables of one policy set.

    ``world`` are, by IP version, the addresses (as numbers) where the class of what is
    outside changes, and the class from there.  ``host`` is the class of an own host that is
    no node of the snapshot.  ``atoms`` are the first ports by axis.  ``verdicts`` say what
    each decision does; ``defaults`` are the decisions that deny by default.  ``rest`` is the
    class of addresses that no rule names; ``names`` are rules about DNS names by table.
    """

    pods: tuple[Pod, ...]
    nodes: tuple[Node, ...]
    world: Mapping[int, tuple[Sequence[int], Sequence[int]]]
    host: int
    atoms: tuple[tuple[int, ...], ...]
    verdicts: Sequence[str]
    defaults: frozenset[int]
    read_table: Callable[[int], Table]
    read_reasons: Callable[[int], tuple[Reason, ...]]
    rest: int = 0
    names: Mapping[int, tuple[NameRule, ...]] = field(default_factory=dict)
    _tables: dict[int, Table] = field(default_factory=dict)

    def table(self, number: int) -> Table:
        """Return a verdict table."""
        found = self._tables.get(number)
        if found is None:
            found = self._tables[number] = self.read_table(number)
        return found


def without_requests(view: View) -> View:
    """Return a view as a bundle gives it: redirects say their parser, names are unknown."""
    verdicts = [verdict.partition(":")[0] for verdict in view.verdicts]
    return replace(view, verdicts=verdicts, names={})


def passes(verdict: str) -> bool:
    """Whether a verdict lets something pass, be it through a parser or with a report."""
    return verdict not in (DENY, ABSENT)


# ---------------------------------------------------------------- addresses


class PeerForm(Protocol):
    """What a peer is in both forms of tables; see ``ir.tables.PeerEntry``."""

    @property
    def identity_class(self) -> int:
        """The class that tables ask for."""

    @property
    def host(self) -> int:
        """The peer that this one becomes as the judging host."""

    @property
    def api_server_host(self) -> int:
        """Likewise, where that host is an API server."""


class AddressBook:
    """Finds what addresses lead to."""

    def __init__(
        self, peers: Sequence[PeerForm], entries: Sequence[tuple[Prefix, int]]
    ) -> None:
        """Take the peers, and which of them each prefix leads to."""
        self._peers = peers
        self._entries = entries
        self._of = {
            (prefix.version, prefix.value): peer
            for prefix, peer in entries
            if prefix.length == WIDTH[prefix.version]
        }

    @property
    def unknown_host(self) -> int:
        """The class of an own host that is no node of the snapshot."""
        return self._peers[self._peers[0].host].identity_class

    @property
    def rest(self) -> int:
        """The class of addresses that no rule names."""
        return self._peers[0].identity_class

    def classes(self, addresses: Sequence[Address]) -> dict[int, int]:
        """Return the class of the first address of each family."""
        found: dict[int, int] = {}
        for address in addresses:
            peer = self._of[address.version, int(address)]
            found.setdefault(address.version, self._peers[peer].identity_class)
        return found

    def as_host(self, addresses: Sequence[Address], *, is_api_server: bool) -> int:
        """Return the class of a node with these addresses to its own pods."""
        known = [self._of[a.version, int(a)] for a in addresses[:1]]
        peer = self._peers[known[0] if known else 0]
        host = peer.api_server_host if is_api_server else peer.host
        return self._peers[host].identity_class

    def world(
        self, ends: Iterable[Pod | Node]
    ) -> dict[int, tuple[list[int], list[int]]]:
        """Return the edges of what is outside: no end's and no service's address.

        A service's address is judged as its backends are, which are compared themselves;
        its peer is the only one outside that stays what it is on the host itself.
        """
        inside = {Prefix.of_address(a) for end in ends for a in end.addresses}
        classes = {
            prefix: self._peers[peer].identity_class
            for prefix, peer in self._entries
            if prefix not in inside and self._peers[peer].host != peer
        }
        tree = PrefixTree.of(classes)
        return {
            version: (starts, [classes[tree.prefixes[owner]] for owner in owners])
            for version, (starts, owners) in tree.edges.items()
        }

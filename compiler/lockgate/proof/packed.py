"""The bundle's tables as bytes read back: what the datapath would find, and where.

Nothing here knows what the compiler meant; a cell is found from an address, a protocol
and a port, as the programs find it.
"""

from __future__ import annotations

from functools import cached_property
from ipaddress import IPv6Address
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from lockgate_runtime import layout
from lockgate_runtime.tables import ADDRESS_V6_SIZE, PORT_DIRECTORY_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address

    from lockgate_runtime.tables import PackedTables

    Address = IPv4Address | IPv6Address

_PAGE = layout.ADDRESS_V4_PAGE


class Place(NamedTuple):
    """Where a verdict table's cells lie: the first, how many columns and rows."""

    first: int
    columns: int
    rows: int


class ReadBack:
    """The tables of one bundle."""

    def __init__(self, tables: PackedTables) -> None:
        self.tables = tables
        self.cells = tables.words("cells.bin")
        self._intervals = tables.halves("intervals.bin")
        self._directory = tables.words("peer_directory.bin")
        self._pages = tables.halves("peer_pages.bin")
        self._rows: dict[tuple[int, tuple[int, ...]], list[int]] = {}
        self.table_count = len(tables.words("policies.bin")) // 4

    # ------------------------------------------------------------ from packet to cell

    def peer(self, address: Address) -> int:
        """Return the number of the peer that an address leads to."""
        if address.version == 4:
            return self.tables.peer_of(address)
        number = int(address)
        for length, networks in self._prefixes_v6:
            peer = networks.get(number >> (128 - length))
            if peer is not None:
                return peer
        return 0

    def rows(self, table: int, classes: tuple[int, ...]) -> list[int]:
        """Return the rows of identity classes in a verdict table."""
        key = self.tables.policy(table).peer_directory, classes
        found = self._rows.get(key)
        if found is None:
            directory, pages = key[0], self._pages
            places = [divmod(one, layout.PEER_PAGE) for one in classes]
            found = self._rows[key] = [
                pages[self._directory[directory + page] * layout.PEER_PAGE + place]
                for page, place in places
            ]
        return found

    def columns(self, table: int, atoms: tuple[int, ...]) -> list[int]:
        """Return the intervals of port atoms in a verdict table."""
        start = self.tables.policy(table).intervals
        return [self._intervals[start + atom] for atom in atoms]

    @cached_property
    def places(self) -> list[Place]:
        """Where the cells of each table lie; a part ends where the next begins."""
        found = [self.tables.policy(n) for n in range(self.table_count)]
        starts = sorted({policy.cells for policy in found})
        ends = dict(zip(starts, [*starts[1:], len(self.cells)], strict=True))
        return [
            Place(
                policy.cells,
                policy.interval_count,
                (ends[policy.cells] - policy.cells) // policy.interval_count,
            )
            for policy in found
        ]

    @cached_property
    def _prefixes_v6(self) -> list[tuple[int, dict[int, int]]]:
        """Prefix length, longest first, and what each prefix of it leads to."""
        found: dict[int, dict[int, int]] = {}
        for number, length, peer in self._records_v6():
            found.setdefault(length, {})[number >> (128 - length)] = peer
        return sorted(found.items(), reverse=True)

    def _records_v6(self) -> Iterator[tuple[int, int, int]]:
        data = bytes(self.tables.content("addresses_v6.bin"))
        for at in range(0, len(data), ADDRESS_V6_SIZE):
            record = data[at : at + ADDRESS_V6_SIZE]
            yield (
                int.from_bytes(record[:16], "big"),
                int.from_bytes(record[16:20], "little"),
                int.from_bytes(record[20:24], "little"),
            )

    @cached_property
    def live_classes(self) -> tuple[int, ...]:
        """Every class that some address leads to, also as one of the node's own."""
        peers = {peer for _, peer in self._segments_v4(0, 0, 24)}
        peers |= {peer for _, _, peer in self._records_v6()} | {0}
        found = [self.tables.peer(peer) for peer in peers]
        found += [self.tables.peer(peer.host) for peer in found]
        own = [self.tables.peer(peer.api_server_host) for peer in found]
        return tuple(sorted({peer.identity_class for peer in (*found, *own)}))

    # ------------------------------------------------------------ where answers change

    def address_edges(self) -> Iterator[tuple[int, int]]:
        """Yield (version, address) wherever an address leads elsewhere than the one before."""
        before = None
        for first, peer in self._segments_v4(0, 0, 24):
            if before is not None and peer != before:
                yield 4, first
            before = peer
        for number, length, _ in self._records_v6():
            for edge in (number, number + (1 << 128 - length)):
                if 0 < edge < 1 << 128 and self._changes_v6(edge):
                    yield 6, edge

    def port_edges(self) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        """Yield neighbours (IP protocol, port or type) that lead to different atoms.

        Protocols without ports are neighbours of each other: (number, 0).
        """
        halves = self.tables.halves("ports.bin")
        pages = halves[PORT_DIRECTORY_SIZE // 2 :].tolist()
        entry = 0
        for protocol, size in (
            (6, 65536),
            (17, 65536),
            (132, 65536),
            (1, 256),
            (58, 256),
        ):
            before = None
            for first in range(0, size, layout.PORT_PAGE):
                start = halves[entry] * layout.PORT_PAGE
                page = pages[start : start + layout.PORT_PAGE]
                entry += 1
                if len({before, *page}) > 1:  # most pages are of one atom
                    ports = range(first - 1, first + layout.PORT_PAGE)
                    for port, (one, two) in zip(
                        ports, pairwise((before, *page)), strict=False
                    ):
                        if one is not None and one != two:
                            yield (protocol, port), (protocol, port + 1)
                before = page[-1]
        others = [n for n in range(256) if n not in (6, 17, 132, 1, 58)]
        for number, following in pairwise(others):
            if self.tables.atom(number, 0) != self.tables.atom(following, 0):
                yield (number, 0), (following, 0)

    def _segments_v4(
        self, page: int, base: int, shift: int
    ) -> Iterator[tuple[int, int]]:
        words = self.tables.words("addresses_v4.bin")
        for place in range(_PAGE):
            word = words[page * _PAGE + place]
            first = base + (place << shift)
            if word & layout.ADDRESS_V4_IS_PAGE:
                below = word & ~layout.ADDRESS_V4_IS_PAGE
                yield from self._segments_v4(below, first, shift - 8)
            else:
                yield first, word

    def _changes_v6(self, edge: int) -> bool:
        return self.peer(IPv6Address(edge)) != self.peer(IPv6Address(edge - 1))

"""Pack verdict tables into the binary files of a bundle.

Each ``.bin`` file is what one BPF map will hold, little-endian, ready to be read by mmap
and handed to the kernel in batches; ``lockgate_runtime.layout`` says what a record is and
``lockgate_runtime.tables`` reads them back.  Whatever occurs twice is written once: pages
of rows, pages of ports, whole directories, interval lists and cell matrices.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from lockgate.codegen.json_text import (
    print_decision,
    print_endpoints,
    print_identity,
    print_lines,
    print_rule,
)
from lockgate.ir.tables import AXIS_SIZES
from lockgate_runtime import layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockgate.ir.tables import (
        AddressEntry,
        PeerEntry,
        PortAtoms,
        Tables,
        VerdictTable,
    )


def pack_tables(tables: Tables) -> dict[str, bytes]:
    """Return file name (below ``tables/``) → content, of everything a node needs.

    Before: ``tables.atoms.count`` is at most ``MOST_ATOMS``.
    """
    return pack_ways(tables) | pack_rules(tables) | pack_outcomes(tables)


def pack_ways(tables: Tables) -> dict[str, bytes]:
    """Return what leads a packet to its verdict; no verdict need be there yet."""
    return {
        **_pack_maps_of_ways(tables),
        "identities.json": print_lines(map(print_identity, tables.identities)),
        "endpoints.json": print_endpoints(tables),
    }


def pack_rules(tables: Tables) -> dict[str, bytes]:
    """Return the verdict tables, and the rules that decide in them."""
    return {
        **pack_policies(tables.tables),
        "rules.json": print_lines(map(print_rule, tables.rules)),
    }


def pack_outcomes(tables: Tables) -> dict[str, bytes]:
    """Return all decisions."""
    return {
        "decisions.bin": pack_decisions(tables),
        "decisions.json": print_lines(map(print_decision, tables.decisions)),
    }


def pack_maps(tables: Tables) -> dict[str, bytes]:
    """Return what maps hold, without the names beside."""
    return {
        **_pack_maps_of_ways(tables),
        **pack_policies(tables.tables),
        "decisions.bin": pack_decisions(tables),
    }


def _pack_maps_of_ways(tables: Tables) -> dict[str, bytes]:
    return {
        "addresses_v4.bin": pack_addresses_v4(tables.addresses),
        "addresses_v6.bin": pack_addresses_v6(tables.addresses),
        "peers.bin": pack_peers(tables.peers),
        "ports.bin": pack_ports(tables.atoms),
    }


# ---------------------------------------------------------------- addresses and peers


def pack_addresses_v4(entries: Sequence[AddressEntry]) -> bytes:
    """Build the page trie: one byte of the address a level, page 0 is the root.

    Shorter prefixes go in first.  A longer one then only ever splits a word that holds a
    peer into a page filled with that peer, so that each word holds its longest prefix.
    """
    prefixes = sorted((e.length, e.value, e.peer) for e in entries if e.version == 4)
    words = array("I", bytes(4 * layout.ADDRESS_V4_PAGE))
    for length, address, peer in prefixes:
        page, shift = 0, 24
        while length > 32 - shift:
            place = page * layout.ADDRESS_V4_PAGE + (address >> shift & 0xFF)
            word = words[place]
            if not word & layout.ADDRESS_V4_IS_PAGE:
                page = len(words) // layout.ADDRESS_V4_PAGE
                words[place] = layout.ADDRESS_V4_IS_PAGE | page
                words.extend(array("I", [word]) * layout.ADDRESS_V4_PAGE)
            else:
                page = word & ~layout.ADDRESS_V4_IS_PAGE
            shift -= 8
        place = page * layout.ADDRESS_V4_PAGE + (address >> shift & 0xFF)
        covered = 1 << (32 - shift - length)
        words[place : place + covered] = array("I", [peer]) * covered
    return _bytes(words)


def pack_addresses_v6(entries: Sequence[AddressEntry]) -> bytes:
    """Sort IPv6 prefixes by address, then length: 16-byte address, u32 length, u32 peer."""
    return b"".join(
        address + length.to_bytes(4, "little") + peer.to_bytes(4, "little")
        for address, length, peer in sorted(
            (e.value.to_bytes(16, "big"), e.length, e.peer)
            for e in entries
            if e.version == 6
        )
    )


def pack_peers(peers: Sequence[PeerEntry]) -> bytes:
    """Pack ``struct peer[]``."""
    words = array("I")
    for peer in peers:
        words.extend(
            (peer.identity, peer.identity_class, peer.host, peer.api_server_host)
        )
    return _bytes(words)


# ---------------------------------------------------------------- ports


def pack_ports(atoms: PortAtoms) -> bytes:
    """Pack the directory of port pages and the distinct pages behind it."""
    pages = _Shared(layout.PORT_PAGE)
    directory = array("H")
    first = 0
    for size, starts in zip(AXIS_SIZES, atoms.starts, strict=True):
        ends = (*starts[1:], size)
        line = array("H")
        for atom, (start, end) in enumerate(zip(starts, ends, strict=True), first):
            line.extend(array("H", [atom]) * (end - start))
        first += len(starts)
        directory.extend(pages.place_all(line))
    directory.extend([0] * (-len(directory) % layout.PORT_PAGE))
    return _bytes(directory) + pages.content


# ---------------------------------------------------------------- verdict tables


def pack_policies(tables: Sequence[VerdictTable]) -> dict[str, bytes]:
    """Pack the verdict tables: ``policies.bin`` says where the parts of each one begin."""
    pages = _Shared(layout.PEER_PAGE)
    pages.place_all(array("H", bytes(2 * layout.PEER_PAGE)))  # page 0 is all zero
    directories, intervals, cells = _Joined("I"), _Joined("H"), _Joined("I")
    directory_of: dict[tuple[bytes, ...], int] = {}
    policies = array("I")
    for table in tables:
        rows = table.rows.pages
        directory = directory_of.get(rows)
        if directory is None:
            directory = directory_of[rows] = directories.place(pages.place_pages(rows))
        policies.extend(
            (
                directory,
                intervals.place(table.intervals),
                cells.place(table.cells),
                table.interval_count,
            )
        )
    return {
        "peer_pages.bin": pages.content,
        "peer_directory.bin": directories.content,
        "intervals.bin": intervals.content,
        "cells.bin": cells.content,
        "policies.bin": _bytes(policies),
    }


def pack_decisions(tables: Tables) -> bytes:
    """Pack ``struct decision[]``, with the stable number of the deciding rule."""
    numbers = [rule.number for rule in tables.rules]
    pack = layout.DECISION.pack
    return b"".join(
        pack(rule=numbers[d.rule], argument=d.argument, outcome=int(d.outcome))
        for d in tables.decisions
    )


class _Shared:
    """Fixed-size pages of u16, each distinct one kept once; numbered in order of arrival."""

    def __init__(self, page: int) -> None:
        self._size = 2 * page
        self._numbers: dict[bytes, int] = {}

    def place_all(self, line: array[int]) -> list[int]:
        """Cut a line into pages (the last filled up with zeros) and return their numbers."""
        data = _bytes(line)
        data += bytes(-len(data) % self._size)
        numbers, size = self._numbers, self._size
        return [
            numbers.setdefault(data[at : at + size], len(numbers))
            for at in range(0, len(data), size)
        ]

    def place_pages(self, pages: Sequence[bytes]) -> array[int]:
        """Return the numbers of whole pages."""
        numbers = self._numbers
        for page in dict.fromkeys(pages):
            if page not in numbers:
                numbers[page] = len(numbers)
        return array("I", map(numbers.__getitem__, pages))

    @property
    def content(self) -> bytes:
        """All pages, by number."""
        return b"".join(self._numbers)


class _Joined:
    """Arrays of one element type laid end to end, each distinct one kept once."""

    def __init__(self, code: str) -> None:
        self._elements = array(code)
        self._starts: dict[bytes, int] = {}

    def place(self, part: array[int]) -> int:
        """Return the element at which an array equal to ``part`` begins."""
        data = part.tobytes()
        start = self._starts.get(data)
        if start is None:
            start = self._starts[data] = len(self._elements)
            self._elements.extend(part)
        return start

    @property
    def content(self) -> bytes:
        """All arrays, in order of arrival."""
        return _bytes(self._elements)


def _bytes(words: array[int]) -> bytes:
    """Return little-endian bytes on any machine."""
    if _IS_BIG_ENDIAN:
        words = words[:]
        words.byteswap()
    return words.tobytes()


_IS_BIG_ENDIAN = array("H", [1]).tobytes() == b"\0\1"

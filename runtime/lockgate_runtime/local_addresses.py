"""Lay this host's own addresses over the cluster's address tables.

Every local address of a host is the host: it leads to its peer's ``host`` (or
``api_server_host`` on a host that runs the API server), whatever prefix covers it in the
cluster's table.  Only the pages and records on the way to a local address are changed.
"""

from __future__ import annotations

from array import array
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from lockgate_runtime import layout
from lockgate_runtime.node_part import PIECE, TableFile
from lockgate_runtime.tables import ADDRESS_V6_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    Address = IPv4Address | IPv6Address

_PAGE_SIZE = 4 * layout.ADDRESS_V4_PAGE


class AddressPart:
    """The address tables, with this host's own addresses laid over them.

    An address of this host leads to its peer's ``host`` (``api_server_host`` on a host that
    runs the API server), whatever prefix covers it in the cluster's table.
    """

    def __init__(
        self, directory: Path, local: Iterable[Address], *, is_api_server: bool
    ) -> None:
        self._v4 = TableFile(directory / "addresses_v4.bin")
        self._v6 = TableFile(directory / "addresses_v6.bin")
        self._peers = TableFile(directory / "peers.bin")
        self._place = 3 if is_api_server else 2
        self._changed: dict[int, array[int]] = {}
        self.pages = self._v4.size // _PAGE_SIZE
        local_v6 = []
        for address in local:
            if isinstance(address, IPv4Address):
                self._overlay_v4(int(address))
            else:
                local_v6.append(address)
        self._split_v6(local_v6)

    def peer_of_host(self, peer: int) -> int:
        """Return the peer that ``peer`` becomes at an address of this host."""
        size = layout.PEER.size
        return array("I", self._peers.read(size * peer, size))[self._place]

    def v4(self) -> Iterator[bytes]:
        """Yield the pages of the IPv4 table in order, in pieces."""
        on_disk = self._v4.size // _PAGE_SIZE
        step = PIECE // _PAGE_SIZE
        for first in range(0, on_disk, step):
            last = min(first + step, on_disk)
            piece = bytearray(
                self._v4.read(first * _PAGE_SIZE, (last - first) * _PAGE_SIZE)
            )
            for number, page in self._changed.items():
                if first <= number < last:
                    at = (number - first) * _PAGE_SIZE
                    piece[at : at + _PAGE_SIZE] = page.tobytes()
            yield bytes(piece)
        for number in range(on_disk, self.pages):
            yield self._changed[number].tobytes()

    def v6_addresses(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield (keys, values) of the exact addresses: 16 bytes and u32 peer."""
        overlaid = dict(self._local_v6)
        for piece in self._v6_pieces():
            keys, values = bytearray(), bytearray()
            for at in range(0, len(piece), ADDRESS_V6_SIZE):
                if piece[at + 16] == 128:
                    key = piece[at : at + 16]
                    keys += key
                    peer = overlaid.pop(key, None)
                    values += piece[at + 20 : at + 24] if peer is None else peer
            yield bytes(keys), bytes(values)
        yield b"".join(overlaid), b"".join(overlaid.values())

    def v6_prefixes(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield (keys, values) of the shorter prefixes: u32 length and 16 bytes; u32 peer."""
        for length, address, peer in self._short_v6:
            yield length.to_bytes(4, "little") + address, peer.to_bytes(4, "little")

    @property
    def v6_address_count(self) -> int:
        """How many exact addresses there are."""
        return self._exact_count

    @property
    def v6_prefix_count(self) -> int:
        """How many shorter prefixes there are."""
        return len(self._short_v6)

    def peers(self) -> Iterator[bytes]:
        """Yield ``struct peer[]`` in pieces."""
        return self._peers.pieces()

    @property
    def peer_count(self) -> int:
        """How many peers there are."""
        return self._peers.size // layout.PEER.size

    def _page(self, number: int) -> array[int]:
        page = self._changed.get(number)
        if page is None:
            page = array("I", self._v4.read(number * _PAGE_SIZE, _PAGE_SIZE))
        return page

    def _overlay_v4(self, address: int) -> None:
        number = 0
        for shift in (24, 16, 8):
            page, place = self._page(number), address >> shift & 0xFF
            word = page[place]
            if word & layout.ADDRESS_V4_IS_PAGE:
                number = word & ~layout.ADDRESS_V4_IS_PAGE
                continue
            page[place] = layout.ADDRESS_V4_IS_PAGE | self.pages
            self._changed[number] = page
            number = self.pages
            self._changed[number] = array("I", [word]) * layout.ADDRESS_V4_PAGE
            self.pages += 1
        page, place = self._page(number), address & 0xFF
        page[place] = self.peer_of_host(page[place])
        self._changed[number] = page

    def _v6_pieces(self) -> Iterator[bytes]:
        records = PIECE // ADDRESS_V6_SIZE * ADDRESS_V6_SIZE
        for at in range(0, self._v6.size, records):
            yield self._v6.read(at, min(records, self._v6.size - at))

    def _split_v6(self, local: Iterable[IPv6Address]) -> None:
        self._short_v6: list[tuple[int, bytes, int]] = []
        self._exact_count = 0
        wanted = {address.packed for address in local}
        exact: dict[bytes, int] = {}
        for piece in self._v6_pieces():
            for at in range(0, len(piece), ADDRESS_V6_SIZE):
                key, length = piece[at : at + 16], piece[at + 16]
                if length == 128 and key not in wanted:
                    self._exact_count += 1
                    continue
                peer = int.from_bytes(piece[at + 20 : at + 24], "little")
                if length == 128:
                    exact[key] = peer
                else:
                    self._short_v6.append((length, key, peer))
        self._local_v6 = {
            key: self.peer_of_host(
                exact[key] if key in exact else self._covering_v6(key)
            ).to_bytes(4, "little")
            for key in sorted(wanted)
        }
        self._exact_count += len(self._local_v6)

    def _covering_v6(self, address: bytes) -> int:
        number = int.from_bytes(address, "big")
        covering = max(
            (
                (length, peer)
                for length, network, peer in self._short_v6
                if number >> (128 - length)
                == int.from_bytes(network, "big") >> (128 - length)
            ),
            default=(0, 0),
        )
        return covering[1]

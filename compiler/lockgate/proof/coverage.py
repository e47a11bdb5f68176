"""What was not looked at: cells that no atom reaches, edges in the tables without atoms."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lockgate.proof.differences import TableProof
    from lockgate.proof.packed import ReadBack
    from lockgate.proof.reference.atoms import PeerAtom, TrafficAtom


class Coverage:
    """The tables beside the atoms that were asked about, and the cells that were visited."""

    def __init__(
        self,
        read: ReadBack,
        seen: bytearray,
        peers: Sequence[PeerAtom],
        traffic: Sequence[TrafficAtom],
        proof: TableProof,
    ) -> None:
        self.read, self.seen = read, seen
        self.peers, self.traffic = peers, traffic
        self.proof = proof
        self._live: dict[int, set[int]] = {}

    def check(self) -> None:
        """Add what was not looked at, and count the rest."""
        proof = self.proof
        proof.counts.visited_cells = sum(self.seen)
        missing = [
            (table, row, left)
            for table, row, left in self._unseen_rows()
            if row in self._live_rows(table)
        ]
        proof.counts.dead_cells = len(self.seen) - proof.counts.visited_cells
        if missing:
            count = sum(left for _, _, left in missing)
            proof.counts.dead_cells -= count
            table, row, _ = missing[0]
            proof.unvisited.append(
                f"{count} cells are reached by no atom; the first is in row {row} of table "
                f"{table}"
            )
        proof.unvisited += self._unseen_addresses()
        proof.unvisited += self._unseen_traffic()

    def _unseen_rows(self) -> Iterator[tuple[int, int, int]]:
        """Yield (table, row, cells) of rows with cells that were not visited."""
        done = set()
        for table, place in enumerate(self.read.places):
            if place in done:
                continue
            done.add(place)
            for row in range(place.rows):
                start = place.first + row * place.columns
                left = self.seen.count(0, start, start + place.columns)
                if left:
                    yield table, row, left

    def _live_rows(self, table: int) -> set[int]:
        """Return the rows to which addresses lead, of all tables with the same cells."""
        found = self._live.get(table)
        if found is None:
            place = self.read.places[table]
            found = self._live[table] = {
                row
                for other, there in enumerate(self.read.places)
                if there == place
                for row in self.read.rows(other, self.read.live_classes)
            }
        return found

    def _unseen_addresses(self) -> Iterator[str]:
        atoms = {(a.address.version, int(a.address)) for a in self.peers}
        for version, address in self.read.address_edges():
            self.proof.counts.address_edges += 1
            if not {(version, address - 1), (version, address)} <= atoms:
                text = ip_address(address.to_bytes(4 if version == 4 else 16, "big"))
                yield f"the tables change at address {text}, where no atom is"

    def _unseen_traffic(self) -> Iterator[str]:
        atoms = {(a.number, a.port) for a in self.traffic}
        for one, two in self.read.port_edges():
            self.proof.counts.port_edges += 1
            if not {one, two} <= atoms:
                yield (
                    f"the tables change between {one[1]} and {two[1]} of IP protocol "
                    f"{two[0]}, where no atom is"
                )

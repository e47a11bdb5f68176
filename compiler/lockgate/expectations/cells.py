"""Read verdict tables row by row: for one endpoint and one peer, what is decided for what.

A row is a few decisions, each with the set of port atoms (bits) that it is about.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING

from lockgate.bitset import from_members

if TYPE_CHECKING:
    from lockgate.bitset import Bits
    from lockgate.ir.tables import Tables

Row = tuple[tuple[int | None, int], ...]
"""Pairs of a decision (None: nobody judges) and the atoms that it is about."""


class Cells:
    """Rows of the tables."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.everything: Bits = (1 << tables.atoms.count) - 1
        self.nobody: Row = ((None, self.everything),)
        self.row = cache(self._row)
        self._distinct_row = cache(self._read_row)
        self._intervals = cache(self._read_intervals)

    def _row(self, table: int, identity_class: int) -> Row:
        return self._distinct_row(
            table, self._tables.tables[table].rows[identity_class]
        )

    def _read_row(self, table: int, row: int) -> Row:
        verdicts = self._tables.tables[table]
        first = row * verdicts.interval_count
        bits: dict[int, int] = defaultdict(int)
        for interval, atoms in enumerate(self._intervals(table)):
            bits[verdicts.cells[first + interval]] |= atoms
        return tuple(sorted(bits.items()))

    def _read_intervals(self, table: int) -> list[Bits]:
        verdicts = self._tables.tables[table]
        atoms: list[list[int]] = [[] for _ in range(verdicts.interval_count)]
        for atom, interval in enumerate(verdicts.intervals):
            atoms[interval].append(atom)
        count = self._tables.atoms.count
        return [from_members(some, count) for some in atoms]

"""Read verdict tables row by row: for one endpoint and one peer, what is decided for what.

A row is a few decisions, each with the set of port atoms (bits) that it is about.  Few
different rows occur, so each has a number, and a table is a line of such numbers by
identity class.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING

from lockgate.bitset import from_members

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockgate.bitset import Bits
    from lockgate.ir.tables import Tables

Row = tuple[tuple[int | None, int], ...]
"""Pairs of a decision (None: nobody judges) and the atoms that it is about."""

NOBODY = 0
"""The number of the row of those who are not judged."""


class Cells:
    """Rows of the tables, by number."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        everything: Bits = (1 << tables.atoms.count) - 1
        self.rows: list[Row] = [((None, everything),)]
        self._numbers: dict[Row, int] = {self.rows[NOBODY]: NOBODY}
        self._nobody = [NOBODY] * tables.class_count
        self._read = cache(self._line)

    def line(self, table: int | None) -> Sequence[int]:
        """Return the numbers of a table's rows by identity class; None is no table."""
        return self._nobody if table is None else self._read(table)

    def _line(self, table: int) -> list[int]:
        verdicts = self._tables.tables[table]
        count = self._tables.atoms.count
        atoms: list[list[int]] = [[] for _ in range(verdicts.interval_count)]
        for atom, interval in enumerate(verdicts.intervals):
            atoms[interval].append(atom)
        intervals = [from_members(some, count) for some in atoms]
        places = list(verdicts.rows)
        numbers = {place: self._number(table, place, intervals) for place in {*places}}
        return [numbers[place] for place in places]

    def _number(self, table: int, place: int, intervals: Sequence[Bits]) -> int:
        verdicts = self._tables.tables[table]
        first = place * verdicts.interval_count
        bits: dict[int, int] = defaultdict(int)
        for interval, atoms in enumerate(intervals):
            bits[verdicts.cells[first + interval]] |= atoms
        row = tuple(sorted(bits.items()))
        number = self._numbers.setdefault(row, len(self.rows))
        if number == len(self.rows):
            self.rows.append(row)
        return number

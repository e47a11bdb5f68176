"""Build one verdict table: rows of classes, intervals of atoms, a decision for each cell.

Before: the terms of a subject, peer sets in classes, and a judge of matching terms.
After:  a canonical table: no two rows are equal, no two intervals; row 0 is the largest,
        the others follow by size, intervals by their first atom.  So tables with alike
        policies have equal pages.
"""

from __future__ import annotations

from array import array
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from lockgate.bitset import lowest, members, split
from lockgate.ir.tables import ROW_PAGE, Rows, VerdictTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lockgate.bitset import Bits
    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.policy import Direction
    from lockgate.ir.resolution import SubjectRules

Tags = int
ServiceRow = tuple[tuple[int, int], ...]

MOST_ROWS = 1 << 16
"""Rows are u16 in the kernel."""


class Matches(NamedTuple):
    """The distinct peer sets and traffic sets of a table's terms, with their tags.

    ``peers`` are (number of the peer set, its classes, tags); ``common_peers`` the tags of
    sets that hold every class; ``traffic`` likewise with atoms.
    """

    peers: tuple[tuple[int, Bits, Tags], ...]
    traffic: tuple[tuple[Bits, Tags], ...]
    common_peers: Tags
    common_traffic: Tags


def collect_matches(
    rules: SubjectRules, sets: Mapping[int, Bits], everything: Bits, atoms: Bits
) -> Matches:
    """Return the distinct sets of a subject's terms."""
    peers: dict[int, Tags] = {}
    traffic: dict[Bits, Tags] = {}
    tag = 1
    for term in rules.terms:
        peers[term.peers] = peers.get(term.peers, 0) | tag
        traffic[term.traffic] = traffic.get(term.traffic, 0) | tag
        tag <<= 1
    common_traffic = traffic.pop(atoms, 0)
    common_peers = 0
    some = []
    for number, tags in peers.items():
        bits = sets[number]
        if bits == everything:
            common_peers |= tags
        else:
            some.append((number, bits, tags))
    return Matches(tuple(some), tuple(traffic.items()), common_peers, common_traffic)


class TableBuilder:
    """Builds tables over the same classes and atoms; pages and port maps are shared."""

    def __init__(
        self,
        class_count: int,
        service_count: int,
        atom_count: int,
        diagnostics: Diagnostics,
    ) -> None:
        self._diagnostics = diagnostics
        self._class_count = class_count
        self._service_count = service_count
        self._atom_count = atom_count
        self._pages = _Pages(class_count + service_count)
        self._interval_maps: dict[tuple[Bits, ...], array[int]] = {}
        self._blocks: dict[object, tuple[list[Bits], list[Tags]]] = {}

    def build(
        self,
        direction: Direction,
        policies: tuple[str, ...],
        matches: Matches,
        universe: Bits,
        decide: Callable[[Tags], int],
        services: Mapping[ServiceRow, Bits] | None,
        not_served: int,
    ) -> VerdictTable:
        """Return the table.

        ``universe`` are the classes that peer sets speak of: all of them for ingress, those
        that are no services for egress, where ``services`` have their rows.
        """
        blocks = split(universe, [(bits, tags) for _, bits, tags in matches.peers])
        alone = sorted({atom for row in services or () for atom, _ in row})
        intervals, interval_tags = self._split_atoms(matches, alone)
        common = matches.common_peers
        rows: dict[tuple[int, ...], Bits] = {}
        for bits, tags in blocks:
            tags |= common
            cells = tuple([decide(tags & some) for some in interval_tags])
            rows[cells] = rows.get(cells, 0) | bits
        if services is not None:
            self._add_services(rows, services, intervals, not_served)
        if len(rows) > MOST_ROWS:
            message = f"{len(rows)} groups of peers are judged differently"
            cure = f"at most {MOST_ROWS} fit into the table of one endpoint"
            self._diagnostics.error("E3051", message, None, help=cure)
            rows = {}
        return self._assemble(direction, policies, rows, intervals)

    def _split_atoms(
        self, matches: Matches, alone: Sequence[int]
    ) -> tuple[list[Bits], list[Tags]]:
        """Split traffic into intervals; the atoms ``alone`` become intervals of their own."""
        key = (matches.traffic, matches.common_traffic, *alone)
        found = self._blocks.get(key)
        if found is None:
            first = max((tags.bit_length() for _, tags in matches.traffic), default=0)
            first = max(first, matches.common_traffic.bit_length())
            own = [(1 << atom, 1 << first + place) for place, atom in enumerate(alone)]
            blocks = split((1 << self._atom_count) - 1, [*matches.traffic, *own])
            blocks.sort(key=lambda block: lowest(block[0]))
            real, common = (1 << first) - 1, matches.common_traffic
            found = [bits for bits, _ in blocks], [t & real | common for _, t in blocks]
            self._blocks[key] = found
        return found

    def _add_services(
        self,
        rows: dict[tuple[int, ...], Bits],
        services: Mapping[ServiceRow, Bits],
        intervals: Sequence[Bits],
        not_served: int,
    ) -> None:
        place_of = {bits: place for place, bits in enumerate(intervals)}
        rest = (1 << self._service_count) - 1
        for row, bits in services.items():
            cells = [not_served] * len(intervals)
            for atom, decision in row:
                cells[place_of[1 << atom]] = decision
            rest &= ~bits
            key = tuple(cells)
            rows[key] = rows.get(key, 0) | bits << self._class_count
        if rest:
            key = (not_served,) * len(intervals)
            rows[key] = rows.get(key, 0) | rest << self._class_count

    def _assemble(
        self,
        direction: Direction,
        policies: tuple[str, ...],
        rows: Mapping[tuple[int, ...], Bits],
        intervals: Sequence[Bits],
    ) -> VerdictTable:
        ordered = sorted(
            rows.items(), key=lambda row: (-row[1].bit_count(), lowest(row[1]))
        )
        columns: dict[tuple[int, ...], Bits] = {}
        for column, bits in zip(
            zip(*(cells for cells, _ in ordered), strict=True), intervals, strict=True
        ):
            columns[column] = columns.get(column, 0) | bits
        cells = array("I")
        for row in zip(*columns, strict=True):
            cells.extend(row)
        return VerdictTable(
            direction=direction,
            policies=policies,
            rows=self._pages.rows([bits for _, bits in ordered]),
            intervals=self._interval_map(tuple(columns.values())),
            interval_count=len(columns),
            cells=cells,
        )

    def _interval_map(self, intervals: tuple[Bits, ...]) -> array[int]:
        found = self._interval_maps.get(intervals)
        if found is None:
            found = array("H", bytes(2 * self._atom_count))
            for number, bits in enumerate(intervals):
                if number:
                    for atom in members(bits):
                        found[atom] = number
            self._interval_maps[intervals] = found
        return found


# ---------------------------------------------------------------- pages of rows

_SMALL = 24
"""Blocks of up to so many classes are written class by class."""


class _Pages:
    """Pages of rows; those that were made before are not made again."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._page_count = -(-count // ROW_PAGE)
        self._words = Struct(f"<{self._page_count}Q")
        self._zero = bytes(2 * ROW_PAGE)
        self._made: dict[tuple[int, ...], int] = {}
        self._laid: dict[tuple[Bits, ...], tuple[dict[int, int], list[bytes]]] = {}
        self._packed: dict[int, bytes] = {0: self._zero}

    def rows(self, blocks: Sequence[Bits]) -> Rows:
        """Return the rows in which block ``i`` has row ``i``; blocks fall in size.

        A page is a number of 16 bits a row until it is packed.  Large blocks are laid on
        all pages at once, word by word; of small ones only the members are touched.
        """
        small = len(blocks)
        while small > 1 and blocks[small - 1].bit_count() <= _SMALL:
            small -= 1
        large = tuple(blocks[1:small])
        laid = self._laid.get(large)
        if laid is None:
            laid = self._laid[large] = self._lay_large(large)
        numbers, pages = laid
        touched: dict[int, int] = {}
        for row, bits in enumerate(blocks[small:], small):
            for member in members(bits):
                page, place = divmod(member, ROW_PAGE)
                if page not in touched:
                    touched[page] = numbers.get(page, 0)
                touched[page] |= row << 16 * place
        return Rows(self._count, tuple(self._with(pages, touched)))

    def _with(self, pages: Sequence[bytes], numbers: Mapping[int, int]) -> list[bytes]:
        """Return pages with some of them replaced."""
        replaced = list(pages)
        packed = self._packed
        for page, number in numbers.items():
            content = packed.get(number)
            if content is None:
                content = packed[number] = number.to_bytes(2 * ROW_PAGE, "little")
            replaced[page] = content
        return replaced

    def _lay_large(self, blocks: Sequence[Bits]) -> tuple[dict[int, int], list[bytes]]:
        """Return the pages where block ``i`` has row ``i + 1``, as numbers and packed."""
        unpack, octets = self._words.unpack, self._words.size
        words = [unpack(bits.to_bytes(octets, "little")) for bits in blocks]
        made = self._made
        numbers = {}
        for page, key in enumerate(zip(*words, strict=True)):
            number = made.get(key)
            if number is None:
                number = 0
                for row, word in enumerate(key, 1):
                    for place in members(word):
                        number |= row << 16 * place
                made[key] = number
            if number:
                numbers[page] = number
        return numbers, self._with([self._zero] * self._page_count, numbers)

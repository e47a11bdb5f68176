"""Tables of which two generations each have a part, at their places, in one map.

What a rule about binaries or pods becomes in tables depends on all the other rules: classes are
numbered through.  So that a changed value leaves programs as they are, those read the part that
the generation in force has, and the new generation's part is written beside it::

    entry PLACE * room + N                  of an array, the N-th of the table
    key N with the bit PLACE_SHIFT          of a hash, for place 1

Entry 0 of the rows that an object looks up by class is that of the unknown, the same in both.
A part is written whenever its generation is armed: others may have had the place meanwhile.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import Map
from lockgate_runtime.errors import NodeError
from lockgate_runtime.maps import fill_array
from lockgate_runtime.slot import PLACES
from lockgate_runtime.tracing.layout import PLACE_SHIFT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from lockgate_runtime.tracing.sites import Sites, TableFile

FOLDER = "place_tables"
"""Where the state keeps a generation's, below the folder of that generation."""


def place_tables(sites: Sites) -> Iterator[TableFile]:
    """Yield the tables of a generation that are by place."""
    return (table for table in sites.tables if table.room)


def class_room(sites: Sites) -> int:
    """Return how many classes of binaries each place has room for."""
    return next((t.room for t in sites.tables if t.map == "followers"), 0)


def files_of(table: TableFile) -> list[str]:
    """Return the names of a table's files."""
    return [table.file, *([table.keys] if table.keys else [])]


def entries_of(table: TableFile) -> int:
    """Return how many entries the map of a table needs."""
    return max(1, len(PLACES) * table.room if table.room else table.records)


def fill_place(
    tables: Iterable[TableFile], folder: Path, maps: Path, place: int
) -> None:
    """Write from ``folder`` the parts of a place into what is pinned in ``maps``.

    E5010 where the two do not fit: the bundle is not of one piece.
    """
    for table in tables:
        with Map.pinned(maps / table.map) as target:
            keys, values = read_table(table, folder, target)
            if keys:
                _fill_hash(target, keys, values, place)
            else:
                fill_array(target, [values], place * table.room)
                if table.object:
                    target.set(bytes(4), values[: target.width])


def read_table(table: TableFile, folder: Path, target: Map) -> tuple[bytes, bytes]:
    """Return the keys and values, as they fit the map; E5010 where they do not."""
    values = (folder / table.file).read_bytes()
    keys = (folder / table.keys).read_bytes() if table.keys else b""
    key_size = target.info.key_size if table.keys else 0
    sizes = table.records * key_size, table.records * target.width
    fits = entries_of(table) == target.info.max_entries or not table.room
    if (len(keys), len(values)) != sizes or not fits:
        raise NodeError(
            "E5010",
            f"{table.file} does not fit the map {table.map}",
            "compile the bundle again",
        )
    return keys, values


def _fill_hash(target: Map, keys: bytes, values: bytes, place: int) -> None:
    """Take the place's part out, and put another in."""
    for key, _ in list(target.items()):
        if int.from_bytes(key, "little") >> PLACE_SHIFT == place:
            target.delete(key)
    numbers = struct.unpack(f"<{len(keys) // 8}Q", keys)
    placed = [number | place << PLACE_SHIFT for number in numbers]
    target.set_many(struct.pack(f"<{len(placed)}Q", *placed), values)

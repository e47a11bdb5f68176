"""Tables of which two generations each have a part, at their places, in one map.

What a rule about binaries or pods becomes in tables depends on all the other rules: classes are
numbered through.  So that a changed value leaves programs as they are, those read the part that
the generation in force has, and the new generation's part is written beside it, by the form of
the table::

    "class"    rows by id of the class, 2 * NUMBER + PLACE, of those that have room (CLASS_ROOM)
    "list"     words, of any number, in an array of their own for each place
    "index"    one entry for each place: what stands where in its list

Class 0 is the unknown; its row is the same in both.  A part is written whenever its generation is
armed: others may have had the place meanwhile.
"""

from __future__ import annotations

import struct
from array import array
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import Map, MapType
from lockgate_runtime.errors import NodeError
from lockgate_runtime.maps import fill_array
from lockgate_runtime.tracing.layout import CLASS_ROOM, UNKNOWN_CLASS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from lockgate_runtime.tracing.sites import Sites, TableFile

FOLDER = "place_tables"
"""Where the state keeps a generation's, below the folder of that generation."""
_WORD = 8
_INNER_MAP = 1 << 12
"""BPF_F_INNER_MAP: such an array may have another length than the one that it replaces."""


def class_id(number: int, place: int) -> int:
    """Return by what programs know the class of a generation at a place.

    >>> class_id(3, 1), class_id(0, 1)
    (7, 0)
    """
    return number << 1 | place if number else UNKNOWN_CLASS


def place_tables(sites: Sites) -> Iterator[TableFile]:
    """Yield the tables of a generation that are by place."""
    return (table for table in sites.tables if table.form)


def fill_place(
    tables: Iterable[TableFile], folder: Path, maps: Path, place: int, behind: bytes
) -> int:
    """Write from ``folder`` the parts of a place into what is pinned in ``maps``.

    ``behind`` are words that stand in the list behind the table's own; their place there is
    returned.  E5010 where tables and maps do not fit: the bundle is not of one piece.
    """
    length = 0
    for table in tables:
        with Map.pinned(maps / table.map) as target:
            _, values = read_table(table, folder, target)
            if table.form == "class":
                _fill_rows(target, values, place)
            elif table.form == "list":
                _fill_list(target, values + behind, place)
                length = table.records
            else:
                target.set(struct.pack("=I", place), values)
    return length


def read_table(table: TableFile, folder: Path, target: Map) -> tuple[bytes, bytes]:
    """Return the keys and values, as they fit the map; E5010 where they do not."""
    values = (folder / table.file).read_bytes()
    keys = (folder / table.keys).read_bytes() if table.keys else b""
    key_size = target.info.key_size if table.keys else 0
    width = _WORD if table.form == "list" else target.width
    fits = {"class": table.records <= CLASS_ROOM, "index": table.records == 1}
    sizes = table.records * key_size, table.records * width
    if (len(keys), len(values)) != sizes or not fits.get(table.form, True):
        raise NodeError(
            "E5010",
            f"{table.file} does not fit the map {table.map}",
            "compile the bundle again",
        )
    return keys, values


def _fill_rows(target: Map, rows: bytes, place: int) -> None:
    ids = (class_id(number, place) for number in range(len(rows) // target.width))
    target.set_many(array("I", ids).tobytes(), rows)


def _fill_list(target: Map, words: bytes, place: int) -> None:
    count = len(words) // _WORD
    with Map.create(MapType.ARRAY, "list", 4, _WORD, count, _INNER_MAP) as made:
        fill_array(made, [words])
        target.set(struct.pack("=I", place), struct.pack("=I", made.fd))

"""Tables of which two generations each have a part, at their places, in one map.

What policies compare with stands in maps, and a changed value changes these alone: programs go on,
read the part that the generation in force has, and the new generation's part is written beside it,
by the form of the table::

    "entry"    one entry for each place
    "rows"     entry 2 * NUMBER + PLACE of an array
    "keys"     keys of a hash or a trie, in which the lowest bit of one byte is the place
    "class"    rows by class, as above; class 0 is the unknown, and its row is the same in both
    "list"     words, of any number, in an array of their own for each place

A map is made with as much room for each place as its first table says (``room``); where a later
one has more than that, the program is loaded anew, with a larger map.  Of rows by class those from
CLASS_ROOM on stand in the list.  A part is written whenever its generation is armed: others may
have had the place meanwhile.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import Map, MapType
from lockgate_runtime.errors import NodeError
from lockgate_runtime.maps import fill_array
from lockgate_runtime.slot import PLACES
from lockgate_runtime.tracing.layout import UNKNOWN_CLASS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from lockgate_runtime.tracing.sites import Sites, TableFile

FOLDER = "place_tables"
"""Where the state keeps a generation's, below the folder of that generation."""
_WORD = 8
_PLACE_IN_HASH, _PLACE_IN_TRIE = 8, 4
"""Which byte of a key has the place in its lowest bit: that behind a name, or behind a length."""
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


def entries_of(table: TableFile) -> int:
    """Return for how many entries the map of a table is made; 0 for those that its text says."""
    return len(PLACES) * table.room if table.form else max(1, table.records)


def room_in(target: Map) -> int:
    """Return how many entries of a table each place has in a map."""
    return target.info.max_entries // len(PLACES)


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
            keys, values = read_table(table, folder, target)
            if table.form == "entry":
                target.set(struct.pack("=I", place), values)
            elif table.form == "keys":
                _fill_keys(target, keys, values, place)
            elif table.form == "list":
                _fill_list(target, values + behind, place)
                length = table.records
            else:
                fill_array(target, [values], place, len(PLACES))
                if table.form == "class":
                    target.set(bytes(4), values[: target.width])
    return length


def read_table(table: TableFile, folder: Path, target: Map) -> tuple[bytes, bytes]:
    """Return the keys and values, as they fit the map; E5010 where they do not."""
    values = (folder / table.file).read_bytes()
    keys = (folder / table.keys).read_bytes() if table.keys else b""
    key_size = target.info.key_size if table.keys else 0
    width = _WORD if table.form == "list" else target.width
    sizes = table.records * key_size, table.records * width
    if (len(keys), len(values)) != sizes or not _has_room(table, target):
        raise NodeError(
            "E5010",
            f"{table.file} does not fit the map {table.map}",
            "compile the bundle again",
        )
    return keys, values


def _has_room(table: TableFile, target: Map) -> bool:
    return table.form in ("", "list") or table.records <= room_in(target)


def _fill_keys(target: Map, keys: bytes, values: bytes, place: int) -> None:
    """Take the place's part out, and put another in."""
    is_trie = target.info.type == MapType.LPM_TRIE
    size, at = target.info.key_size, _PLACE_IN_TRIE if is_trie else _PLACE_IN_HASH
    old = b"".join(key for key, _ in target.items() if key[at] & 1 == place)
    if old:
        target.delete_many(old)
    placed = bytearray(keys)
    for start in range(at, len(placed), size):
        placed[start] |= place
    target.set_many(placed, values)


def _fill_list(target: Map, words: bytes, place: int) -> None:
    count = len(words) // _WORD
    with Map.create(MapType.ARRAY, "list", 4, _WORD, count, _INNER_MAP) as made:
        fill_array(made, [words])
        target.set(struct.pack("=I", place), struct.pack("=I", made.fd))

"""The content of one map of a generation, as it is put into the bundle."""

from __future__ import annotations

from dataclasses import dataclass

_LEAST_ROOM = 256


@dataclass(frozen=True, slots=True)
class Table:
    """The content of one map; ``keys`` is empty for an array, whose keys count from 0.

    ``owner`` is the object (without ``.o``) whose map it is, empty for one that all share.
    ``room`` is how many entries each of two generations has in a map that both use (see
    :mod:`lockgate_runtime.tracing.place_tables`), 0 where the map is one generation's.
    """

    owner: str
    map: str
    records: int
    values: bytes
    keys: bytes = b""
    text: tuple[str, ...] = ()
    is_hash: bool = False
    room: int = 0

    @property
    def row(self) -> dict[str, object]:
        """What ``sites.json`` says of it."""
        return {
            "map": self.map,
            "object": self.owner,
            "file": f"{self.map}.bin",
            "keys": f"{self.map}.keys" if self.is_hash else None,
            "records": self.records,
            "room": self.room,
        }

    @property
    def files(self) -> dict[str, bytes]:
        """File name to content: values, keys, and the text that people review."""
        found = {f"{self.map}.bin": self.values}
        if self.is_hash:
            found[f"{self.map}.keys"] = self.keys
        if self.text:
            found[f"{self.map}.txt"] = ("\n".join(self.text) + "\n").encode()
        return found


def room_for(count: int, least: int = _LEAST_ROOM) -> int:
    """Return for how many entries there is room where there are so many, in steps of four.

    What outgrows its room is loaded anew, with all that reads it: that shall be seldom.

    >>> [room_for(count) for count in (1, 256, 257, 1025)]
    [256, 256, 1024, 4096]
    """
    room = least
    while room < count:
        room *= 4
    return room


def spell_set(mask: int, what: str = "selectors") -> str:
    """Return the selectors of a mask by number.

    >>> spell_set(5)
    'selectors 0 2'
    """
    found = [str(bit) for bit in range(mask.bit_length()) if mask >> bit & 1]
    return f"{what} {' '.join(found)}" if found else "nobody"

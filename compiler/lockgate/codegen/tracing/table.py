"""The content of one map of a generation, as it is put into the bundle."""

from __future__ import annotations

from dataclasses import dataclass

_LEAST_ROOM, _MANY, _STEP = 16, 4096, 1024


@dataclass(frozen=True, slots=True)
class Table:
    """The content of one map; ``keys`` is empty for an array, whose keys count from 0.

    ``owner`` is the object (without ``.o``) whose map it is, empty for one that all share.
    ``form`` is how two generations share the map (see
    :mod:`lockgate_runtime.tracing.place_tables`), empty where it is one generation's.  Keys are
    those of place 0.
    """

    owner: str
    map: str
    records: int
    values: bytes
    keys: bytes = b""
    text: tuple[str, ...] = ()
    form: str = ""

    @property
    def room(self) -> int:
        """For how many entries each place has room; 0 where the program's text says so."""
        return room_for(self.records) if self.form in ("rows", "keys") else 0

    @property
    def row(self) -> dict[str, object]:
        """What ``sites.json`` says of it."""
        return {
            "map": self.map,
            "object": self.owner,
            "file": f"{self.map}.bin",
            "keys": f"{self.map}.keys" if self.form == "keys" else None,
            "records": self.records,
            "form": self.form,
            "room": self.room,
        }

    @property
    def files(self) -> dict[str, bytes]:
        """File name to content: values, keys, and the text that people review."""
        found = {f"{self.map}.bin": self.values}
        if self.form == "keys":
            found[f"{self.map}.keys"] = self.keys
        if self.text:
            found[f"{self.map}.txt"] = ("\n".join(self.text) + "\n").encode()
        return found


def room_for(count: int) -> int:
    """Return for how many entries there is room: some more, but not much more of many.

    >>> [room_for(count) for count in (1, 14, 1000, 5000)]
    [16, 24, 1536, 5120]
    """
    if count > _MANY:
        return -(-count // _STEP) * _STEP
    room = _LEAST_ROOM
    while room < count + count // 4:
        # 16, 24, 32, 48, 64, ...
        room += room // (2 if room.bit_count() == 1 else 3)
    return room


def spell_set(mask: int, what: str = "selectors") -> str:
    """Return the selectors of a mask by number.

    >>> spell_set(5)
    'selectors 0 2'
    """
    found = [str(bit) for bit in range(mask.bit_length()) if mask >> bit & 1]
    return f"{what} {' '.join(found)}" if found else "nobody"

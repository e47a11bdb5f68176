"""The content of one map of a generation, as it is put into the bundle."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """The content of one map; ``keys`` is empty for an array, whose keys count from 0.

    ``owner`` is the object (without ``.o``) whose map it is, empty for one that all share.
    ``form`` is how two generations share the map (see
    :mod:`lockgate_runtime.tracing.place_tables`), empty where it is one generation's.
    """

    owner: str
    map: str
    records: int
    values: bytes
    keys: bytes = b""
    text: tuple[str, ...] = ()
    is_hash: bool = False
    form: str = ""

    @property
    def row(self) -> dict[str, object]:
        """What ``sites.json`` says of it."""
        return {
            "map": self.map,
            "object": self.owner,
            "file": f"{self.map}.bin",
            "keys": f"{self.map}.keys" if self.is_hash else None,
            "records": self.records,
            "form": self.form,
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


def spell_set(mask: int, what: str = "selectors") -> str:
    """Return the selectors of a mask by number.

    >>> spell_set(5)
    'selectors 0 2'
    """
    found = [str(bit) for bit in range(mask.bit_length()) if mask >> bit & 1]
    return f"{what} {' '.join(found)}" if found else "nobody"

"""Names of kernel addresses, from /proc/kallsyms, read when the first is asked for."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from pathlib import Path

KALLSYMS = Path("/proc/kallsyms")


class Symbols:
    """Addresses of the kernel and its modules; nothing is known where they are hidden."""

    def __init__(self, path: Path = KALLSYMS) -> None:
        self._path = path

    @cached_property
    def _table(self) -> tuple[list[int], list[tuple[str, str]]]:
        found: list[tuple[int, str, str]] = []
        try:
            with self._path.open() as lines:
                for line in lines:
                    address, kind, name, *module = line.split()
                    if kind in "tTwW" and int(address, 16):
                        found.append((int(address, 16), name, "".join(module)))
        except OSError:
            pass
        found.sort()
        return [row[0] for row in found], [row[1:] for row in found]

    def forget(self) -> None:
        """Read the names again when one is asked for: programs and modules have come."""
        self.__dict__.pop("_table", None)

    def find(self, address: int) -> tuple[str, int, str]:
        """Return (function, offset in it, module in brackets); no name where none is known."""
        addresses, names = self._table
        place = bisect_right(addresses, address) - 1
        if place < 0:
            return "", 0, ""
        return names[place][0], address - addresses[place], names[place][1]

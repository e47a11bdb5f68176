"""Take a node's part of a bundle's tables: what its endpoints and its host need.

A bundle is for the whole cluster.  Addresses and peers stay whole (any peer may call); of
the verdict tables only those that this node's endpoints and host use are taken, and
their pages, intervals, cells and decisions are numbered anew.  Files are read in pieces,
never whole: a process that applies stays small.
"""

from __future__ import annotations

import os
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate_runtime import layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

PIECE = 256 << 10
"""Bytes of a file that are in memory at once."""

_POLICY_WORDS = 4
_MOSTLY = 0.5


class TableFile:
    """A packed table, read piece by piece."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self._fd).st_size

    def __del__(self) -> None:
        if hasattr(self, "_fd"):
            os.close(self._fd)

    def read(self, start: int, size: int) -> bytes:
        """Read so many bytes, and no fewer; ValueError beyond the end."""
        data = os.pread(self._fd, size, start)
        if len(data) != size:
            raise ValueError("a table ends early")
        return data

    def pieces(self, start: int = 0, size: int | None = None) -> Iterator[bytes]:
        """Read a range (by default all) in pieces."""
        end = self.size if size is None else start + size
        for at in range(start, end, PIECE):
            yield self.read(at, min(PIECE, end - at))


@dataclass(frozen=True, slots=True)
class Extent:
    """Elements of a table that lie together."""

    start: int
    count: int


@dataclass(frozen=True)
class PolicyPart:
    """The verdict tables of one node, as its maps will hold them.

    ``policy_numbers`` and ``decision_numbers`` lead from a number here to the bundle's;
    the two "no policy" tables and decision 0 (what empty memory means) are always there.
    """

    policy_numbers: Sequence[int]
    decision_numbers: Sequence[int]
    policies: bytes
    decisions: bytes
    peer_directory: Iterable[bytes]
    peer_pages: Iterable[bytes]
    intervals: Iterable[bytes]
    cells: Iterable[bytes]
    sizes: Mapping[str, int]

    def policy(self, number: int) -> int:
        """Return this node's number of a policy of the bundle."""
        return self.policy_numbers.index(number)


def take_policies(directory: Path, used: Iterable[int]) -> PolicyPart:
    """Take the policies ``used`` (numbers in the bundle) from a bundle's tables.

    Where most of them are used, all are taken as they are: copying is quicker than picking.
    """
    files = {
        name: TableFile(directory / f"{name}.bin")
        for name in (
            "policies",
            "peer_directory",
            "peer_pages",
            "intervals",
            "cells",
            "decisions",
        )
    }
    policies = array("I", files["policies"].read(0, files["policies"].size))
    every = range(len(policies) // _POLICY_WORDS)
    wanted = sorted(
        {layout.NO_POLICY_INGRESS, layout.NO_POLICY_EGRESS, *used} & set(every)
    )
    if len(wanted) > _MOSTLY * len(every):
        return _take_all(files, every)
    return _Picker(files, policies, wanted).pick()


def _take_all(files: Mapping[str, TableFile], every: Sequence[int]) -> PolicyPart:
    decisions = files["decisions"]
    return PolicyPart(
        policy_numbers=every,
        decision_numbers=range(decisions.size // layout.DECISION.size),
        policies=files["policies"].read(0, files["policies"].size),
        decisions=decisions.read(0, decisions.size),
        peer_directory=files["peer_directory"].pieces(),
        peer_pages=files["peer_pages"].pieces(),
        intervals=files["intervals"].pieces(),
        cells=files["cells"].pieces(),
        sizes={name: file.size for name, file in files.items()},
    )


class _Picker:
    """Picks what some policies need.

    The packer lays distinct parts end to end, so that a part ends where the next begins.
    """

    def __init__(
        self, files: Mapping[str, TableFile], policies: array[int], wanted: list[int]
    ) -> None:
        self._files = files
        self._policies = policies
        self._wanted = wanted

    def pick(self) -> PolicyPart:
        """Give everything its new number and describe how to read it."""
        directories = self._extents(0, "peer_directory", 4)
        intervals = self._extents(1, "intervals", 2)
        cells = self._extents(2, "cells", 4)
        words = array("I")
        for extent in directories:
            words.frombytes(
                self._files["peer_directory"].read(4 * extent.start, 4 * extent.count)
            )
        pages = sorted({0, *words})
        decisions = self._decisions(cells)
        policies = self._renumbered(directories, intervals, cells)
        return PolicyPart(
            policy_numbers=self._wanted,
            decision_numbers=decisions,
            policies=policies.tobytes(),
            decisions=b"".join(
                self._records("decisions", layout.DECISION.size, decisions)
            ),
            peer_directory=[_renumber(words, _places(pages))],
            peer_pages=self._records("peer_pages", 2 * layout.PEER_PAGE, pages),
            intervals=self._elements("intervals", 2, intervals),
            cells=self._cells(cells, decisions),
            sizes={
                "policies": 4 * len(policies),
                "decisions": layout.DECISION.size * len(decisions),
                "peer_directory": 4 * len(words),
                "peer_pages": 2 * layout.PEER_PAGE * len(pages),
                "intervals": 2 * sum(e.count for e in intervals),
                "cells": 4 * sum(e.count for e in cells),
            },
        )

    def _extents(self, column: int, name: str, width: int) -> list[Extent]:
        """Return the distinct parts of one table that the wanted policies use, in order."""
        starts = sorted(set(self._policies[column::_POLICY_WORDS]))
        ends = [*starts[1:], self._files[name].size // width]
        extents = {s: Extent(s, e - s) for s, e in zip(starts, ends, strict=True)}
        used = {self._policies[_POLICY_WORDS * p + column] for p in self._wanted}
        return [extents[start] for start in sorted(used)]

    def _decisions(self, cells: Iterable[Extent]) -> list[int]:
        used = {0}
        for piece in self._elements("cells", 4, cells):
            used.update(array("I", piece))
        return sorted(used)

    def _renumbered(self, *parts: Sequence[Extent]) -> array[int]:
        """Return the wanted policies with the places of their parts among those taken."""
        moved: list[dict[int, int]] = []
        for extents in parts:
            place, places = 0, {}
            for extent in extents:
                places[extent.start] = place
                place += extent.count
            moved.append(places)
        result = array("I")
        for policy in self._wanted:
            at = _POLICY_WORDS * policy
            row = self._policies[at : at + _POLICY_WORDS]
            result.extend(places[row[i]] for i, places in enumerate(moved))
            result.append(row[3])
        return result

    def _elements(
        self, name: str, width: int, extents: Iterable[Extent]
    ) -> Iterator[bytes]:
        for extent in extents:
            yield from self._files[name].pieces(
                width * extent.start, width * extent.count
            )

    def _records(self, name: str, size: int, numbers: Iterable[int]) -> Iterator[bytes]:
        for number in numbers:
            yield self._files[name].read(size * number, size)

    def _cells(
        self, extents: Sequence[Extent], decisions: Sequence[int]
    ) -> Iterator[bytes]:
        places = _places(decisions)
        for piece in self._elements("cells", 4, extents):
            yield _renumber(array("I", piece), places)


def _places(numbers: Sequence[int]) -> dict[int, int]:
    return {number: place for place, number in enumerate(numbers)}


def _renumber(words: array[int], places: Mapping[int, int]) -> bytes:
    return array("I", map(places.__getitem__, words)).tobytes()


def interface_size(attachments: Iterable[int]) -> int:
    """Return the smallest power of two at which no two attachments share a place.

    ValueError when two are equal, or when four million places are not enough.
    """
    numbers = list(attachments)
    if len(set(numbers)) != len(numbers):
        raise ValueError("two attachments have the same number")
    size = 1
    while size <= _MOST_INTERFACES:
        if size >= len(numbers) and len({n & (size - 1) for n in numbers}) == len(
            numbers
        ):
            return size
        size *= 2
    raise ValueError("the attachments do not fit into a direct-mapped table")


_MOST_INTERFACES = 1 << 22


def pack_interfaces(endpoints: Mapping[int, int]) -> bytes:
    """Pack the direct-mapped table: attachment → index in ``endpoints``."""
    size = interface_size(endpoints)
    width = layout.INTERFACE.size
    table = bytearray(size * width)
    for attachment, endpoint in endpoints.items():
        at = (attachment & (size - 1)) * width
        table[at : at + width] = layout.INTERFACE.pack(
            ifindex=attachment, endpoint=endpoint
        )
    return bytes(table)

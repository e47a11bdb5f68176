"""Fill maps in batches, from pieces of whatever length.

Everything goes to the kernel a quarter of a megabyte at a time: the process stays small.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import MapType
from lockgate_runtime.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate_runtime.bpf import Map
    from lockgate_runtime.bpf_object import Object
    from lockgate_runtime.pins import Pins

TABLES = frozenset(
    (
        "addresses_v4",
        "addresses_v6",
        "prefixes_v6",
        "peers",
        "port_directory",
        "port_pages",
        "peer_pages",
        "peer_directory",
        "intervals",
        "cells",
        "policies",
        "decisions",
        "interfaces",
        "endpoints",
        "endpoint_addresses",
        "counters",
    )
)
"""Maps of one generation; every other map of an object outlives generations."""

_BATCH = 256 << 10


def is_shared(name: str) -> bool:
    """Whether a map of an object outlives generations; sections of constants do not."""
    return name not in TABLES and "." not in name


def entries_for(size: int, width: int) -> int:
    """Return how many array elements ``size`` bytes need; a map has at least one."""
    return max(1, -(-size // width))


def fill_array(
    target: Map, pieces: Iterable[bytes], first: int = 0, stride: int = 1
) -> None:
    """Write an array from ``first`` on, each ``stride``-th element.

    The last element is filled up with zeros.
    """
    width = target.width
    step = max(1, _BATCH // width) * width
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        while len(waiting) >= step:
            first = _write(target, first, stride, bytes(waiting[:step]))
            del waiting[:step]
    waiting += bytes(-len(waiting) % width)
    _write(target, first, stride, bytes(waiting))


def _write(target: Map, first: int, stride: int, values: bytes) -> int:
    after = first + len(values) // target.width * stride
    if values:
        target.set_many(array("I", range(first, after, stride)).tobytes(), values)
    return after


def fill_hash(target: Map, pieces: Iterable[tuple[bytes, bytes]]) -> None:
    """Write (keys, values), each joined, to a hash or trie."""
    for keys, values in pieces:
        target.set_many(keys, values)


def sum_counters(target: Map) -> list[tuple[int, int]]:
    """Read a per-CPU array of ``struct counter`` and add up the CPUs: (packets, bytes)."""
    if target.info.type != MapType.PERCPU_ARRAY or target.info.value_size != 16:
        raise ValueError(f"{target.info.name} is no array of counters")
    sums = []
    for _, value in target.items(max(1, _BATCH // target.width)):
        words = memoryview(value).cast("Q")
        sums.append((sum(words[::2]), sum(words[1::2])))
    return sums


def count_entries(target: Map) -> int:
    """Count the elements of a hash."""
    return sum(1 for _ in target.items())


def reuse_map(target: Object, name: str, source: Map, pins: Pins) -> None:
    """Let an object use a map that is there already; E5022 where it has another shape."""
    try:
        target.reuse(name, source)
    except ValueError:
        raise NodeError(
            "E5022",
            f"the map {name} pinned below {pins.top} is of another shape",
            "unload (lockgate unload), then apply again",
        ) from None

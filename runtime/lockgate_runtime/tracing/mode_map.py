"""The map ``modes``: a row for each policy, and a column for each generation that shares it.

Every hit reads it.  Programs that two generations have in common read one map, and yet each
generation has its own modes: those that the sources say, until people change them.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import Map
from lockgate_runtime.tracing.layout import MODE_COLUMNS, POLICY_MODE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lockgate_runtime.tracing.sites import TracedPolicy

MODES = "modes"
"""Its name."""

MONITOR, ENFORCE = WORDS = ("monitor", "enforce")
"""The modes; by number as they stand in the map."""


def read_mode(modes: Map, policy: int, number: int) -> str:
    """Return the mode of a policy (by number) in a generation."""
    value = modes.get(struct.pack("=I", policy)) or b""
    return WORDS[any(value[_column(number)])]


def write_mode(modes: Map, policy: int, number: int, mode: str) -> None:
    """Change it; other generations keep theirs."""
    key = struct.pack("=I", policy)
    value = bytearray(modes.get(key) or bytes(POLICY_MODE.size))
    value[_column(number)] = struct.pack("=I", WORDS.index(mode))
    modes.set(key, bytes(value))


def write_modes(modes: Map, number: int, policies: Iterable[TracedPolicy]) -> None:
    """Write what the sources say of every policy of a generation."""
    for policy in policies:
        write_mode(modes, policy.number, number, policy.mode)


def has_room(
    modes: Path, number: int, policies: int, others: Iterable[tuple[int, Path]]
) -> bool:
    """Whether a generation of so many policies can have its column in the map at a pin.

    ``others``: the generations that there are, and where their maps are pinned.
    """
    if not modes.exists():
        return False
    with Map.pinned(modes) as shared:
        info = shared.info
    if info.max_entries != policies or info.value_size != POLICY_MODE.size:
        return False
    return not any(
        _column(other) == _column(number) and _is_map(pin, info.id)
        for other, pin in others
        if other != number
    )


def _is_map(pin: Path, number: int) -> bool:
    if not pin.exists():
        return False
    with Map.pinned(pin) as found:
        return found.info.id == number


def _column(number: int) -> slice:
    at = number % MODE_COLUMNS * 4
    return slice(at, at + 4)

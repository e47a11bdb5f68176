"""Tell the programs that classify what the generation in the other place knows of processes.

It has seen some whose ancestors or parents have ended, which nobody can find out any more.
"""

from __future__ import annotations

from array import array
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from lockgate_runtime.bpf import Map
from lockgate_runtime.pins import boot_time
from lockgate_runtime.tracing.layout import FOLLOW_RULES, FORMER_GENERATION
from lockgate_runtime.tracing.place_tables import class_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMER = "former"
"""The map that tells it."""


class Known(NamedTuple):
    """What a new generation can take over from the one in the other place.

    ``epoch``: by which its knowledge is told, 0 where there is none; ``rules``: by rule that
    follows processes the number, from 1 on, of the one there that is the same, 0 for none;
    ``classes``: by class there the class here that has all of its paths.
    """

    epoch: int = 0
    rules: tuple[int, ...] = ()
    classes: Mapping[int, int] = MappingProxyType({})


def class_words(known: Known, place: int) -> bytes:
    """Return by number of a class there the id of the one here, as words of the list."""
    count = max(known.classes, default=-1) + 1
    ids = (class_id(known.classes.get(number, 0), place) for number in range(count))
    return array("Q", ids).tobytes()


def read_epoch(maps: Path) -> int:
    """Return by what a generation's knowledge is told; 0 where it has none."""
    if not (maps / FORMER).exists():
        return 0
    with Map.pinned(maps / FORMER) as former:
        value = FORMER_GENERATION.unpack(former.get(bytes(4)) or b"")
    return int(value["epoch"])


def tell(maps: Path, known: Known, classes: int) -> None:
    """Begin an epoch, and say what is known; ``classes``: where the list has those.

    An epoch is a time (ms since boot): what was known when a generation was armed before is as
    old as what another one knew.
    """
    epoch = boot_time() // 1_000_000 % (1 << 32) or 1
    with Map.pinned(maps / FORMER) as former:
        value = FORMER_GENERATION.pack(
            epoch=epoch,
            former_epoch=known.epoch,
            same_rule=bytes(known.rules).ljust(FOLLOW_RULES, b"\0"),
            classes=classes,
            class_count=max(known.classes, default=-1) + 1,
        )
        former.set(bytes(4), value)

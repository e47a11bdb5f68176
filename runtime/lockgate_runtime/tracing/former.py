"""Tell the programs that classify what the generation in the other place knows of processes.

It has seen some whose ancestors or parents have ended, which nobody can find out any more.
"""

from __future__ import annotations

import struct
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from lockgate_runtime.bpf import Map
from lockgate_runtime.pins import boot_time
from lockgate_runtime.tracing.layout import FOLLOW_RULES, FORMER_GENERATION
from lockgate_runtime.tracing.place_tables import class_room

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lockgate_runtime.tracing.sites import Sites

FORMER, FORMER_CLASSES = FORMER_MAPS = "former", "former_classes"
"""The maps that tell it."""
_LEAST_ROOM = 1024


class Known(NamedTuple):
    """What a new generation can take over from the one in the other place.

    ``epoch``: by which its knowledge is told, 0 where there is none; ``rules``: by rule that
    follows processes the number, from 1 on, of the one there that is the same, 0 for none;
    ``classes``: by class there the class here that has all of its paths.
    """

    epoch: int = 0
    rules: tuple[int, ...] = ()
    classes: Mapping[int, int] = MappingProxyType({})


def former_room(sites: Sites) -> int:
    """Return of how many classes programs can be told; of more nothing is known."""
    return max(_LEAST_ROOM, 2 * class_room(sites))


def read_epoch(maps: Path) -> int:
    """Return by what a generation's knowledge is told; 0 where it has none."""
    if not (maps / FORMER).exists():
        return 0
    with Map.pinned(maps / FORMER) as former:
        value = FORMER_GENERATION.unpack(former.get(bytes(4)) or b"")
    return int(value["epoch"])


def tell(maps: Path, known: Known) -> None:
    """Begin an epoch, and fill the maps; that of classes is there where rules ask for paths.

    An epoch is a time (ms since boot): what was known when a generation was armed before is as
    old as what another one knew.
    """
    epoch = boot_time() // 1_000_000 % (1 << 32) or 1
    rules = bytes(known.rules).ljust(FOLLOW_RULES, b"\0")
    with Map.pinned(maps / FORMER) as former:
        value = FORMER_GENERATION.pack(
            epoch=epoch, former_epoch=known.epoch, same_rule=rules
        )
        former.set(bytes(4), value)
    if not (maps / FORMER_CLASSES).exists():
        return
    with Map.pinned(maps / FORMER_CLASSES) as former_classes:
        former_classes.clear()
        classes = sorted(known.classes.items())[: former_classes.info.max_entries]
        words = [struct.pack("=2I", *pair) for pair in classes]
        keys, values = (b"".join(w[at : at + 4] for w in words) for at in (0, 4))
        former_classes.set_many(keys, values)

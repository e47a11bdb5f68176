"""Say to loaded programs whom they serve (``templates/lib/tracing/service.h``).

What is the same in two generations is loaded and attached once, and pinned by both::

    generations/N/tracing/services/PROGRAM-COPY    the word that a program reads

Two generations that have the same map there have the same programs, and each of these serves
both places.  All of it is derived from pins, and may be written again at any time: that changes
nothing for the generation in force.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import Map, Program
from lockgate_runtime.pins import list_folder
from lockgate_runtime.slot import PLACES
from lockgate_runtime.tracing.layout import TRACING_SERVICE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SERVICE = ".data.service"
"""The map of an object that has the structure; its only key is 0."""
_KEY = bytes(4)


def services(folder: Path) -> Path:
    """Return where a generation's plane has the pins."""
    return folder / "services"


def restore_services(folder: Path) -> None:
    """Pin again what somebody removed: the programs have it, and it must not be forgotten.

    Who serves two generations, and is taken for one that serves the older only, serves nobody.
    """
    missing = {pin for pin in list_folder(folder / "programs") if "-" in pin.name} - {
        folder / "programs" / pin.name for pin in list_folder(services(folder))
    }
    if missing and not services(folder).exists():
        services(folder).mkdir(mode=0o700)
    for pin in sorted(missing):
        with Program.pinned(pin) as program:
            for number in program.maps:
                with Map.numbered(number) as found:
                    if found.info.name == SERVICE:
                        found.pin(services(folder) / pin.name)


def read_services(folder: Path) -> dict[str, int]:
    """Return the names of the pins and the numbers that the kernel gave to the maps."""
    found = {}
    for pin in list_folder(services(folder)):
        with Map.pinned(pin) as service:
            found[pin.name] = service.info.id
    return found


def serve(planes: Mapping[int, tuple[int, Path]]) -> None:
    """Write for every program which places it serves.

    ``planes``: by place the generation and its plane's folder.
    """
    places: dict[int, set[int]] = {}
    pins: dict[int, Path] = {}
    for place, (_, folder) in sorted(planes.items()):
        restore_services(folder)
        for name, number in read_services(folder).items():
            places.setdefault(number, set()).add(place)
            pins[number] = services(folder) / name
    generations = [planes[p][0] if p in planes else 0 for p in PLACES]
    for number, served in sorted(places.items()):
        value = TRACING_SERVICE.pack(
            places=sum(1 << place for place in served),
            generation=struct.pack("=2I", *generations),
        )
        with Map.pinned(pins[number]) as service:
            service.set(_KEY, value)

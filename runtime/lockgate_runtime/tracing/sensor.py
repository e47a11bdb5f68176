"""The process sensor: programs that keep a record of every process, loaded once for a root.

::

    tracing/sensor-HASH/programs/NAME   HASH: that of its object
    tracing/sensor-HASH/links/NAME
    tracing/sensor-HASH/whole/          there once all of it is attached and processes are known

It belongs to no generation: what it writes (``processes``, ``cgroups``) outlives them, and whose
rules concern a process is the classifiers' business.  Another object replaces it, the new one
first attached and then the old one detached; the records stay.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import Link
from lockgate_runtime.bpf_object import Object
from lockgate_runtime.errors import BpfError, NodeError
from lockgate_runtime.pins import list_folder, remove_tree
from lockgate_runtime.tracing.attach import attach_site
from lockgate_runtime.tracing.objects import SHARED, Pool
from lockgate_runtime.tracing.seed import seed
from lockgate_runtime.tracing.sites import Site

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate_runtime.pins import Pins

SENSOR_OBJECT = "process.o"
_WHOLE = "whole"
_CREDENTIALS = "credentials_changed"
DISPENSABLE = frozenset({_CREDENTIALS})
"""Programs that need trampolines: without them a process keeps the credentials of its exec."""
_STANDS = {
    "tp_btf": "raw_tracepoint",
    "raw_tp": "raw_tracepoint",
    "tp": "tracepoint",
    "tracepoint": "tracepoint",
}


def sensor_folder(pins: Pins) -> Path:
    """Return where sensors are pinned."""
    return pins.top / "tracing"


def start_sensor(pins: Pins, elf: bytes) -> int:
    """Attach the sensor unless this very one is, and record what runs already.

    Returns how many of the running processes had no room.
    """
    folder = _folder(pins, elf)
    if _is_whole(folder):
        _remove_others(pins, folder)
        return 0
    try:
        _attach(pins, elf, folder, frozenset())
    except (BpfError, NodeError):
        try:
            _attach(pins, elf, folder, DISPENSABLE)
        except BpfError as error:
            raise NodeError(
                "E5143",
                f"the process sensor: {error}",
                "nothing was changed; this kernel refuses a tracepoint that all tracing needs",
            ) from None
    unrecorded = seed(pins)
    (folder / _WHOLE).mkdir(mode=0o700)
    _remove_others(pins, folder)
    return unrecorded


def _folder(pins: Pins, elf: bytes) -> Path:
    return sensor_folder(pins) / f"sensor-{hashlib.sha256(elf).hexdigest()[:16]}"


def _is_whole(folder: Path) -> bool:
    """Whether a sensor came to its end, and nobody removed a link since."""
    links = {pin.name for pin in list_folder(folder / "links")}
    programs = {f"{pin.name}-0" for pin in list_folder(folder / "programs")}
    return (folder / _WHOLE).exists() and bool(links) and programs <= links


def check_sensor(pins: Pins, elf: bytes) -> None:
    """E5022 where this sensor runs, and writes to a map that nobody else would find."""
    if not (_folder(pins, elf) / _WHOLE).exists():
        return
    with Object("process", elf, is_tracing=True) as target:
        for name in SHARED.intersection(target.maps):
            if not pins.map(name).exists():
                raise NodeError(
                    "E5022",
                    f"the map {name} is no longer pinned below {pins.top}",
                    "unload (lockgate unload), then apply again",
                )


def _attach(pins: Pins, elf: bytes, folder: Path, left_out: frozenset[str]) -> None:
    """Load and attach the programs but some; nothing of them stays where one refuses."""
    remove(folder)  # of an apply that died
    for name in ("programs", "links"):
        (folder / name).mkdir(mode=0o700, parents=True)
    pool = Pool(pins)

    def prepare(target: Object) -> None:
        for name in left_out:
            target.skip(name)

    try:
        with pool.loaded("process", elf, prepare) as loaded:
            for name in loaded.programs:
                if name in left_out:
                    continue
                site = _site_of(name, loaded.section(name))
                with loaded.program(name) as program:
                    program.pin(folder / "programs" / name)
                    if site is None:
                        continue
                    for number, link in enumerate(attach_site(site, [program])):
                        with link:
                            link.pin(folder / "links" / f"{name}-{number}")
    except (BpfError, NodeError):
        remove(folder)
        raise
    finally:
        pool.close()


def stop_sensor(pins: Pins) -> None:
    """Detach and remove the sensor."""
    for folder in list_folder(sensor_folder(pins)):
        remove(folder)
    remove_tree(sensor_folder(pins))


def has_sensor(pins: Pins) -> bool:
    """Whether a sensor is attached, whole."""
    return any(map(_is_whole, list_folder(sensor_folder(pins))))


def follows_credentials(pins: Pins) -> bool:
    """Whether a process that changes its credentials is seen to, in between two execs."""
    folders = list_folder(sensor_folder(pins))
    return any((f / "programs" / _CREDENTIALS).exists() for f in folders)


def remove(folder: Path) -> None:
    """Remove one sensor, its links first."""
    for pin in list_folder(folder / "links"):
        with Link.pinned(pin):
            pin.unlink(missing_ok=True)
    remove_tree(folder)


def _remove_others(pins: Pins, kept: Path) -> None:
    for folder in list_folder(sensor_folder(pins)):
        if folder != kept:
            remove(folder)


def _site_of(program: str, section: str) -> Site | None:
    """Return what a section says of the way to attach; None for what is only called."""
    kind, _, place = section.partition("/")
    if not place:
        return None
    return Site(program, SENSOR_OBJECT, _STANDS.get(kind, kind), (place,))

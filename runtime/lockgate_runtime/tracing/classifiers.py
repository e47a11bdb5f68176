"""Programs of a generation that give processes their classes: those that begin, and that run."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import Map, Program
from lockgate_runtime.errors import NodeError
from lockgate_runtime.libbpf import wait_for_running_programs
from lockgate_runtime.slot import PLACES
from lockgate_runtime.tracing.former import tell

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate_runtime.pins import Pins
    from lockgate_runtime.tracing.former import Known
    from lockgate_runtime.tracing.sites import Sites

CLASSIFY, CLASSIFY_FORK, CLASSIFY_ALL = "classify", "classify_fork", "classify_all"
_ARRAYS = {"classifiers": CLASSIFY, "fork_classifiers": CLASSIFY_FORK}
"""Maps by whose places the sensor calls programs, and which ones."""


def is_whole(programs: Path, sites: Sites) -> bool:
    """Whether all that a generation needs for what its sites ask is still pinned."""
    wanted = {CLASSIFY, CLASSIFY_FORK, CLASSIFY_ALL}
    is_asked = any("classes" in site.reads for site in sites.sites)
    pinned = {name for name in wanted if (programs / name).exists()}
    return pinned == wanted or not (is_asked or pinned)


def classify(pins: Pins, folder: Path, place: int, known: Known, classes: int) -> None:
    """Let who begins be classified for the place from now on, then who runs.  E5147.

    ``classes``: see :func:`lockgate_runtime.tracing.former.tell`.
    """
    programs = folder / "programs"
    if not (programs / CLASSIFY_ALL).exists():
        return
    tell(folder / "maps", known, classes)
    for name, program in _ARRAYS.items():
        with (
            Map.pinned(pins.map(name)) as classifiers,
            Program.pinned(programs / program) as classifier,
        ):
            value = struct.pack("=I", classifier.fd)
            classifiers.set(struct.pack("=I", place), value)
    wait_for_running_programs()  # who begins just then has a record when they have ended
    with Program.pinned(programs / CLASSIFY_ALL) as classify_all:
        answer = classify_all.run_once(b"")
    if answer:
        raise NodeError(
            "E5147",
            f"the running processes could not be classified (answer {answer})",
            "unload and apply again; report it if that does not help",
        )


def forget_classifiers(pins: Pins, folder: Path) -> None:
    """Let who begins no longer be classified for the generation of a folder."""
    for name, program in _ARRAYS.items():
        _forget_classifier(pins.map(name), folder / "programs" / program)


def _forget_classifier(path: Path, pin: Path) -> None:
    if not pin.exists() or not path.exists():
        return
    with Program.pinned(pin) as program, Map.pinned(path) as classifiers:
        number = program.info.id
        for place in PLACES:
            key = struct.pack("=I", place)
            value = classifiers.get(key)
            if value is not None and int.from_bytes(value, "little") == number:
                classifiers.delete(key)

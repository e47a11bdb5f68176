"""Programs of a generation that give processes their classes: those that begin, and that run."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import Map, Program
from lockgate_runtime.errors import NodeError
from lockgate_runtime.libbpf import wait_for_running_programs
from lockgate_runtime.slot import PLACES
from lockgate_runtime.tracing.former_classes import known_classes
from lockgate_runtime.tracing.layout import CLASSIFY_REQUEST, FOLLOW_RULES

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate_runtime.pins import Pins
    from lockgate_runtime.tracing.former_classes import Known
    from lockgate_runtime.tracing.sites import Sites

CLASSIFY, CLASSIFY_FORK = "classify", "classify_fork"
CLASSIFY_ALL, FORGET_ALL = "classify_all", "forget_all"
_ARRAYS = {"classifiers": CLASSIFY, "fork_classifiers": CLASSIFY_FORK}
"""Maps by whose places the sensor calls programs, and which ones."""
_MOST_PASSES = 64
"""Over the records, until nothing has to be forgotten any more: processes begin meanwhile."""


def is_whole(programs: Path, sites: Sites) -> bool:
    """Whether all that a generation needs for what its sites ask is still pinned."""
    wanted = {CLASSIFY, CLASSIFY_ALL, FORGET_ALL}
    if any(table.map == "listed_numbers" for table in sites.tables):
        wanted.add(CLASSIFY_FORK)
    is_asked = any("classes" in site.reads for site in sites.sites)
    pinned = {name for name in wanted if (programs / name).exists()}
    return pinned == wanted or not (is_asked or pinned)


def classify(pins: Pins, folder: Path, place: int, known: Known) -> None:
    """Let who begins be classified for the place from now on, and who runs.

    E5147 where what an older generation knew does not come to an end.
    """
    programs = folder / "programs"
    if not (programs / CLASSIFY_ALL).exists():
        return
    with Program.pinned(programs / FORGET_ALL) as forget_all:
        forget_all.run_once(b"")
        wait_for_running_programs()  # they may have a copy of what was
        for _ in range(_MOST_PASSES):
            if not (is_left := forget_all.run_once(b"")):
                break
    if is_left:
        raise NodeError(
            "E5147",
            "the running processes could not be classified: too many begin meanwhile",
            "apply again when fewer processes begin; report it if that does not help",
        )
    for name, program in _ARRAYS.items():
        if (programs / program).exists():
            with (
                Map.pinned(pins.map(name)) as classifiers,
                Program.pinned(programs / program) as classify,
            ):
                value = struct.pack("=I", classify.fd)
                classifiers.set(struct.pack("=I", place), value)
    rules = bytes(known.rules).ljust(FOLLOW_RULES, b"\0")
    with (
        known_classes(folder / "maps", known),
        Program.pinned(programs / CLASSIFY_ALL) as classify_all,
    ):
        classify_all.run_once(CLASSIFY_REQUEST.pack(same_rule=rules))


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

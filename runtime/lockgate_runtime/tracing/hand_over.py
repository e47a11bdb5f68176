"""Write the slot so that each hit of a hook belongs to one of two generations, and to one only.

Links of tracing programs cannot be updated in place: for a while the programs of both
generations stand at a hook, and run one after the other on each hit.  The slot first says that
hooks are handed over: whoever runs first then tells the second whose the hit is
(``templates/lib/tracing/turn.h``).  Once every hit that began before has ended, the slot is
written as it stays, and from then on nobody has to be asked.

Hits in user space may sleep between two programs.  Where the generation that goes will not be
needed again, its programs there are detached meanwhile: the kernel waits for the hits that they
have seen, and whoever runs alone runs first.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import Map
from lockgate_runtime.generation import generation_in
from lockgate_runtime.libbpf import wait_for_running_programs
from lockgate_runtime.pins import boot_time
from lockgate_runtime.slot import PLACES, Slot, read_slot, write_slot
from lockgate_runtime.tracing.generation import (
    is_armed,
    is_in_user_space,
    leave_user_space,
    serve_places,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockgate_runtime.pins import Pins

TURNS = "turns"
SETTLING = 1_000_000_000
"""How long after a deadline hooks are handed over (ns); the same in ``turn.h``."""
_PAUSE, _LONG_PAUSE = 0.01, 0.2
"""Seconds; between two programs of a trampoline a task may be interrupted, or be preempted where
the kernel is preemptible at any place: for as long as others want its processor.  Between two
of a uprobe it may sleep in any kernel (uprobe_buffer_get() takes a mutex)."""
_PREEMPTION = Path("/sys/kernel/debug/sched/preempt")


def switch(pins: Pins, slot: Slot) -> None:
    """Put what the slot says in force; each hit that is under way ends as it began."""
    if not any(is_armed(pins, number) for number in _in_place(pins)):
        write_slot(pins, slot)
        return
    # What a change that died has said of another generation in that place ends now.
    serve_places(pins)
    leaving = None if slot.deadline else generation_in(pins, slot.other)
    if leaving is None or slot.newest != slot.written:
        hand_over(pins, slot, may_sleep=_may_sleep(pins))
    else:
        leave = partial(leave_user_space, pins, leaving)
        hand_over(pins, slot, may_sleep=False, leave=leave)


def hand_over(
    pins: Pins,
    slot: Slot,
    *,
    may_sleep: bool,
    leave: Callable[[], None] = lambda: None,
) -> None:
    """Write the slot so that each hit meanwhile belongs to exactly one generation.

    ``may_sleep``: a task may sleep between the programs of a hit, since they are at uprobes;
    ``leave`` detaches those of the generation that goes, which must not run first.
    """
    try:
        write_slot(pins, replace(slot, is_handed_over=True))
        _wait(may_sleep=may_sleep)
        leave()
    finally:
        write_slot(pins, slot)
    _forget_turns(pins)


def settle_slot(pins: Pins, slot: Slot) -> Slot:
    """End a hand-over that nobody ended, and write a fall-back down that has happened."""
    if slot.has_fallen_back:
        rest = slot.deadline + SETTLING - boot_time()
        time.sleep(max(0, rest) / 1e9)
        write_slot(pins, Slot(slot.active))
    elif slot.is_handed_over:
        _wait(may_sleep=_may_sleep(pins))
        write_slot(pins, replace(slot, is_handed_over=False))
    return read_slot(pins)


def _in_place(pins: Pins) -> list[int]:
    found = (generation_in(pins, place) for place in PLACES)
    return [number for number in found if number is not None]


def _may_sleep(pins: Pins) -> bool:
    """Whether any of the generations that act stands in user space."""
    return any(is_in_user_space(pins, number) for number in _in_place(pins))


def _forget_turns(pins: Pins) -> None:
    """Remove notes whose second reader never came; nobody leaves any now."""
    if pins.map(TURNS).exists():
        with Map.pinned(pins.map(TURNS)) as turns:
            turns.clear()


def _wait(*, may_sleep: bool) -> None:
    wait_for_running_programs()
    time.sleep(_LONG_PAUSE if may_sleep or _is_preemptible() else _PAUSE)


@cache
def _is_preemptible() -> bool:
    """Whether the kernel may preempt a task anywhere (``preempt=full``); true if unknown."""
    version = os.uname().version
    if "PREEMPT" not in version:
        return False
    try:
        return not re.search(r"\((none|voluntary)\)", _PREEMPTION.read_text())
    except OSError:
        # Debian's and Ubuntu's kernels are preempted voluntarily unless told otherwise.
        is_dynamic = "PREEMPT_DYNAMIC" in version
        told = Path("/proc/cmdline").read_text()
        return not is_dynamic or "preempt=full" in told

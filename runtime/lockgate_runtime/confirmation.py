"""Keep a generation, or go back to the one before.

Both are one write of the slot; what follows is tidying.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lockgate_runtime.attach import Attachment, way
from lockgate_runtime.bundle import Bundle
from lockgate_runtime.damage import require_loaded
from lockgate_runtime.errors import NodeError
from lockgate_runtime.generation import BEFORE, generation_in
from lockgate_runtime.link_header import device_stub
from lockgate_runtime.loader import Loader
from lockgate_runtime.recovery import is_attached, recover, settle
from lockgate_runtime.slot import Slot, write_slot
from lockgate_runtime.tracing.apply_plane import arm_again
from lockgate_runtime.tracing.hand_over import switch

if TYPE_CHECKING:
    from lockgate_runtime.bpf import Program
    from lockgate_runtime.netlink import Netlink
    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State


def confirm(pins: Pins, state: State, netlink: Netlink) -> tuple[int, list[str]]:
    """Keep the generation that waits; return its number and warnings.

    E5032 when none waits: the deadline may have passed, and the kernel fallen back.
    """
    require_loaded(pins)
    slot = recover(pins)
    number = generation_in(pins, slot.active)
    if not slot.is_pending or number is None:
        raise NodeError(
            "E5032",
            f"no generation is waiting for its confirmation (in force: {number})",
            "if its deadline has passed, apply it again",
        )
    write_slot(pins, Slot(slot.active))
    _, warnings = settle(pins, state, netlink)
    return number, warnings


def rollback(pins: Pins, state: State, netlink: Netlink) -> tuple[int, int, list[str]]:
    """Go back to the generation in the other place; return from, to, and warnings.

    E5033 when there is none.  Before the first generation nothing was judged: only while
    that one waits for its confirmation one can go back there; else one unloads.
    """
    slot = recover(pins)
    current = generation_in(pins, slot.active)
    previous = generation_in(pins, slot.other)
    if current is None:  # whom would what both have in common serve meanwhile?
        require_loaded(pins)
    if previous is None or (previous == BEFORE and not slot.is_pending):
        raise NodeError(
            "E5033",
            f"there is no generation before {current}",
            "apply another bundle, or unload to judge nothing (lockgate unload)",
        )
    arm_again(pins, state, previous, slot.other)
    pins.create()  # somebody may have removed the folder of links
    warnings = _attach_again(pins, state, netlink, previous)
    # While both generations act, the one that waits for its confirmation is the newer.
    newest = slot.newest if slot.is_pending else slot.other
    switch(pins, Slot(slot.other, newest=newest))
    warnings += settle(pins, state, netlink)[1]
    return current or BEFORE, previous, warnings


def _attach_again(pins: Pins, state: State, netlink: Netlink, number: int) -> list[str]:
    """Attach what a generation judged and a later one did not."""
    node = state.read_node(number)
    if number != BEFORE and not node:
        return [
            f"where generation {number} judged packets is not known any more (node.json): what "
            "the generation after it did not judge is not judged now; apply its bundle again"
        ]
    numbers = {
        row["where"]: row["attachment"]
        for row in node.get("endpoints", ())
        if row["is_cgroup"]
    }
    warnings = []
    for row in node.get("attachments", ()):
        place, where = Attachment.named(row["name"]), row["where"]
        if place is None or is_attached(pins, place, netlink):
            continue
        try:
            if not _is_same(place, where, netlink):
                continue
            number = numbers.get(where, 0)
            with _stub(pins, place, netlink, number, node["bundle"]) as program:
                pin = pins.links / place.name
                way(place.way).attach(program, place, pin, netlink, where)
        except (OSError, NodeError) as error:
            warnings.append(f"{where} is not enforced: {error}; apply again")
    return warnings


def _is_same(place: Attachment, where: str, netlink: Netlink) -> bool:
    """Whether the device or cgroup is still the one that it was."""
    if place.way == "cgroup":
        folder = Path(where)
        return folder.is_dir() and folder.stat().st_ino == place.target
    device = netlink.device_at(place.target)
    return device is not None and device.name == where


def _stub(
    pins: Pins, place: Attachment, netlink: Netlink, number: int, bundle: str
) -> Program:
    if place.way != "cgroup":
        return device_stub(pins, place, netlink)
    loader = Loader(Bundle.open(Path(bundle)), pins)
    return loader.cgroup_stubs(number)[place.hook]

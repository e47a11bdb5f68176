"""Bring what is pinned into order: after a crash, a deadline, or a switch.

Commands that change something begin with :func:`recover` and end with :func:`settle`, both
under the lock.  Neither changes which policy is in force: they write down what the kernel
already does, and remove what nobody needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate_runtime.attach import Attachment, way
from lockgate_runtime.attach.cgroup import attachment_number
from lockgate_runtime.errors import NodeError
from lockgate_runtime.generation import (
    BEFORE,
    attachment_numbers,
    empty_place,
    endpoint_addresses,
    generation_in,
    is_empty,
    is_passing,
    is_whole,
    mark_in_force,
    put_in_place,
    retire,
    was_in_force,
)
from lockgate_runtime.pins import list_folder
from lockgate_runtime.slot import PLACES, Slot, read_slot
from lockgate_runtime.tracing.generation import disarm_others, stop_unused_sensor
from lockgate_runtime.tracing.hand_over import settle_slot

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockgate_runtime.endpoints import Addresses
    from lockgate_runtime.netlink import Device, Netlink
    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State

_ENDPOINT_HOOKS = ("from_endpoint", "to_endpoint")
_NETWORK_HOOKS = ("from_network", "to_network")


def recover(pins: Pins) -> Slot:
    """Write down a fall-back that happened, and repair a wrongly filled inactive place.

    Returns the slot as it is now.  Nothing is touched where somebody removed pins of the
    generation in force: it acts as before, and who it is can only be guessed.
    """
    slot = settle_slot(pins, read_slot(pins))
    active = generation_in(pins, slot.active)
    if active is None:
        return slot
    mark_in_force(pins, active)
    disarm_others(pins, _acting(pins, slot))
    if not slot.is_pending and not is_empty(pins, slot.other):
        there = generation_in(pins, slot.other)
        if there is None or not was_in_force(pins, there):
            _restore(pins, slot.other, active)
    return slot


def _acting(pins: Pins, slot: Slot) -> set[int]:
    """Return the generations that act, or that the kernel may fall back to by itself."""
    places = PLACES if slot.is_pending else (slot.active,)
    found = {generation_in(pins, place) for place in places}
    return {number for number in found if number is not None}


def _restore(pins: Pins, place: int, active: int | None) -> None:
    """Put the older policy back where one that never came in force was put, or half put."""
    for number in reversed(pins.generation_numbers()):
        is_older = number != active and was_in_force(pins, number)
        if is_older and is_whole(pins, number):
            put_in_place(pins, number, place)
            return
    empty_place(pins, place)


def attachments(pins: Pins) -> list[Attachment]:
    """Return every attachment that has a pin, whether or not it is in force."""
    named = (Attachment.named(pin.name) for pin in list_folder(pins.links))
    return sorted(place for place in named if place)


def is_attached(pins: Pins, place: Attachment, netlink: Netlink) -> bool:
    """Whether an attachment is in force."""
    return way(place.way).is_attached(place, pins.links / place.name, netlink)


def detach(pins: Pins, place: Attachment, netlink: Netlink) -> None:
    """Take an attachment away."""
    way(place.way).detach(place, pins.links / place.name, netlink)


def wanted_by(pins: Pins, number: int | None) -> Callable[[Attachment], bool]:
    """Return whether a generation has something to judge at an attachment."""
    if number is None or number == BEFORE:
        return lambda _place: False
    numbers = attachment_numbers(pins, number)
    passing = {hook for hook in _NETWORK_HOOKS if is_passing(pins, number, hook)}

    def is_wanted(place: Attachment) -> bool:
        if place.hook in _NETWORK_HOOKS:
            return place.hook not in passing
        if place.way == "cgroup":
            return attachment_number(place.target) in numbers
        return place.target in numbers

    return is_wanted


def enforced_devices(pins: Pins, netlink: Netlink) -> dict[Addresses, Device]:
    """Return the devices at which endpoints are enforced now, by the endpoints' addresses.

    All of it is read from the kernel.  A device that is gone took its attachments along; one
    that has its number since has none.
    """
    if not pins.exist:
        return {}
    number = generation_in(pins, read_slot(pins).active)
    if number is None:
        return {}
    addresses = endpoint_addresses(pins, number)
    found = {}
    for place in attachments(pins):
        is_ours = place.hook in _ENDPOINT_HOOKS and place.target in addresses
        if is_ours and is_attached(pins, place, netlink):
            device = netlink.device_at(place.target)
            if device is not None:
                found[addresses[place.target]] = device
    return found


def settle(
    pins: Pins, state: State, netlink: Netlink
) -> tuple[list[Attachment], list[str]]:
    """Remove attachments and generations that nobody needs; return those and warnings.

    While a generation waits for its confirmation, only attachments whose device or cgroup
    is gone are removed: the kernel may fall back, and cannot attach by itself.
    """
    slot = read_slot(pins)
    in_place = {place: generation_in(pins, place) for place in PLACES}
    active = in_place[slot.active]
    if active is not None:
        mark_in_force(pins, active)
    is_wanted = wanted_by(pins, active)
    removed: list[Attachment] = []
    warnings: list[str] = []
    for place in attachments(pins):
        keeps = slot.is_pending or active is None or is_wanted(place)
        if not (keeps and is_attached(pins, place, netlink)):
            detach(pins, place, netlink)
            removed.append(place)
    if active is not None:
        disarm_others(pins, _acting(pins, slot))
        warnings += retire_others(pins, state)
        stop_unused_sensor(pins)
    return removed, warnings


def retire_others(pins: Pins, state: State) -> list[str]:
    """Remove generations that are in no place, those of an apply that died too; return warnings.

    After :func:`recover`, which may put an older one back in place.  None is removed while it
    is not known which one is in force.
    """
    warnings: list[str] = []
    in_place = {generation_in(pins, place) for place in PLACES}
    if generation_in(pins, read_slot(pins).active) is None:
        return warnings
    for number in pins.generation_numbers():
        if number in in_place:
            continue
        try:
            retire(pins, state, number)
        except NodeError as error:
            warnings.append(f"generation {number} stays for now: {error.message}")
    for number in state.generation_numbers():
        if number not in pins.generation_numbers():
            state.forget(number)
    return warnings

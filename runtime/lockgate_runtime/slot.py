"""The slot: the one word that says which generation is in force.

Stubs read it for every packet.  It names the active of two places and, until a new
generation is confirmed, a deadline after which the other place is in force again: the
kernel falls back without us.

Packets are judged by one program, which reads the slot once.  Hooks have programs of two
generations while these are exchanged: :mod:`lockgate_runtime.tracing.hand_over`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import Map
from lockgate_runtime.layout import pack_slot, unpack_slot
from lockgate_runtime.pins import boot_time

if TYPE_CHECKING:
    from lockgate_runtime.pins import Pins

PLACES = (0, 1)
_KEY = bytes(4)


@dataclass(frozen=True, slots=True)
class Slot:
    """What the slot says; ``deadline`` is boot time in ns, 0 for none.

    ``newest``: the place whose hooks were attached last, said while those of both act.
    """

    written: int
    deadline: int = 0
    newest: int = 0
    is_handed_over: bool = False

    @property
    def remaining(self) -> int:
        """Nanoseconds until it falls back; 0 when it will not, or has."""
        return max(0, self.deadline - boot_time()) if self.deadline else 0

    @property
    def is_pending(self) -> bool:
        """Whether a generation is in force that waits for its confirmation."""
        return self.remaining > 0

    @property
    def has_fallen_back(self) -> bool:
        """Whether the deadline has passed unconfirmed."""
        return bool(self.deadline) and not self.is_pending

    @property
    def active(self) -> int:
        """The place that is in force now."""
        return 1 - self.written if self.has_fallen_back else self.written

    @property
    def other(self) -> int:
        """The place that is not in force now."""
        return 1 - self.active


def read_slot(pins: Pins) -> Slot:
    """Read the slot of a root; FileNotFoundError where nothing was applied."""
    with Map.pinned(pins.map("slot")) as slot:
        return Slot(*unpack_slot(slot.get(_KEY) or bytes(8)))


def write_slot(pins: Pins, slot: Slot) -> None:
    """Switch: one write of eight bytes, and every hook obeys the other generation."""
    # Hooks read least where the word is nothing but a place.
    newest = slot.newest if slot.deadline or slot.is_handed_over else 0
    word = pack_slot(
        slot.written, slot.deadline, newest, is_handed_over=slot.is_handed_over
    )
    with Map.pinned(pins.map("slot")) as written:
        written.set(_KEY, word)

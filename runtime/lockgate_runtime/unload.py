"""Remove everything: attachments, pins, state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate_runtime.pins import remove_tree
from lockgate_runtime.recovery import attachments, detach

if TYPE_CHECKING:
    from lockgate_runtime.attach import Attachment
    from lockgate_runtime.netlink import Netlink
    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State


def remove_everything(pins: Pins, state: State, netlink: Netlink) -> list[Attachment]:
    """Detach first, so that no packet meets a stub without its generation."""
    removed = attachments(pins)
    for place in removed:
        detach(pins, place, netlink)
    remove_tree(pins.root)
    state.remove()
    return removed

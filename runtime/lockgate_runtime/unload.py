"""Remove everything of ours: attachments, pins, state."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from lockgate_runtime.pins import remove_tree
from lockgate_runtime.recovery import attachments, detach
from lockgate_runtime.tracing.apply_plane import remove_tracing

if TYPE_CHECKING:
    from lockgate_runtime.attach import Attachment
    from lockgate_runtime.netlink import Netlink
    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State


class Removed(NamedTuple):
    """What was taken away; ``links``: of tracing policies, by generation and program."""

    attachments: list[Attachment]
    links: list[str]


def remove_everything(pins: Pins, state: State, netlink: Netlink) -> Removed:
    """Remove the pins, the root unless others have pins there, and the state."""
    removed = remove_pins(pins, netlink)
    with contextlib.suppress(OSError):
        pins.root.rmdir()
    state.remove()
    return removed


def remove_pins(pins: Pins, netlink: Netlink) -> Removed:
    """Detach first, so that no packet meets a stub without its generation.

    Pins of other versions of ours go, too.
    """
    removed = attachments(pins)
    for place in removed:
        detach(pins, place, netlink)
    links = remove_tracing(pins)
    for folder in pins.versions():
        remove_tree(folder)
    return Removed(removed, links)

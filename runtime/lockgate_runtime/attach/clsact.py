"""Attach to a device by a BPF filter at its clsact qdisc (kernels before 6.6).

The filter has the lowest priority number, hence comes first, and a handle of its own; it
answers TC_ACT_UNSPEC for what it allows, so that the filters of others run after it.  The
kernel pins no filters: we pin the stub under the attachment's name to know it again, and a
second name next to it says that the qdisc is ours to remove.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate_runtime.attach import DIRECTION, Attachment
from lockgate_runtime.netlink import Filter

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate_runtime.bpf import Program
    from lockgate_runtime.netlink import Netlink

PRIORITY = 1
HANDLE = 0x4C47
_MADE = "qdisc-{}"


def attach(
    program: Program, place: Attachment, pin: Path, netlink: Netlink, _path: str
) -> None:
    """Add the qdisc if there is none, then the filter."""
    direction = DIRECTION[place.hook]
    if not pin.exists():
        program.pin(pin)
    if netlink.add_clsact(place.target):
        made = pin.with_name(_MADE.format(place.target))
        made.unlink(missing_ok=True)
        program.pin(made)
    netlink.add_filter(place.target, direction, program.fd, _filter(place))


def is_attached(place: Attachment, pin: Path, netlink: Netlink) -> bool:
    """Whether the device has our filter."""
    wanted = _filter(place)
    return pin.exists() and wanted in netlink.filters(
        place.target, DIRECTION[place.hook]
    )


def detach(place: Attachment, pin: Path, netlink: Netlink) -> None:
    """Remove the filter; and the qdisc if we made it and nobody uses it now."""
    if is_attached(place, pin, netlink):
        netlink.remove_filter(place.target, DIRECTION[place.hook], _filter(place))
    made = pin.with_name(_MADE.format(place.target))
    if made.exists() and not any(
        netlink.filters(place.target, direction) for direction in ("ingress", "egress")
    ):
        netlink.remove_clsact(place.target)
        made.unlink()
    pin.unlink(missing_ok=True)


def _filter(place: Attachment) -> Filter:
    return Filter(PRIORITY, HANDLE, f"lockgate:{place.hook}")

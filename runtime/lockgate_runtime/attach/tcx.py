"""Attach to a device by tcx links (kernel 6.6 and newer).

Ours comes first and answers TCX_NEXT for what it allows, so that the programs of others
run after it.  The pinned link is the attachment; it empties itself when the device goes.
"""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING

from lockgate_runtime.attach import DIRECTION, Attachment, drop_link
from lockgate_runtime.bpf import F_BEFORE, AttachType, Command, Link, Program
from lockgate_runtime.errors import BpfError
from lockgate_runtime.libbpf import bpf

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate_runtime.netlink import Netlink

_TYPES = {"ingress": AttachType.TCX_INGRESS, "egress": AttachType.TCX_EGRESS}
_LOOPBACK = 1


def is_supported() -> bool:
    """Whether this kernel has tcx: whether it can be asked what is attached that way."""
    query = struct.pack("=II", _LOOPBACK, AttachType.TCX_INGRESS).ljust(64, b"\0")
    try:
        bpf(Command.PROG_QUERY, bytearray(query), "ask for tcx")
    except BpfError as error:
        if error.errno == errno.EINVAL:
            return False
        raise
    return True


def attach(
    program: Program, place: Attachment, pin: Path, _netlink: Netlink, _path: str
) -> None:
    """Attach before all others."""
    attach_type = _TYPES[DIRECTION[place.hook]]
    pin.unlink(missing_ok=True)
    with Link.create(program, place.target, attach_type, F_BEFORE) as link:
        link.pin(pin)


def is_attached(place: Attachment, pin: Path, _netlink: Netlink) -> bool:
    """Whether the pinned link still has its device."""
    if not pin.exists():
        return False
    with Link.pinned(pin) as link:
        return link.info.target == place.target


def detach(_place: Attachment, pin: Path, _netlink: Netlink) -> None:
    """Detach the link, and unpin it."""
    drop_link(pin)

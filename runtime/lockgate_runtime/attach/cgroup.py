"""Attach to a cgroup by links of cgroup_skb programs.

Links allow others beside them (BPF_F_ALLOW_MULTI); each cgroup has a stub of its own, which
knows the endpoint's number.  The pinned link empties itself when the cgroup goes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate_runtime.attach import DIRECTION, Attachment, drop_link
from lockgate_runtime.bpf import AttachType, Link, Program
from lockgate_runtime.errors import NodeError

if TYPE_CHECKING:
    from lockgate_runtime.netlink import Netlink

_ID_BITS, _TOP = 0x7FFFFFFF, 0xFFFFFFFF
_TYPES = {"ingress": AttachType.CGROUP_INGRESS, "egress": AttachType.CGROUP_EGRESS}


def attach(
    program: Program, place: Attachment, pin: Path, _netlink: Netlink, path: str
) -> None:
    """Attach to the cgroup whose folder is ``path``."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        pin.unlink(missing_ok=True)
        attach_type = _TYPES[DIRECTION[place.hook]]
        with Link.create(program, folder, attach_type) as link:
            link.pin(pin)
    finally:
        os.close(folder)


def is_attached(place: Attachment, pin: Path, _netlink: Netlink) -> bool:
    """Whether the pinned link still has its cgroup."""
    if not pin.exists():
        return False
    with Link.pinned(pin) as link:
        return link.info.target == place.target


def detach(_place: Attachment, pin: Path, _netlink: Netlink) -> None:
    """Detach the link, and unpin it."""
    drop_link(pin)


def mount_point() -> Path:
    """Return where cgroup2 is mounted."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        if rest.split()[0] == "cgroup2":
            return Path(fields.split()[4])
    raise NodeError(
        "E5008",
        "no cgroup2 file system is mounted, and an endpoint is a cgroup",
        "mount it: mount -t cgroup2 none /sys/fs/cgroup",
    )


def cgroup_id(path: Path) -> int:
    """Return the id of a cgroup: the inode number of its folder."""
    return path.stat().st_ino


def attachment_number(number: int) -> int:
    """Return an endpoint's attachment number for a cgroup id: its low 31 bits, inverted.

    Cgroups and devices are both numbered from 1 on; counted down from the top, the low bits
    of the ones differ from those of the others, which a direct-mapped table needs.
    """
    return _TOP - (number & _ID_BITS)

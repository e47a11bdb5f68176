"""Attach stubs to the kernel's hooks: one way, one module.

Each module has ``attach``, ``is_attached`` and ``detach`` for an :class:`Attachment`.  What is
attached stays when this process ends: links are pinned, filters belong to the device.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from lockgate_runtime.bpf import Link

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate_runtime.bpf import Program
    from lockgate_runtime.netlink import Netlink

DIRECTION = {
    "from_endpoint": "ingress",
    "to_endpoint": "egress",
    "from_network": "ingress",
    "to_network": "egress",
    "cgroup_ingress": "ingress",
    "cgroup_egress": "egress",
}
"""Which way packets go at a hook, as the device or the cgroup sees it."""

_NAME = re.compile(r"(tcx|clsact|cgroup)-([a-z_]+)-(\d+)")


@dataclass(frozen=True, slots=True, order=True)
class Attachment:
    """A stub at a hook: ``way`` is tcx, clsact or cgroup; target an ifindex or cgroup id."""

    way: str
    hook: str
    target: int

    @property
    def name(self) -> str:
        """Its name among the pins."""
        return f"{self.way}-{self.hook}-{self.target}"

    @classmethod
    def named(cls, name: str) -> Attachment | None:
        """Read a name; None when it is not one of ours."""
        match = _NAME.fullmatch(name)
        return cls(match[1], match[2], int(match[3])) if match else None


class Way(Protocol):
    """What the modules of this package have."""

    def attach(
        self,
        program: Program,
        place: Attachment,
        pin: Path,
        netlink: Netlink,
        path: str,
    ) -> None:
        """Attach; OSError when the kernel refuses.  ``path``: a cgroup's folder."""

    def is_attached(self, place: Attachment, pin: Path, netlink: Netlink) -> bool:
        """Whether it is in force: False when its device or cgroup is gone."""

    def detach(self, place: Attachment, pin: Path, netlink: Netlink) -> None:
        """Detach, and remove the pin; nothing happens when it is gone."""


def drop_link(pin: Path) -> None:
    """Detach a pinned link now, and unpin it; without the first, the kernel takes its time."""
    if pin.exists():
        with Link.pinned(pin) as link:
            if link.info.target:
                link.detach()
        pin.unlink(missing_ok=True)


def way(name: str) -> Way:
    """Return the module of one way."""
    return cast("Way", import_module(f"lockgate_runtime.attach.{name}"))

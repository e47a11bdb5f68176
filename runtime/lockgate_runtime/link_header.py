"""Tell what a device puts before the IP header: the stub that fits it depends on this.

A program that takes an IP packet for an Ethernet frame reads addresses and ports from the
wrong place, so a device of an unknown kind is refused.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import Program
from lockgate_runtime.errors import NodeError

if TYPE_CHECKING:
    from lockgate_runtime.attach import Attachment
    from lockgate_runtime.netlink import Device, Netlink
    from lockgate_runtime.pins import Pins

STUB_SUFFIXES = ("", "_l3")
"""Of the stubs for Ethernet and for no link header (``LINKS`` of the compiler's hooks)."""

_ETHERNET = frozenset({1, 772})
"""ARPHRD_ETHER, ARPHRD_LOOPBACK (linux/if_arp.h)."""

_NONE = frozenset({512, 519, 768, 769, 776, 0xFFFE})
"""ARPHRD_PPP, RAWIP, TUNNEL (ipip), TUNNEL6, SIT and NONE (tun, WireGuard): of those that
dev_is_mac_header_xmit() (linux/if_arp.h) names, all but GRE's, whose packets have an outer
header on the way out where a tunnel has many ends."""


def stub_suffix(device: Device) -> str:
    """Return the suffix of the stub for a device; E5027 where none fits."""
    if device.link_type in _ETHERNET:
        return STUB_SUFFIXES[0]
    if device.link_type in _NONE:
        return STUB_SUFFIXES[1]
    kind = f" ({device.kind})" if device.kind else ""
    raise NodeError(
        "E5027",
        f"the packets of {device.name}{kind} have link headers of a kind that the "
        f"programs cannot read (ARPHRD type {device.link_type})",
        "leave it out: name the devices to enforce at by --devices or --endpoints",
    )


def device_stub(pins: Pins, place: Attachment, netlink: Netlink) -> Program:
    """Return the stub that fits the device of an attachment; OSError when it is gone."""
    device = netlink.device_at(place.target)
    if device is None:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    return Program.pinned(pins.stubs / (place.hook + stub_suffix(device)))

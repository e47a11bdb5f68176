"""Ask and change the network configuration; the only importer of pyroute2.

pyroute2 is imported when a socket is opened, so that the rest of the runtime works without
it.  Everything that leaves this module has a type.
"""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any

from lockgate_runtime.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    Address = IPv4Address | IPv6Address

_FIB_MATCH = (
    0x2000  # RTM_F_FIB_MATCH: the entry that matched, not the route made from it
)
_UNICAST = 1
_FAMILIES = {4: 2, 6: 10}
_CLSACT_HANDLE = 0xFFFF0000
_DIRECTIONS = {"ingress": 0xFFFFFFF2, "egress": 0xFFFFFFF3}
_ETH_P_ALL = 3
_AF_BRIDGE = 7
_NO_DUPLICATE_DETECTION = 0x02  # IFA_F_NODAD: usable at once


@dataclass(frozen=True, slots=True)
class Device:
    """A network device of this namespace; ``kind`` is empty for physical ones.

    ``link_type`` is the kernel's ARPHRD number, which says what its frames begin with.
    """

    index: int
    name: str
    kind: str
    link_type: int


@dataclass(frozen=True, slots=True)
class Route:
    """How packets to an address leave; ``prefix_length`` is that of the entry which matched."""

    device: Device
    prefix_length: int
    has_gateway: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter at a clsact hook; ``name`` is empty for kinds other than BPF."""

    priority: int
    handle: int
    name: str


class Netlink:
    """A socket to the kernel's network configuration, as a context manager.

    It is opened when somebody first asks: what only traces asks nothing.
    """

    def __enter__(self) -> Netlink:
        self._opened: Any = None
        self._patience = _PATIENCE
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._opened is not None:
            self._opened.close()

    @property
    def _ip(self) -> Any:  # noqa: ANN401  # pyroute2 has no types
        """The socket; E5004 without pyroute2."""
        if self._opened is None:
            try:
                from pyroute2 import IPRoute
                from pyroute2.netlink.exceptions import NetlinkError
            except ImportError as error:
                raise NodeError(
                    "E5004",
                    f"pyroute2 cannot be imported: {error}",
                    "install it: pip install pyroute2, or the package python3-pyroute2",
                ) from None
            self._error = NetlinkError
            self._opened = IPRoute()
        return self._opened

    # ------------------------------------------------------------------ what there is

    def local_addresses(self) -> list[Address]:
        """Return every address of this host, sorted, whatever its scope."""
        found = set()
        for message in self._ip.get_addr():
            # IFA_ADDRESS is the peer's on a point-to-point device.
            text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
            if text:
                found.add(ip_address(text))
        return sorted(found, key=lambda a: (a.version, int(a)))

    def add_local_address(self, address: Address) -> None:
        """Give the loopback device an address for this host alone; it may have it already."""
        loopback = self.device("lo")
        if loopback is None or address in self.local_addresses():
            return
        self._ip.addr(
            "add",
            index=loopback.index,
            address=str(address),
            prefixlen=address.max_prefixlen,
            flags=_NO_DUPLICATE_DETECTION if address.version == 6 else 0,
        )

    def device(self, name: str) -> Device | None:
        """Find a device by its name."""
        for index in self._ip.link_lookup(ifname=name):
            return self.device_at(index)
        return None

    def device_at(self, index: int) -> Device | None:
        """Find a device by its index."""
        try:
            (message,) = self._ip.link("get", index=index)
        except self._error as error:
            if error.code in (errno.ENODEV, errno.EINVAL):
                return None
            raise
        kind = message.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND")
        name = message.get_attr("IFLA_IFNAME")
        return Device(index, name, kind or "", message["ifi_type"])

    def route(self, address: Address) -> Route | None:
        """Return how packets to an address leave, None when they do not or it is local."""
        try:
            messages = list(
                self._ip.route(
                    "get",
                    dst=str(address),
                    family=_FAMILIES[address.version],
                    flags=_FIB_MATCH,
                )
            )
        except self._error as error:
            if error.code in _NO_ROUTE:
                return None
            raise
        for message in messages:
            index = message.get_attr("RTA_OIF")
            if (
                message["type"] == _UNICAST
                and index
                and (device := self.device_at(index))
            ):
                gateway = message.get_attr("RTA_GATEWAY") or message.get_attr("RTA_VIA")
                return Route(device, message["dst_len"], gateway is not None)
        return None

    def default_devices(self) -> list[Device]:
        """Return the devices of the default routes of both families, by index."""
        indexes = set()
        for message in self._default_routes():
            if message["type"] != _UNICAST:
                continue
            indexes.add(message.get_attr("RTA_OIF"))
            for hop in message.get_attr("RTA_MULTIPATH") or ():
                indexes.add(hop["oif"])
        found = map(self.device_at, sorted(indexes - {None}))
        return [device for device in found if device]

    def _default_routes(self) -> Iterator[Any]:
        for family in _FAMILIES.values():
            yield from self._ip.get_default_routes(family=family)

    def bridge_port(self, bridge: Device, address: Address) -> Device | None:
        """Return the port of a bridge behind which an address is.

        The kernel forgets who has not spoken for a while, so it is made to ask.  All that
        do not answer are together waited for as long as one.
        """
        mac = self._link_address(bridge, address)
        port = self._port_of(bridge, mac)
        if port is None:
            self._ask(bridge, address, mac)
        while port is None and self._patience > 0:
            time.sleep(_STEP)
            self._patience -= _STEP
            port = self._port_of(bridge, self._link_address(bridge, address))
        return port

    def _ask(self, bridge: Device, address: Address, mac: str | None) -> None:
        """Let the kernel ask for a neighbour now: once more where it knows one."""
        known: dict[str, Any] = {"lladdr": mac, "state": _NUD_PROBE} if mac else {}
        try:
            self._ip.neigh(
                "replace",
                family=_FAMILIES[address.version],
                dst=str(address),
                ifindex=bridge.index,
                **(known or {"state": _NUD_NONE, "flags": _NTF_USE}),
            )
        except self._error as error:
            if error.code not in (*_GONE, errno.EPERM):
                raise

    def _link_address(self, bridge: Device, address: Address) -> str | None:
        for neighbour in self._ip.get_neighbours(
            family=_FAMILIES[address.version], ifindex=bridge.index
        ):
            if neighbour.get_attr("NDA_DST") == str(address):
                mac: str | None = neighbour.get_attr("NDA_LLADDR")
                return mac
        return None

    def _port_of(self, bridge: Device, mac: str | None) -> Device | None:
        if mac is None:
            return None
        for entry in self._ip.fdb("dump"):
            if (
                entry.get_attr("NDA_LLADDR") == mac
                and entry.get_attr("NDA_MASTER") == bridge.index
            ):
                return self.device_at(entry["ifindex"])
        return None

    # ------------------------------------------------------------------ clsact

    def add_clsact(self, index: int) -> bool:
        """Give a device the clsact qdisc; False when it has one."""
        try:
            self._ip.tc("add", "clsact", index)
        except self._error as error:
            if error.code == errno.EEXIST:
                return False
            raise OSError(error.code, os.strerror(error.code)) from None
        return True

    def remove_clsact(self, index: int) -> None:
        """Take the clsact qdisc, and all filters with it, from a device."""
        try:
            self._ip.tc("del", "clsact", index)
        except self._error as error:
            if error.code not in _GONE:
                raise OSError(error.code, os.strerror(error.code)) from None

    def filters(self, index: int, direction: str) -> list[Filter]:
        """Return the filters at one side of a device; of any kind."""
        try:
            messages = list(
                self._ip.get_filters(index=index, parent=_DIRECTIONS[direction])
            )
        except self._error as error:
            if error.code in _GONE:
                return []
            raise
        return [
            Filter(
                message["info"] >> 16,
                message["handle"],
                message.get_nested("TCA_OPTIONS", "TCA_BPF_NAME") or "",
            )
            for message in messages
            if message["index"] == index and message["handle"]
        ]

    def add_filter(
        self, index: int, direction: str, program: int, filter_: Filter
    ) -> None:
        """Attach a program (its descriptor) in direct-action mode; EEXIST when taken.

        A filter that equals this one, of an earlier life, gets the program instead.
        """
        is_there = filter_ in self.filters(index, direction)
        try:
            self._ip.tc(
                "replace-filter" if is_there else "add-filter",
                "bpf",
                index,
                handle=filter_.handle,
                parent=_DIRECTIONS[direction],
                prio=filter_.priority,
                protocol=_ETH_P_ALL,
                fd=program,
                name=filter_.name,
                direct_action=True,
            )
        except self._error as error:
            raise OSError(error.code, os.strerror(error.code)) from None

    def remove_filter(self, index: int, direction: str, filter_: Filter) -> None:
        """Detach one filter; nothing happens when it is gone."""
        try:
            self._ip.tc(
                "del-filter",
                "bpf",
                index,
                handle=filter_.handle,
                parent=_DIRECTIONS[direction],
                prio=filter_.priority,
                protocol=_ETH_P_ALL,
            )
        except self._error as error:
            if error.code not in _GONE:
                raise OSError(error.code, os.strerror(error.code)) from None


_NO_ROUTE = (
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.ENODEV,
    errno.EINVAL,
    errno.EACCES,
    errno.ESRCH,
)
_NUD_NONE, _NUD_PROBE, _NTF_USE = 0, 0x10, 0x01
"""From linux/neighbour.h."""
_STEP, _PATIENCE = 0.02, 1.0
"""Seconds between two looks at a neighbour, and in all for those that do not answer."""
_GONE = (errno.ENOENT, errno.ENODEV, errno.EINVAL)

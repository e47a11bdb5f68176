"""Find where this node's endpoints meet the kernel: a device or a cgroup each.

The snapshot has a pod's addresses; the way to an address leads through the pod's device.
An Endpoint document, or a list given to ``apply``, names the device or the cgroup itself.
One that is not found, though it is enforced now and its device is there, stays where it is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lockgate_runtime.attach import cgroup
from lockgate_runtime.errors import NodeError
from lockgate_runtime.link_header import stub_suffix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from ipaddress import IPv4Address, IPv6Address
    from pathlib import Path

    from lockgate_runtime.netlink import Device, Netlink
    from lockgate_runtime.tables import Endpoint

Addresses = tuple[bytes, bytes]
"""The first address of each family, packed; zeros are none."""

_HOST_ROUTE = {4: 32, 6: 128}
_ENDPOINT_DEVICES = ("veth", "netkit", "tun")
_LIST_CURE = 'give JSON: [{"namespace": "a", "name": "b", "interface": "veth1"}]'


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an endpoint is, as somebody named it: exactly one of the two."""

    interface: str | None = None
    cgroup: str | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """An endpoint and where it was found.

    ``target`` is an ifindex or a cgroup id, ``number`` its attachment number in the datapath,
    ``where`` the device's name or the cgroup's folder.  ``kept``: why it was not found, if it
    was not, and is taken to be where it is enforced now.
    """

    endpoint: Endpoint
    target: int
    number: int
    where: str
    is_cgroup: bool
    kept: str = ""


@dataclass(frozen=True, slots=True)
class Absent:
    """An endpoint that is not here now, and why we think so."""

    endpoint: Endpoint
    why: str


def find_endpoints(
    endpoints: Sequence[Endpoint],
    placements: Mapping[str, Placement],
    netlink: Netlink,
    enforced: Mapping[Addresses, Device],
) -> tuple[list[Present], list[Absent]]:
    """Find every endpoint; E5024 where two are behind one device, E5026 where numbers meet.

    E5027 where an endpoint is behind a device of an unknown kind.
    ``enforced``: the devices at which endpoints with these addresses are enforced now.
    """
    if not endpoints:
        return [], []
    present: list[Present] = []
    absent: list[Absent] = []
    default = {device.index for device in netlink.default_devices()}
    for endpoint in endpoints:
        placement = placements.get(
            endpoint.key, Placement(endpoint.interface, endpoint.cgroup)
        )
        found = (
            _in_cgroup(endpoint, placement.cgroup)
            if placement.cgroup is not None
            else _at_device(endpoint, placement.interface, netlink, default)
        )
        if isinstance(found, Present):
            present.append(found)
        else:
            absent.append(found)
    kept = _keep(absent, {one.number for one in present}, enforced)
    present += kept
    names = {one.endpoint.key for one in kept}
    absent = [one for one in absent if one.endpoint.key not in names]
    _refuse_shared(present)
    return present, absent


def _keep(
    absent: Sequence[Absent], taken: set[int], enforced: Mapping[Addresses, Device]
) -> list[Present]:
    """Return who stays where it is enforced: a silent pod must not come free by silence."""
    kept = []
    for one in absent:
        device = enforced.get(first_addresses(one.endpoint))
        if device is not None and device.index not in taken:
            kept.append(replace(_present(one.endpoint, device), kept=one.why))
            taken = taken | {device.index}
    return kept


def first_addresses(endpoint: Endpoint) -> Addresses:
    """Return the first address of each family, as the datapath knows an endpoint."""
    v4 = next((a.packed for a in endpoint.addresses if a.version == 4), bytes(4))
    v6 = next((a.packed for a in endpoint.addresses if a.version == 6), bytes(16))
    return v4, v6


def read_placements(path: Path) -> dict[str, Placement]:
    """Read ``--endpoints``: a JSON list of objects, or Endpoint documents as JSON."""
    try:
        rows = json.loads(path.read_bytes())
    except ValueError as error:
        raise NodeError("E5014", f"{path} is not JSON: {error}", _LIST_CURE) from None
    except OSError as error:
        raise NodeError("E5014", f"{path}: {error.strerror}", _LIST_CURE) from None
    if isinstance(rows, dict):
        rows = rows.get("items", [rows])
    return placements_of(rows, str(path))


def placements_of(rows: object, origin: str) -> dict[str, Placement]:
    """Turn plain rows or Endpoint documents into placements; ``origin`` is for messages."""
    if not isinstance(rows, list):
        raise NodeError("E5014", f"{origin} is not a list of endpoints", _LIST_CURE)
    found = {}
    for number, row in enumerate(rows, 1):
        fields = _flat(row)
        interface, group = fields.get("interface"), fields.get("cgroup")
        if not fields.get("name") or bool(interface) == bool(group):
            raise NodeError(
                "E5014",
                f"{origin}: entry {number} needs a name, and interface or cgroup",
                _LIST_CURE,
            )
        key = f"{fields.get('namespace') or 'default'}/{fields['name']}"
        found[key] = Placement(interface, group)
    return found


def _flat(row: object) -> dict[str, Any]:
    if not isinstance(row, dict):
        return {}
    parts = (row, row.get("metadata"), row.get("spec"))
    flat: dict[str, Any] = {}
    for part in parts:
        if isinstance(part, dict):
            flat.update(part)
    return flat


def _in_cgroup(endpoint: Endpoint, name: str) -> Present | Absent:
    folder = cgroup.mount_point() / name.lstrip("/")
    if not folder.is_dir():
        return Absent(endpoint, f"there is no cgroup {folder}")
    number = cgroup.cgroup_id(folder)
    return Present(
        endpoint, number, cgroup.attachment_number(number), str(folder), is_cgroup=True
    )


def _at_device(
    endpoint: Endpoint, interface: str | None, netlink: Netlink, default: set[int]
) -> Present | Absent:
    if interface is not None:
        device = netlink.device(interface)
        if device is None:
            return Absent(endpoint, f"there is no device {interface}")
        return _present(endpoint, device)
    devices: dict[int, Device] = {}
    why = "it has no address"
    for address in endpoint.addresses:
        found = _device_of(address, netlink, default)
        if isinstance(found, str):
            why = found
        else:
            devices[found.index] = found
    if len(devices) > 1:
        names = " and ".join(sorted(device.name for device in devices.values()))
        raise NodeError(
            "E5024",
            f"the addresses of {endpoint.key} lead to several devices: {names}",
            "name its device in an Endpoint list given by --endpoints",
        )
    for device in devices.values():
        return _present(endpoint, device)
    return Absent(endpoint, why)


def _device_of(
    address: IPv4Address | IPv6Address, netlink: Netlink, default: set[int]
) -> Device | str:
    """Return the device that leads to an address and nowhere else, or why there is none."""
    route = netlink.route(address)
    if route is None:
        return f"there is no route to {address}"
    device = route.device
    if device.kind == "bridge":
        port = netlink.bridge_port(device, address)
        return port or f"{address} was not seen on any port of {device.name}"
    is_own = route.prefix_length == _HOST_ROUTE[address.version]
    if (
        route.has_gateway
        or device.index in default
        or not (is_own or device.kind in _ENDPOINT_DEVICES)
    ):
        return f"the way to {address} through {device.name} is not its own"
    return device


def _present(endpoint: Endpoint, device: Device) -> Present:
    stub_suffix(device)  # refuses what no stub fits
    return Present(endpoint, device.index, device.index, device.name, is_cgroup=False)


def _refuse_shared(present: Sequence[Present]) -> None:
    seen: dict[int, Present] = {}
    for one in present:
        other = seen.setdefault(one.number, one)
        if other is one:
            continue
        both = f"{other.endpoint.key} and {one.endpoint.key}"
        if other.where == one.where:
            raise NodeError(
                "E5024",
                f"{both} are both behind {one.where}",
                "give each endpoint a device of its own, or name them by --endpoints",
            )
        raise NodeError(
            "E5026",
            f"{both} have the same attachment number {one.number:#x}",
            "create one of the two cgroups again: it gets another id",
        )

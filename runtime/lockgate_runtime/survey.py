"""Look at this node before anything changes: its endpoints, devices, addresses, tables."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lockgate_runtime import guard
from lockgate_runtime.attach import Attachment, tcx
from lockgate_runtime.endpoints import find_endpoints
from lockgate_runtime.errors import NodeError
from lockgate_runtime.link_header import stub_suffix
from lockgate_runtime.loader import CGROUP_HOOKS, NodeTables
from lockgate_runtime.local_addresses import AddressPart
from lockgate_runtime.node_part import take_policies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lockgate_runtime.bundle import Bundle, NodeRows
    from lockgate_runtime.endpoints import Absent, Addresses, Placement, Present
    from lockgate_runtime.netlink import Device, Netlink


@dataclass(frozen=True)
class Survey:
    """What was found.  ``wanted``: every attachment to be, and its device or cgroup folder."""

    rows: NodeRows
    present: list[Present]
    absent: list[Absent]
    devices: list[Device]
    wanted: dict[Attachment, str]
    tables: NodeTables

    @property
    def rule_numbers(self) -> set[int]:
        """Stable numbers of the rules that this node's decisions name."""
        packed = self.tables.policies.decisions
        return {
            int.from_bytes(packed[at : at + 4], "little")
            for at in range(0, len(packed), 8)
        }

    def describe(self, number: int, bundle: Bundle) -> dict[str, Any]:
        """Return what the state keeps of it for people, as generation ``number``."""
        return {
            "generation": number,
            "applied": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "bundle": str(bundle.directory.resolve()),
            "digest": bundle.manifest.digest,
            "node": self.rows.name,
            "is_host_enforced": self.rows.host.is_enforced,
            "devices": [device.name for device in self.devices],
            "endpoints": [
                {
                    "namespace": one.endpoint.namespace,
                    "name": one.endpoint.name,
                    "identity": one.endpoint.identity,
                    "attachment": one.number,
                    "where": one.where,
                    "is_cgroup": one.is_cgroup,
                    "kept": one.kept,
                }
                for one in self.present
            ],
            "absent": [
                {
                    "namespace": one.endpoint.namespace,
                    "name": one.endpoint.name,
                    "why": one.why,
                }
                for one in self.absent
            ],
            "attachments": [
                {"name": place.name, "where": where}
                for place, where in self.wanted.items()
            ],
        }


@dataclass(frozen=True)
class Choice:
    """What is said about this node, by the caller or by what is in force; the rest is found."""

    node: str
    placements: Mapping[str, Placement]
    devices: Sequence[str]
    guard: guard.Guard | None
    enforced: Mapping[Addresses, Device] = field(default_factory=dict)


def survey(bundle: Bundle, choice: Choice, netlink: Netlink) -> Survey:
    """Find everything; NodeError when it cannot be, or the guard objects."""
    rows = bundle.node(choice.node, tuple(choice.placements))
    present, absent = find_endpoints(
        rows.endpoints, choice.placements, netlink, choice.enforced
    )
    taken = {one.target for one in present if not one.is_cgroup}
    devices = _host_devices(rows, choice.devices, taken, netlink)
    used = [rows.host.ingress_policy, rows.host.egress_policy]
    for one in present:
        used += [one.endpoint.ingress_policy, one.endpoint.egress_policy]
    is_judging = present or rows.host.is_enforced
    local = netlink.local_addresses() if is_judging else []
    if choice.guard:
        guard.check(choice.guard, bundle, rows, present, local)
    tables = NodeTables(
        addresses=AddressPart(
            bundle.tables, local, is_api_server=rows.host.is_api_server
        ),
        policies=take_policies(bundle.tables, used),
        bundle=bundle,
        host=rows.host,
        present=tuple(present),
    )
    return Survey(rows, present, absent, devices, _wanted(present, devices), tables)


def _host_devices(
    rows: NodeRows, names: Sequence[str], taken: set[int], netlink: Netlink
) -> list[Device]:
    """Return where the host meets the network, if its policies are to be judged.

    E5025 where that is nowhere, E5027 where it is a device of an unknown kind.
    """
    if not rows.host.is_enforced:
        return []
    found = []
    for name in names:
        device = netlink.device(name)
        if device is None:
            raise NodeError("E5025", f"there is no device {name}", "look at `ip link`")
        found.append(device)
    found = [d for d in found or netlink.default_devices() if d.index not in taken]
    if not found:
        raise NodeError(
            "E5025",
            "a policy selects this host, and no device has a default route",
            "name the host's devices: --devices eth0,eth1",
        )
    for device in found:
        stub_suffix(device)  # refuses what no stub fits
    return found


def _wanted(
    present: Sequence[Present], devices: Sequence[Device]
) -> dict[Attachment, str]:
    device_way = "tcx" if tcx.is_supported() else "clsact"
    wanted = {}
    for one in present:
        if one.is_cgroup:
            for hook in CGROUP_HOOKS:
                wanted[Attachment("cgroup", hook, one.target)] = one.where
        else:
            for hook in ("from_endpoint", "to_endpoint"):
                wanted[Attachment(device_way, hook, one.target)] = one.where
    for device in devices:
        for hook in ("from_network", "to_network"):
            wanted[Attachment(device_way, hook, device.index)] = device.name
    return wanted

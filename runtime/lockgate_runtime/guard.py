"""Refuse a policy that would cut the connection which applies it (``--guard tcp/22``).

The tables are asked before anything changes: may the peer open that connection anew?  Each
place that judges it is asked: the peer's egress, if the peer is an endpoint of this node,
and at this end the ingress of the endpoint that has the address or whose cgroup has the
process, or of the host.  Answers to a connection that may be opened pass by conntrack.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate_runtime.errors import NodeError
from lockgate_runtime.tables import PackedTables

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from lockgate_runtime.bundle import Bundle, NodeRows
    from lockgate_runtime.endpoints import Present

    Address = IPv4Address | IPv6Address

PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}
_PASSES = ("allow", "audit")


@dataclass(frozen=True, slots=True)
class Guard:
    """The connection to be kept: to our ``port``, from ``peer``; ``own`` may be unknown."""

    protocol: str
    port: int
    peer: Address
    own: Address | None = None


def parse_guard(text: str, peer: str | None = None) -> Guard:
    """Read ``tcp/22``; the peer is given, or that of the SSH session we run in."""
    protocol, _, port = text.lower().partition("/")
    if protocol not in PROTOCOLS or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is not like tcp/22")
    if peer is not None:
        return Guard(protocol, int(port), ip_address(peer))
    for connection in _ssh_connections():
        client, _, server, server_port = connection
        if protocol == "tcp" and server_port == port:
            return Guard(protocol, int(port), _address(client), _address(server))
    raise NodeError(
        "E5036",
        f"no SSH session to port {port} is known here (SSH_CONNECTION)",
        "name the other end: --guard-peer ADDRESS",
    )


def check(
    guard: Guard,
    bundle: Bundle,
    rows: NodeRows,
    present: Sequence[Present],
    local: Collection[Address],
) -> None:
    """E5035 when a place that judges the connection would deny it."""
    tables = PackedTables.open(bundle.tables)

    def class_of(address: Address) -> int:
        peer = tables.peer(tables.peer_of(address))
        if address in local:
            number = peer.api_server_host if rows.host.is_api_server else peer.host
            peer = tables.peer(number)
        return peer.identity_class

    own = guard.own or next(
        (a for a in (*rows.host.addresses, *local) if a.version == guard.peer.version),
        guard.peer,
    )
    for where, policy, remote in _judges(guard, rows, present, own):
        number = tables.judge(
            policy, class_of(remote), PROTOCOLS[guard.protocol], guard.port
        )
        decision = tables.decision(number)
        if decision.outcome not in _PASSES:
            names = [rule.name for rule in bundle.rules({decision.rule})]
            raise NodeError(
                "E5035",
                f"the policy would cut {guard.protocol}/{guard.port} from {guard.peer}: "
                f"{decision.outcome} at {where} by {', '.join(names) or decision.rule}",
                "allow it in the policy (lockgate explain shows why it is not), or leave "
                "out --guard",
            )


def _judges(
    guard: Guard, rows: NodeRows, present: Sequence[Present], own: Address
) -> Iterator[tuple[str, int, Address]]:
    """Yield each place that judges the connection, its policy, and the other end."""
    groups = _cgroups_of_ancestors()
    is_at_endpoint = False
    for one in present:
        endpoint = one.endpoint
        if guard.peer in endpoint.addresses:
            yield f"the egress of {endpoint.key}", endpoint.egress_policy, own
        has_process = one.is_cgroup and any(_is_below(g, one.where) for g in groups)
        has_address = not one.is_cgroup and guard.own in endpoint.addresses
        if has_process or has_address:
            is_at_endpoint |= has_address
            ingress = endpoint.ingress_policy
            yield f"the ingress of {endpoint.key}", ingress, guard.peer
    if rows.host.is_enforced and not is_at_endpoint:
        yield f"the ingress of host {rows.name}", rows.host.ingress_policy, guard.peer


def _is_below(group: str, folder: str) -> bool:
    """Whether a path of /proc/PID/cgroup lies in a cgroup's folder."""
    return any(
        folder.endswith(str(above)) and str(above) != "/"
        for above in (Path(group), *Path(group).parents)
    )


def _ancestors() -> Iterator[Path]:
    pid = os.getpid()
    while pid > 1:
        process = Path(f"/proc/{pid}")
        yield process
        try:
            stat = (process / "stat").read_text()
        except OSError:
            return
        pid = int(stat.rpartition(")")[2].split()[1])


def _ssh_connections() -> Iterator[list[str]]:
    """Yield SSH_CONNECTION of this process and its ancestors: sudo takes it away."""
    for process in _ancestors():
        try:
            variables = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        for variable in variables:
            name, _, value = variable.decode(errors="replace").partition("=")
            if name == "SSH_CONNECTION" and len(value.split()) == 4:
                yield value.split()


def _cgroups_of_ancestors() -> set[str]:
    found = set()
    for process in _ancestors():
        try:
            lines = (process / "cgroup").read_text().splitlines()
        except OSError:
            continue
        found |= {line[3:] for line in lines if line.startswith("0::")}
    return found


def _address(text: str) -> Address:
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address

"""The connections that a process has now: whom a policy on addresses would cut off.

They stand in ``/proc/PID/net/tcp`` (and ``tcp6``) of the process's network namespace; which
are its own, its descriptors tell.  Where the kubelet will connect to, its configuration says.
"""

from __future__ import annotations

import re
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LISTENS = "0A"
"""TCP_LISTEN (include/net/tcp_states.h), as /proc prints it."""
_ENDS = 2
_KUBECONFIGS = (
    "etc/kubernetes/kubelet.conf",
    "var/lib/kubelet/kubeconfig",
    "var/lib/rancher/k3s/agent/kubelet.kubeconfig",
)
_SERVER = re.compile(
    r"^\s*server:\s*[\"']?https?://(\[[^]]+\]|[^:/\s]+)(?::(\d+))?", re.M
)
_HTTPS = 443

Address = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Connection:
    """Two ends; ``is_outgoing``: it was begun here."""

    local: Address
    local_port: int
    remote: Address
    remote_port: int
    is_outgoing: bool

    @property
    def text(self) -> str:
        """Return it for people, from the node's end."""
        arrow = "to" if self.is_outgoing else "from"
        return f"{arrow} {self.remote} port {self.remote_port}"


def connections(folder: Path) -> tuple[Connection, ...]:
    """Return the TCP connections of a process by its folder in /proc; none if it may not be."""
    own = {inode for link in _links(folder / "fd") if (inode := _inode(link))}
    if not own:
        return ()
    rows = [row for name in ("tcp", "tcp6") for row in _rows(folder / "net" / name)]
    listening = {row[0][1] for row in rows if row[2] == _LISTENS}
    return tuple(
        Connection(*local, *remote, is_outgoing=local[1] not in listening)
        for local, remote, state, inode in rows
        if inode in own and state != _LISTENS
    )


def api_servers(root: Path) -> tuple[Connection, ...]:
    """Return where a kubelet of a host will connect to, as far as it is a number."""
    found = []
    for name in _KUBECONFIGS:
        with suppress(OSError, ValueError):
            text = (root / name).read_text()
            for host, port in _SERVER.findall(text):
                remote = ip_address(host.strip("[]"))
                nowhere = ip_address(bytes(len(remote.packed)))
                number = int(port or _HTTPS)
                found.append(Connection(nowhere, 0, remote, number, is_outgoing=True))
    return tuple(found)


def _links(folder: Path) -> Iterator[str]:
    with suppress(OSError):
        for entry in folder.iterdir():
            with suppress(OSError):
                yield str(entry.readlink())


def _inode(link: str) -> str:
    match = re.fullmatch(r"socket:\[(\d+)\]", link)
    return match[1] if match else ""


_End = tuple[Address, int]


def _rows(path: Path) -> Iterator[tuple[_End, _End, str, str]]:
    """Yield both ends, state and inode of each line."""
    try:
        lines = path.read_text().splitlines()[1:]
    except OSError:
        return
    for line in lines:
        words = line.split()
        local, remote = map(_read_end, words[1 : 1 + _ENDS])
        yield local, remote, words[3], words[9]


def _read_end(text: str) -> _End:
    """Read ``0100007F:0016``: words of 32 bits in the machine's order, and a port."""
    digits, _, port = text.partition(":")
    raw = bytes.fromhex(digits)
    words = [raw[at : at + 4] for at in range(0, len(raw), 4)]
    if sys.byteorder == "little":
        words = [word[::-1] for word in words]
    packed = b"".join(words)
    if len(packed) == len(socket.inet_aton("0")):
        return IPv4Address(packed), int(port, 16)
    address = IPv6Address(packed)
    return address.ipv4_mapped or address, int(port, 16)

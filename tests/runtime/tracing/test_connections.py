"""The connections of this very process are found in /proc, and where a kubelet will connect to."""

from __future__ import annotations

import os
import socket
from ipaddress import ip_address
from pathlib import Path

import pytest

from lockgate_runtime.tracing.connections import api_servers, connections

HERE = Path(f"/proc/{os.getpid()}")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_connections_of_ours(host: str) -> None:
    """Both ends of one are ours: one was begun here, the other came to who listens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        server = socket.create_server((host, 0), family=family)
    except OSError as error:
        pytest.skip(f"needs the address {host}: {error}")
    port = server.getsockname()[1]
    with server, socket.create_connection((host, port)) as client:
        own = client.getsockname()[1]
        taken, _ = server.accept()
        with taken:
            found = {one.remote_port: one for one in connections(HERE)}
    assert found[port].is_outgoing
    assert found[port].remote == ip_address(host)
    assert found[port].local_port == own
    assert not found[own].is_outgoing
    assert port not in {one.remote_port for one in connections(HERE)}


def test_nobody_is_asked_in_vain() -> None:
    """A process that is gone has no connections."""
    assert connections(Path("/proc/0")) == ()


@pytest.mark.parametrize(
    ("server", "found"),
    [
        ("https://192.0.2.7:6443", ("192.0.2.7", 6443)),
        ("https://192.0.2.7", ("192.0.2.7", 443)),
        ("'https://[2001:db8::1]:6443'", ("2001:db8::1", 6443)),
        ("https://api.example:6443", None),
    ],
)
def test_where_a_kubelet_connects_to(
    tmp_path: Path, server: str, found: tuple[str, int] | None
) -> None:
    """Numbers are known beforehand; a name is not."""
    (tmp_path / "etc/kubernetes").mkdir(parents=True)
    text = f"clusters:\n- cluster:\n    server: {server}\n  name: x\n"
    (tmp_path / "etc/kubernetes/kubelet.conf").write_text(text)
    told = [(str(one.remote), one.remote_port) for one in api_servers(tmp_path)]
    assert told == ([found] if found else [])

"""Endpoints that are cgroups: programs at their sockets."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime.attach.cgroup import mount_point
from tests.kernel.e2e.bundles import WORLD, Allow, Pod
from tests.kernel.e2e.network import HOST_V4, NO_ANSWER, OUTSIDE_V4, PATIENCE, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kernel.e2e.conftest import Bundler
    from tests.kernel.e2e.network import Network

pytestmark = pytest.mark.kernel

CONNECT = """
import socket, sys
with socket.socket() as s:
    s.settimeout(float(sys.argv[3]))
    s.connect((sys.argv[1], int(sys.argv[2])))
"""


@pytest.fixture
def group() -> Iterator[Path]:
    """Give a cgroup of its own."""
    folder = mount_point() / f"lg{os.getpid()}"
    folder.mkdir()
    yield folder
    if folder.exists():
        folder.rmdir()


def reaches(
    network: Network, group: Path | None, port: int, wait: float = PATIENCE
) -> bool:
    """Whether a process on the host, in the cgroup or not, can connect to the outside."""
    enter = f"echo $$ > {group}/cgroup.procs;" if group else ""
    listener = network.socket_in(network.outside, 2, 1)
    with listener:
        listener.setsockopt(1, 2, 1)  # SO_REUSEADDR
        listener.bind(("", port))
        listener.listen()
        done = start(
            "nsenter",
            f"--net=/run/netns/{network.host}",
            "sh",
            "-c",
            f'{enter} exec "$@"',
            "sh",
            sys.executable,
            "-c",
            CONNECT,
            OUTSIDE_V4,
            str(port),
            str(wait),
        )
    assert done.returncode == 0 or "Error" in done.stderr, done.stderr
    return done.returncode == 0


def test_a_cgroup_may_do_what_its_policy_allows(
    network: Network, bundle: Bundler, group: Path
) -> None:
    """Its processes reach one port; the rest of the host reaches all; a swap reaches it too."""
    service = Pod(
        "service",
        (HOST_V4,),
        egress=(Allow(WORLD, "tcp", 443),),
        cgroup=group.name,
        node=None,
    )
    network.apply(bundle(service))
    assert reaches(network, group, 443)
    assert not reaches(network, group, 80, NO_ANSWER)
    assert reaches(network, None, 80)
    network.apply(bundle(Pod("service", (HOST_V4,), cgroup=group.name, node=None)))
    assert reaches(network, group, 80)
    network.run("rollback")
    assert not reaches(network, group, 80, NO_ANSWER)
    network.run("unload")
    assert reaches(network, group, 80)


def test_a_cgroup_that_comes_later_and_goes(
    network: Network, bundle: Bundler, group: Path
) -> None:
    """Generations without cgroups and with them follow each other; a gone one is removed."""
    web = Pod("web", ("10.0.0.1",))
    service = Pod("service", (HOST_V4,), egress=(), cgroup=group.name, node=None)
    network.apply(bundle(web))
    network.apply(bundle(web, service))
    assert not reaches(network, group, 80, NO_ANSWER)
    assert network.tcp(network.host, "web", "10.0.0.1")
    group.rmdir()
    deadline = time.monotonic() + 20  # the kernel lets go of a cgroup when it likes
    while list(network.root.glob("v*/links/cgroup-*")):
        assert time.monotonic() < deadline
        network.run("gc")
        time.sleep(0.1)
    network.apply(bundle(web, service))
    assert network.tcp(network.host, "web", "10.0.0.1")

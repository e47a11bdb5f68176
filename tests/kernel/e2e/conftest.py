"""The world of the end-to-end tests: one network for each file, unloaded after each test."""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernel.e2e.bundles import Node, Pod, make_bundle
from tests.kernel.e2e.network import Network
from tests.kernel.e2e.traced import OTHER_KEY, Trace, traced_bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Bundler = Callable[..., Path]

_numbers = itertools.count()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Build a host with an outside and three pods; gone after the file's last test."""
    if " /sys/fs/bpf bpf " not in Path("/proc/mounts").read_text():
        pytest.skip("needs a BPF file system: mount -t bpf bpf /sys/fs/bpf")
    folder = tmp_path_factory.mktemp("network")
    with Network(f"lg{os.getpid()}n{next(_numbers)}", folder) as network:
        network.reset()
        yield network


@pytest.fixture
def network(built: Network) -> Iterator[Network]:
    """Give the network with nothing loaded."""
    yield built
    built.reset()


@pytest.fixture
def bundle(tmp_path: Path) -> Bundler:
    """Give a function that writes the bundle of some pods, each call a new one."""
    numbers = itertools.count()

    def make(*pods: Pod, node: Node | None = None) -> Path:
        return make_bundle(tmp_path / f"bundle{next(numbers)}", pods, node)

    return make


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """Give a bundle that counts."""
    return traced_bundle(tmp_path / "first", Trace())


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """Give another one, with another program."""
    return traced_bundle(tmp_path / "changed", Trace(key=OTHER_KEY, number=2))


@pytest.fixture(params=["changed", "kept"])
def second(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Give another one, with another program or with the same."""
    number = 2 if request.param == "changed" else 1
    return traced_bundle(tmp_path / "second", Trace(key=OTHER_KEY, number=number))


@pytest.fixture
def short_turns() -> Iterator[None]:
    """Let threads take turns often: who applies a bundle shares a lock with who makes calls."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 50)
    yield
    sys.setswitchinterval(usual)

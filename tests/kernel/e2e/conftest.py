"""The world of each end-to-end test."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernel.e2e.bundles import Node, Pod, make_bundle
from tests.kernel.e2e.network import Network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Bundler = Callable[..., Path]

_numbers = itertools.count()


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    """Give a host with an outside, gone after the test."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if "bpf /sys/fs/bpf bpf" not in Path("/proc/mounts").read_text().replace(
        "none", "bpf"
    ):
        pytest.skip("needs a BPF file system at /sys/fs/bpf")
    with Network(f"lg{os.getpid()}n{next(_numbers)}", tmp_path) as network:
        yield network


@pytest.fixture
def bundle(tmp_path: Path) -> Bundler:
    """Give a function that writes the bundle of some pods, each call a new one."""
    numbers = itertools.count()

    def make(*pods: Pod, node: Node | None = None) -> Path:
        return make_bundle(tmp_path / f"bundle{next(numbers)}", pods, node)

    return make

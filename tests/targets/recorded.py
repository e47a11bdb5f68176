"""Kernels of virtual machines as targets, recorded once and kept in the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.targets.target import load_target
from lockgate.vm.kernels import find_kernel
from lockgate.vm.recordings import record_kernel

if TYPE_CHECKING:
    from lockgate.targets.target import Target


def recorded(series: str) -> Target:
    """Return a machine's kernel as a target; the first time it is booted for that."""
    kernel = find_kernel(series)
    if kernel is None:
        raise RuntimeError(f"no kernel {series} is here: sudo ./dev test fetches it")
    return load_target(series, record_kernel(kernel))

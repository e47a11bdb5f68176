"""Kernels of virtual machines as targets, recorded once and kept in the cache."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.targets.target import load_target
from lockgate.vm.kernels import cache_folders, find_kernel
from lockgate.vm.machine import Machine

if TYPE_CHECKING:
    from lockgate.targets.target import Target

_ROOT = Path(__file__).parent.parent.parent
_SECONDS = 240


def recorded(series: str) -> Target:
    """Return a machine's kernel as a target; the first time it is booted for that."""
    kernel = find_kernel(series)
    if kernel is None:
        raise RuntimeError(f"no kernel {series} is here: sudo ./dev test fetches it")
    folder = cache_folders()[0] / "targets" / kernel.release
    if not (folder / "target.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = (
            sys.executable,
            "-m",
            "lockgate.cli",
            "target",
            "record",
            str(folder),
        )
        done = Machine(kernel, shared=folder).run(
            command, timeout=_SECONDS, folder=_ROOT
        )
        if done.exit_code:
            raise RuntimeError(done.output)
    return load_target(series, folder)

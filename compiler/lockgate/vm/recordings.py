"""Kernels of machines as targets: each is booted once to be recorded, and kept in the cache."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.vm.kernels import cache_folders
from lockgate.vm.machine import Machine, MachineError

if TYPE_CHECKING:
    from lockgate.vm.kernels import Kernel

_SECONDS = 240
_HERE = Path(__file__).parent


def record_kernel(kernel: Kernel) -> Path:
    """Return the folder of a kernel's recording, as ``lockgate target record`` wrote it there.

    Raises :class:`MachineError`.  Whoever dies in the middle leaves no half of a recording.
    """
    targets = cache_folders()[0] / "targets"
    folder = targets / kernel.release
    if (folder / "target.json").exists():
        return folder
    targets.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=targets) as temporary:
        new = Path(temporary) / "target"
        new.mkdir()
        record = ("-m", "lockgate.cli", "target", "record", str(new))
        machine = Machine(kernel, shared=new)
        done = machine.run((sys.executable, *record), timeout=_SECONDS, folder=_HERE)
        if done.exit_code:
            raise MachineError(
                "E6553",
                f"the kernel {kernel.release} could not be recorded\n{done.output}",
                "the lines above are what `lockgate target record` said there",
            )
        if not folder.exists():
            new.rename(folder)
    return folder

"""The running kernel as a target, written down once for all tests."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from lockgate.targets.target import Target, load_target
from lockgate_runtime.target.record import record


@cache
def running_kernel() -> Target:
    """Record the running kernel; needs root.  The folder goes with the process."""
    folder = Path(tempfile.mkdtemp(prefix="lockgate-target-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    record(folder)
    return load_target("here", folder)

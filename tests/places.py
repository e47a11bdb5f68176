"""Where a process with an environment of its own finds our packages, and keeps bytecode."""

from __future__ import annotations

import os

_NAMES = ("PYTHONPATH", "PYTHONPYCACHEPREFIX")

PACKAGES = {n: value for n, value in os.environ.items() if n in _NAMES}
"""For ``env=``: empty where the packages are installed, as in editable mode."""

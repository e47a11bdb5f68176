"""Where a process with an environment of its own finds our packages."""

from __future__ import annotations

import os

PACKAGES = {n: value for n, value in os.environ.items() if n == "PYTHONPATH"}
"""For ``env=``: empty where the packages are installed, as in editable mode."""

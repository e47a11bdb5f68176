"""The machines need nothing but Python: ``dev`` imports them before anything is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_imports_without_packages() -> None:
    """Where no package is installed, the machines can still be imported."""
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'compiler')!r}); import lockgate.vm"
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-I", "-S", "-B", "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

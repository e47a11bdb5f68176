"""The demonstration comes out as it says, and leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.kernel

ROOT = Path(__file__).parent.parent.parent


def test_all_as_expected() -> None:
    """Every flow does what a person expects, and no packet is lost or let through."""
    with _start() as demo:
        told, _ = demo.communicate(timeout=120)
    assert demo.returncode == 0, told
    assert "60 of 60 flows as expected" in told
    assert "\033" not in told, "colours without a terminal"
    assert _left_behind(demo.pid) == []


def test_nothing_left_when_terminated() -> None:
    """A demonstration that is ended in the middle cleans up."""
    with _start() as demo:
        assert demo.stdout
        for line in demo.stdout:
            if line.startswith("$ lockgate apply"):
                break
        time.sleep(0.5)  # somewhere in or after `apply`
        assert _left_behind(demo.pid) != []
        demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=60)
    assert demo.returncode == 128 + signal.SIGTERM
    assert _left_behind(demo.pid) == []


def _start() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.demo"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _left_behind(process: int) -> list[Path]:
    """Return namespaces and pins of a demonstration."""
    return [
        path
        for folder in ("/run/netns", "/sys/fs/bpf")
        for path in Path(folder).glob(f"lgdemo{process}*")
    ]

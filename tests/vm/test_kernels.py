"""The tests of ``tests/kernel`` also pass on the kernels that the project promises."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockgate.vm.kernels import SERIES, find_kernel, missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.vm

ROOT = Path(__file__).parent.parent.parent
TESTS = ("-m", "kernel", "tests/kernel")
"""All that ask the kernel something."""

BY_TCX = ("test_crash.py", "test_devices.py", "test_neighbours.py", "test_swap.py")
"""End-to-end tests of the network that only the oldest kernel runs beside this one.

What differs between kernels is how programs are attached there: newer ones have tcx, as the host.
All kernels run them where ``LOCKGATE_EVERY_TEST`` is set, which takes minutes more.
"""

TIMEOUT = 1080
"""Seconds for all kernel tests of one machine, in software on a shared core."""


@dataclass
class Run:
    """A machine at work."""

    process: subprocess.Popen[bytes]
    shared: Path


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Run]]:
    """Start all machines at once, and end those that still run."""
    with ExitStack() as ends:
        started = {}
        for series in SERIES:
            if missing(series):
                continue
            shared = tmp_path_factory.mktemp(f"vm-{series}")
            process = ends.enter_context(_start(series, shared))
            ends.callback(process.terminate)
            started[series] = Run(process, shared)
        yield started


def test_machines_start(runs: dict[str, Run]) -> None:
    """They work on while other tests run."""
    assert all(run.process.poll() is None for run in runs.values())


@pytest.mark.parametrize("series", SERIES)
def test_kernel(
    series: str,
    runs: dict[str, Run],
    pytestconfig: pytest.Config,
    record_property: Callable[[str, object], None],
) -> None:
    """All kernel tests pass on it, and some ran."""
    if series not in runs:
        reason = f"needs {', '.join(missing(series))}: ./dev test fetches what apt's sources offer"
        record_property("kernel", f"VM {series}: not run ({reason})")
        if pytestconfig.getoption("--require-vm"):
            pytest.fail(reason)
        pytest.skip(reason)
    run = runs[series]
    run.process.wait(TIMEOUT + 30)
    output = (run.shared / "log").read_text(errors="replace")
    report = run.shared / "report.xml"
    assert report.exists(), output
    suite = next(ElementTree.parse(report).iter("testsuite"))  # noqa: S314 - our own file
    counts = {key: int(suite.get(key, 0)) for key in ("tests", "skipped")}
    counts["failed"] = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    passed = counts["tests"] - counts["skipped"] - counts["failed"]
    kernel = find_kernel(series)
    assert kernel is not None
    record_property(
        "kernel",
        f"VM {kernel.release}: {passed} passed, {counts['failed']} failed, "
        f"{counts['skipped']} skipped in {float(suite.get('time', 0)):.0f} s",
    )
    assert run.process.returncode == 0, output
    assert passed > 0, output


def _start(series: str, shared: Path) -> subprocess.Popen[bytes]:
    machine = [
        "lockgate.vm",
        "--timeout",
        str(TIMEOUT),
        "--shared",
        str(shared),
        series,
    ]
    tests = ["pytest", *TESTS, "-p", "no:cacheprovider", "--color=no", "--durations=9"]
    # Emulation is slow: so many where the host has kept none of its own (test_fuzz.py).
    few = ["env", "LOCKGATE_FUZZ_PACKETS=3000"]
    report = f"--junit-xml={shared / 'report.xml'}"
    if series != SERIES[0] and "LOCKGATE_EVERY_TEST" not in os.environ:
        tests += [f"--ignore=tests/kernel/e2e/{name}" for name in BY_TCX]
    python = [sys.executable, "-m"]
    # The machine ends with this process, however that ends.
    dying = ["setpriv", "--pdeathsig", "TERM", "--"]
    with (shared / "log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - our own command
            [*dying, *python, *machine, "--", *few, *python, *tests, report],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )

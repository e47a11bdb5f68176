"""``python -m tests.demo``: the demonstration, from nothing to nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.demo.expectation import Expectation, Target, read_expectation
from tests.demo.load import PAUSE, Flow, Load
from tests.demo.screen import command, headline, paint, quote
from tests.kernel.e2e.network import OUTSIDE_V4, OUTSIDE_V6, Network

HERE = Path(__file__).parent
PODS = {
    "web": ("10.77.0.1", "fd77::1"),
    "api": ("10.77.0.2", "fd77::2"),
    "db": ("10.77.0.3", "fd77::3"),
    "prometheus": ("10.77.0.4", "fd77::4"),
    "dns": ("10.77.0.5", "fd77::5"),
}
"""Pods and their addresses, as in ``shop/cluster.yaml``."""

ADDRESSES = PODS | {"outside": (OUTSIDE_V4, OUTSIDE_V6)}
NAMESPACES = {"outside": "out"}
SWAPS = 6
WAIT = 1.5
"""Seconds until no answer counts as none; within one machine it takes milliseconds."""


ended_by: list[int] = []
"""Signals that came.

They are obeyed between two steps: what a handler raises may get lost, since Python runs it
wherever it is, and be that in the callback of a weak reference."""


def obey_signals() -> None:
    """End, and clean up, if somebody has asked for it."""
    if ended_by:
        sys.exit(128 + ended_by[0])


def main() -> int:
    """Tell the story; return 0 if every packet did what was expected."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: ended_by.append(number))
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="lockgate-demo-") as folder,
        Network(f"lgdemo{os.getpid()}", Path(folder)) as network,
    ):
        is_right = Demonstration(network, Path(folder)).run()
    headline(f"Cleaned up after {time.monotonic() - began:.0f} s.")
    verdict = "All as expected." if is_right else "NOT as expected: see above."
    print(paint(verdict, "green" if is_right else "red"))
    return 0 if is_right else 1


class Demonstration:
    """The parts of the story, in a network that somebody else removes."""

    def __init__(self, network: Network, folder: Path) -> None:
        self._network = network
        self._folder = folder
        for inputs in ("shop", "maintenance"):
            shutil.copytree(HERE / inputs, folder / inputs)
        self._open = folder / "open"
        self._closed = folder / "closed"

    def run(self) -> bool:
        """Tell all parts; return whether everything came as expected."""
        headline("A node with five pods, each with an IPv4 and an IPv6 address")
        for pod, (v4, v6) in PODS.items():
            self._network.add_pod(pod, v4, v6)
            print(f"  {pod:<11} {v4:<10} {v6}")
        headline("Policies and the cluster's snapshot become a bundle")
        self._compile("shop", output=self._open)
        self._compile("shop", "maintenance", output=self._closed)
        headline("The bundle is put in force: nothing of ours keeps running")
        self._apply(self._open)
        return all(
            [self._compare(), self._explain(), self._swap(), self._maintenance()]
        )

    def _compile(self, *folders: str, output: Path) -> None:
        files = [word for folder in folders for word in ("-f", folder)]
        self._compiler("compile", *files, "-o", output.name)

    def _compiler(self, *words: str) -> str:
        """Run a verb of the compiler as one would type it, and show both."""
        obey_signals()
        command("lockgate", *words)
        arguments = [sys.executable, "-m", "lockgate.cli", *words]
        done = subprocess.run(  # noqa: S603 - our own command line
            arguments, cwd=self._folder, capture_output=True, text=True, check=False
        )
        quote(done.stdout + done.stderr)
        if done.returncode != 0:
            sys.exit(done.returncode)
        return done.stdout

    def _runtime(self, *words: str) -> str:
        """Run a verb of the runtime on the node; pins and state are its own."""
        obey_signals()
        command("lockgate", *words)
        return self._network.run(*words).stdout

    def _apply(self, bundle: Path) -> None:
        obey_signals()
        command("lockgate", "apply", bundle.name, "--node", "node-1")
        self._network.apply(bundle)

    def _compare(self) -> bool:
        """Try every flow over both families beside what is expected."""
        expectation = read_expectation(HERE / "expected.txt")
        headline("What is expected, and whether IPv4 and IPv6 packets did it")
        seen = self._try_all(expectation)
        print(" " * 13 + "".join(f"{target!s:<14}" for target in expectation.targets))
        for source in expectation.sources:
            cells = (_cell(expectation, seen, source, t) for t in expectation.targets)
            print(f"  {source:<11}" + "".join(cells))
        wrong = sum(
            passed != expectation.cells[key]
            for key, both in seen.items()
            for passed in both
        )
        total = 2 * len(seen)
        print(f"  {total - wrong} of {total} flows as expected")
        return wrong == 0

    def _try_all(
        self, expectation: Expectation
    ) -> dict[tuple[str, Target], tuple[bool, ...]]:
        """Try columns side by side; in one column every flow has the same server."""

        def column(target: Target) -> list[tuple[tuple[str, Target], tuple[bool, ...]]]:
            return [
                ((source, target), self._try_flow(source, target))
                for source in expectation.sources
                if (source, target) in expectation.cells
            ]

        with ThreadPoolExecutor(len(expectation.targets)) as pool:
            columns = pool.map(column, expectation.targets)
            return dict(cell for cells in columns for cell in cells)

    def _try_flow(self, source: str, target: Target) -> tuple[bool, ...]:
        obey_signals()
        place = NAMESPACES.get(source, source)
        network, addresses = self._network, PODS[target.pod]
        if target.protocol == "icmp":
            return tuple(network.ping(place, address, WAIT) for address in addresses)
        attempt = {"tcp": network.tcp, "udp": network.udp}[target.protocol]
        return tuple(
            attempt(place, target.pod, address, target.port, WAIT)
            for address in addresses
        )

    def _explain(self) -> bool:
        """Show why a flow was denied, as the kernel saw it and as the tables say."""
        headline("Why prometheus does not reach db")
        self._network.tcp("prometheus", "db", PODS["db"][0], 5432, WAIT)
        flow = ("--source", "monitoring/prometheus", "--destination", "shop/db")
        seen = self._runtime("observe", "--last", "1", *flow)
        quote(seen)
        told = self._compiler(
            "explain", "monitoring/prometheus", "shop/db", "5432/TCP", self._open.name
        )
        return all("policies.yaml:" in text for text in (seen, told))

    def _swap(self) -> bool:
        """Change the policy again and again under load."""
        headline(f"{SWAPS} changes of policy, under {2 / PAUSE:,.0f} packets a second")
        kept = Flow("web", "api", PODS["api"][1], 9125)
        refused = Flow("out", "db", PODS["db"][0], 5432)
        connection = self._network.connect("web", "api", PODS["api"][0], 8080)
        if connection is None:
            print("  web cannot connect to api")
            return False
        with connection, Load(self._network, [kept, refused]):
            for number in range(SWAPS):
                self._apply((self._closed, self._open)[number % 2])
            is_alive = connection.exchange()
        print(f"  always allowed: {kept.sent:,} packets sent, {kept.lost:,} lost")
        print(
            f"  always denied:  {refused.sent:,} sent, {len(refused.arrived):,} passed"
        )
        print(f"  a connection opened before: {'alive' if is_alive else 'DEAD'}")
        is_tried = kept.sent > 0 and refused.sent > 0
        return is_tried and kept.lost == 0 and not refused.arrived and is_alive

    def _maintenance(self) -> bool:
        """Close the shop, and go back."""
        headline("The shop closes for maintenance, and opens again")
        self._apply(self._closed)
        is_closed = not any(self._outside_reaches_web())
        self._runtime("rollback")
        return all(self._outside_reaches_web()) and is_closed

    def _outside_reaches_web(self) -> tuple[bool, ...]:
        passed = self._try_flow("outside", Target("web", 80, "tcp"))
        print(f"  the outside {'reaches' if all(passed) else 'does not reach'} web")
        return passed


def _cell(
    expectation: Expectation,
    seen: dict[tuple[str, Target], tuple[bool, ...]],
    source: str,
    target: Target,
) -> str:
    expected = expectation.cells.get((source, target))
    if expected is None:
        return f"{'':<14}"
    word = "allow" if expected else "deny"
    marks = "".join(
        "✓" if passed == expected else "✗" for passed in seen[source, target]
    )
    colour = "red" if "✗" in marks else ("green" if expected else "yellow")
    return paint(f"{word:<5} {marks:<8}", colour)


if __name__ == "__main__":
    sys.exit(main())

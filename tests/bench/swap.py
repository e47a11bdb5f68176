"""Swap policies under traffic, and count the packets that are judged wrongly.

A client has 1,000 flows to a server, half of them allowed by every policy and half of them
denied by every policy.  It sends a packet of each, again and again, and the server answers
those that come; meanwhile another process applies one policy after the other.
``wrong_packets`` counts packets or answers of allowed flows that were lost, and packets of
denied flows that arrived.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import select
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.kernel.e2e.bundles import Allow, Pod, make_bundle
from tests.kernel.e2e.network import CLIENT, PODS, WEB, Network

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.sharedctypes import Synchronized

FLOWS, SWAPS = 1_000, 100
ALLOWED_PORT, DENIED_PORT, CHANGING_PORT = 5000, 6000, 7000
LATE = 1.0
"""Seconds after which a packet is lost; on one machine they take microseconds."""


class Traffic:
    """Sockets of all flows, and what became of their packets."""

    def __init__(self, network: Network) -> None:
        def bound(port: int) -> socket.socket:
            server = network.socket_in("web", socket.AF_INET, socket.SOCK_DGRAM)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
            server.bind(("", port))
            server.setblocking(False)
            return server

        def connected(port: int) -> socket.socket:
            client = network.socket_in("client", socket.AF_INET, socket.SOCK_DGRAM)
            client.connect((WEB[0], port))
            client.setblocking(False)
            return client

        self.allowed_server = bound(ALLOWED_PORT)
        self.denied_server = bound(DENIED_PORT)
        self.allowed = [connected(ALLOWED_PORT) for _ in range(FLOWS // 2)]
        self.denied = [connected(DENIED_PORT) for _ in range(FLOWS // 2)]
        self.sent = self.lost = self.leaked = self.rounds = 0

    def round(self) -> None:
        """Send a packet of each flow, answer what arrives, and count what is wrong."""
        stamp = self.rounds.to_bytes(8, "little")
        for allowed, denied in zip(self.allowed, self.denied, strict=True):
            allowed.send(stamp)
            denied.send(stamp)
        self.rounds += 1
        self.sent += FLOWS
        arrived = self._answer(stamp)
        answered = sum(self._has_answer(client, stamp) for client in self.allowed)
        self.lost += len(self.allowed) - arrived + arrived - answered
        self.leaked += self._leaks()

    def _answer(self, stamp: bytes) -> int:
        """Answer every packet of this round; return how many came."""
        arrived, until = 0, time.monotonic() + LATE
        while arrived < len(self.allowed) and time.monotonic() < until:
            select.select([self.allowed_server], [], [], 0.01)
            try:
                while True:
                    data, sender = self.allowed_server.recvfrom(64)
                    self.allowed_server.sendto(data, sender)
                    arrived += data == stamp
            except BlockingIOError:
                pass
        return arrived

    def _has_answer(self, client: socket.socket, stamp: bytes) -> bool:
        until = time.monotonic() + LATE
        while time.monotonic() < until:
            try:
                if client.recv(64) == stamp:
                    return True
            except BlockingIOError:
                select.select([client], [], [], 0.01)
        return False

    def _leaks(self) -> int:
        leaked = 0
        try:
            while True:
                self.denied_server.recv(64)
                leaked += 1
        except BlockingIOError:
            return leaked


def drive(network: Network, stop: Synchronized[int], answers: Sequence[int]) -> None:
    """Send round after round until told to stop; leave the sums in ``answers``."""
    traffic = Traffic(network)
    while not stop.value:
        traffic.round()
        sums = (traffic.sent, traffic.lost, traffic.leaked, traffic.rounds)
        answers[:] = sums  # type: ignore[index]  # a shared array, which has no type of its own


def measure(folder: Path, swaps: int) -> dict[str, float]:
    """Swap that often under traffic, and return the figures."""
    web = Pod("web", (WEB[0],), ingress=(Allow("client", "udp", ALLOWED_PORT),))
    more = Pod("web", WEB[:1], ingress=(*(web.ingress or ()), _changing()))
    client = Pod("client", CLIENT[:1])
    bundles = [
        make_bundle(folder / f"{i}", (p, client)) for i, p in enumerate((web, more))
    ]
    with Network(f"lgswap{os.getpid()}", folder) as network:
        for pod in ("web", "client"):
            network.add_pod(pod, *PODS[pod])
        network.apply(bundles[1])
        context = multiprocessing.get_context("fork")
        stop, answers = context.Value("i", 0), context.Array("q", 4)
        driver = context.Process(target=drive, args=(network, stop, answers))
        driver.start()
        while not answers[3]:
            time.sleep(0.01)
        seconds = []
        for swap in range(swaps):
            before = answers[3]
            began = time.monotonic()
            network.apply(bundles[swap % 2])
            seconds.append(time.monotonic() - began)
            while answers[3] < before + 2 and driver.is_alive():
                time.sleep(0.005)
        stop.value = 1
        driver.join()
        sent, lost, leaked, rounds = answers[:]
        if driver.exitcode:
            raise SystemExit("the traffic ended early")
    return {
        "wrong_packets": lost + leaked,
        "lost_packets": lost,
        "leaked_packets": leaked,
        "sent_packets": sent,
        "rounds": rounds,
        "flows": FLOWS,
        "swaps": swaps,
        "apply_seconds": statistics.median(seconds),
    }


def _changing() -> Allow:
    return Allow("client", "udp", CHANGING_PORT)


def main() -> int:
    """Measure, and print the figures; exit 1 when a packet was judged wrongly."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", choices=("text", "json"), default="text", dest="form")
    parser.add_argument("--swaps", type=int, default=SWAPS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.swaps)
    if options.form == "json":
        print(json.dumps({name: round(value, 4) for name, value in figures.items()}))
    else:
        for name, value in figures.items():
            print(f"{name:20}{value:>14.10g}")
    return 1 if figures["wrong_packets"] else 0


if __name__ == "__main__":
    sys.exit(main())

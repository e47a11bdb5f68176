"""Packets without pause while policies change: every one has a number, none is sent twice."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.kernel.e2e.network import Network

PAUSE = 0.001
"""Seconds between two packets of a flow."""

_BUFFER = 8 << 20
SO_RCVBUFFORCE = 33  # asm-generic/socket.h
_NUMBER = struct.Struct(">Q")


@dataclass
class Flow:
    """A flow of numbered datagrams from one namespace to another."""

    source: str
    destination: str
    address: str
    port: int
    sent: int = 0
    arrived: set[int] = field(default_factory=set)

    @property
    def lost(self) -> int:
        """Packets that were sent and did not arrive."""
        return self.sent - len(self.arrived)


class Load:
    """Runs flows from its beginning to its end; a context manager."""

    def __init__(self, network: Network, flows: list[Flow]) -> None:
        self._network = network
        self._flows = flows
        self._is_over = threading.Event()
        self._is_drained = threading.Event()
        self._senders: list[threading.Thread] = []
        self._receivers: list[threading.Thread] = []

    def __enter__(self) -> None:
        for flow in self._flows:
            family = socket.AF_INET6 if ":" in flow.address else socket.AF_INET
            server = self._network.socket_in(
                flow.destination, family, socket.SOCK_DGRAM
            )
            # Not the policy but a slow reader would lose packets in a small buffer.
            server.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, _BUFFER)
            server.bind(("", flow.port))
            server.settimeout(0.1)
            client = self._network.socket_in(flow.source, family, socket.SOCK_DGRAM)
            client.connect((flow.address, flow.port))
            self._receivers.append(
                threading.Thread(target=self._receive, args=(flow, server))
            )
            self._senders.append(
                threading.Thread(target=self._send, args=(flow, client))
            )
        for thread in (*self._receivers, *self._senders):
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._senders:
            thread.join()
        time.sleep(0.2)  # what is on its way arrives
        self._is_drained.set()
        for thread in self._receivers:
            thread.join()

    def _send(self, flow: Flow, client: socket.socket) -> None:
        with client:
            while not self._is_over.wait(PAUSE):
                client.send(_NUMBER.pack(flow.sent))
                flow.sent += 1

    def _receive(self, flow: Flow, server: socket.socket) -> None:
        with server:
            while True:
                with contextlib.suppress(TimeoutError):
                    flow.arrived.add(_NUMBER.unpack(server.recv(100))[0])
                    continue
                if self._is_drained.is_set():
                    return

"""GetUrl and DnsLookup: what events ask of whoever reads them, done for hosts that are allowed.

The kernel sends nothing.  A few threads of the reader do, one request each at a time, within some
seconds; what would wait behind too many others is not done, and its event says so.
"""

from __future__ import annotations

import http.client
import queue
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

ASKED, NOT_ALLOWED, TOO_MANY = "asked", "not allowed", "too many"
"""What becomes of a request, as its event says."""

_THREADS = 4
_WAITING = 64
_SECONDS = 5.0
"""So long may one request take."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request; ``action`` is GetUrl or DnsLookup, ``text`` the URL or the name."""

    action: str
    text: str
    policy: str

    @property
    def shown(self) -> dict[str, Any]:
        """The fields that its event and its answer show."""
        name = "url" if self.action == "GetUrl" else "fqdn"
        return {"action": self.action, name: self.text}

    @property
    def host(self) -> str:
        """Whom it concerns, in small letters; "" where that cannot be read."""
        if self.action != "GetUrl":
            return self.text.rstrip(".").lower()
        try:
            return (urlsplit(self.text).hostname or "").rstrip(".")
        except ValueError:
            return ""


@dataclass
class Requests:
    """What may be asked for: ``allowed`` are hosts, and ``*.DOMAIN`` for all below a domain."""

    allowed: Sequence[str] = ()
    seconds: float = _SECONDS
    _waiting: queue.Queue[Request] = field(init=False)
    _answers: queue.SimpleQueue[dict[str, Any]] = field(init=False)
    _threads: list[threading.Thread] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._waiting = queue.Queue(_WAITING)
        self._answers = queue.SimpleQueue()

    def ask(self, request: Request) -> str:
        """Begin a request if it is allowed; return what became of it."""
        if not self._allows(request.host):
            return NOT_ALLOWED
        try:
            self._waiting.put_nowait(request)
        except queue.Full:
            return TOO_MANY
        if len(self._threads) < _THREADS:
            thread = threading.Thread(target=self._work, daemon=True)
            self._threads.append(thread)
            thread.start()
        return ASKED

    def take(self) -> list[dict[str, Any]]:
        """Return the answers that have come since the last call."""
        found = []
        while not self._answers.empty():
            found.append(self._answers.get())
        return found

    def finish(self) -> list[dict[str, Any]]:
        """Wait for what has begun, no longer than two requests may take; return the answers."""
        end = time.monotonic() + 2 * self.seconds
        while self._waiting.unfinished_tasks and time.monotonic() < end:
            time.sleep(0.01)
        return self.take()

    def _allows(self, host: str) -> bool:
        return bool(host) and any(
            host.endswith(one[1:]) if one.startswith("*.") else host == one
            for one in (each.rstrip(".").lower() for each in self.allowed)
        )

    def _work(self) -> None:
        while True:
            request = self._waiting.get()
            try:
                answer = (
                    _get(request.text, self.seconds)
                    if request.action == "GetUrl"
                    else _look_up(request.text)
                )
            except (OSError, ValueError, http.client.HTTPException) as error:
                answer = {"error": str(error) or type(error).__name__}
            self._answers.put(
                {**request.shown, "policy_name": request.policy, **answer}
            )
            self._waiting.task_done()


def _get(url: str, seconds: float) -> dict[str, Any]:
    """Ask for a page and look at its status: no body, no other place that it points to."""
    parts = urlsplit(url)
    kind = {
        "http": http.client.HTTPConnection,
        "https": http.client.HTTPSConnection,
    }[parts.scheme]
    connection = kind(parts.hostname or "", parts.port, timeout=seconds)
    # A server that sends a byte now and then would never run into the time of a socket.
    end = threading.Timer(seconds, _cut, [connection])
    end.daemon = True
    end.start()
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target, headers={"User-Agent": "lockgate"})
        return {"status": connection.getresponse().status}
    finally:
        end.cancel()
        connection.close()


def _cut(connection: http.client.HTTPConnection) -> None:
    if (connected := connection.sock) is not None:
        with suppress(OSError):  # it ended by itself
            connected.shutdown(socket.SHUT_RDWR)


def _look_up(name: str) -> dict[str, Any]:
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return {"addresses": sorted({str(entry[4][0]) for entry in found})}

"""A little world of network namespaces: a host, its pods behind veths, an outside.

Pods have /32 and /128 addresses that the host routes, as CNIs do it; the outside is behind
the host's device with the default route.  Sockets of any namespace are opened here, in
this process: a thread enters the namespace, opens the socket, and goes back.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lockgate_runtime.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Iterator

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000

GATEWAY_V4, GATEWAY_V6 = "169.254.1.1", "fe80::1"
OUTSIDE_V4, OUTSIDE_V6 = "198.51.100.2", "2001:db8:1::2"
HOST_V4, HOST_V6 = "198.51.100.1", "2001:db8:1::1"
UPLINK = "eth0"
WEB = ("10.0.0.1", "fd00::1")
CLIENT = ("10.0.0.2", "fd00::2")
OTHER = ("10.0.0.3", "fd00::3")
PODS = {"web": WEB, "client": CLIENT, "other": OTHER}
"""The pods of every network."""

_VENDOR = Path("/sys/class/dmi/id/sys_vendor")
IS_EMULATED = _VENDOR.exists() and _VENDOR.read_text().startswith("QEMU")
"""Whether this is a guest in software, where a new process costs seconds."""
on_real_machines = pytest.mark.skipif(
    IS_EMULATED, reason="takes minutes in an emulated machine: run outside of one"
)
NO_ANSWER = 0.8 if IS_EMULATED else 0.25
"""Seconds after which a packet that is on its way within one machine was dropped."""
PATIENCE = 5.0
"""Seconds for what is expected to work: only a failing test waits so long."""


def start(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of ours to its end, whatever that is."""
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # written in the tests


def spawn(*command: str) -> subprocess.Popen[str]:
    """Begin a command of ours, with pipes to and from it."""
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)  # noqa: S603  # likewise


def sh(*lines: str) -> None:
    """Run shell lines; an error shows what they said."""
    done = start("sh", "-ec", "\n".join(lines))
    assert done.returncode == 0, f"{lines}\n{done.stderr}"


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Let this thread be in a network namespace."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        assert _libc.setns(there, _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        yield
    finally:
        assert _libc.setns(home, _CLONE_NEWNET) == 0
        os.close(home)
        os.close(there)


def ip(namespace: str, *lines: str) -> None:
    """Configure a namespace, line by line, in one process: a guest is slow at those."""
    command = ("ip", "-n", namespace, "-batch", "-")
    text = "\n".join(lines) + "\n"
    done = subprocess.run(  # noqa: S603  # written in the tests
        command, input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{lines}\n{done.stderr}"


def add_namespace(name: str) -> None:
    """Create a namespace whose IPv6 addresses can be used at once."""
    sh(f"ip netns add {name}", f"ip -n {name} link set lo up")
    with inside(name):
        for which in ("all", "default"):
            Path(f"/proc/sys/net/ipv6/conf/{which}/accept_dad").write_text("0")


@dataclass
class Network:
    """The namespaces of one test; a context manager that leaves nothing behind."""

    name: str
    folder: Path
    pods: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.root = Path("/sys/fs/bpf") / self.name
        self.state = self.folder / "state"
        self.host = f"{self.name}-host"
        self.outside = f"{self.name}-out"

    def __enter__(self) -> Network:
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _build(self) -> None:
        host, outside = self.host, self.outside
        add_namespace(host)
        add_namespace(outside)
        ip(host, f"link add {UPLINK} type veth peer name eth0 netns {outside}")
        ip(
            host,
            f"addr add {HOST_V4}/24 dev {UPLINK}",
            f"addr add {HOST_V6}/64 dev {UPLINK} nodad",
            f"link set {UPLINK} up",
            f"route add default via {OUTSIDE_V4}",
            f"route add default via {OUTSIDE_V6}",
        )
        ip(
            outside,
            f"addr add {OUTSIDE_V4}/24 dev eth0",
            f"addr add {OUTSIDE_V6}/64 dev eth0 nodad",
            "link set eth0 up",
            f"route add default via {HOST_V4}",
            f"route add default via {HOST_V6}",
        )
        with inside(host):
            Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
            Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("1")
        self._wait_for(OUTSIDE_V4)
        self._wait_for(OUTSIDE_V6)

    def __exit__(self, *_: object) -> None:
        if Path(f"/run/netns/{self.host}").exists():
            self.run("unload", check=False)
        for namespace in (*self.pods, self.host, self.outside):
            start("ip", "netns", "del", self._full(namespace))
        shutil.rmtree(self.root, ignore_errors=True)

    def reset(self) -> None:
        """Unload everything, and have the pods that are always there, and no others."""
        self.run("unload")
        self.state = self.folder / "state"
        for pod in set(self.pods) - PODS.keys():
            self.remove_pod(pod)
        for pod in PODS.keys() - set(self.pods):
            self.add_pod(pod, *PODS[pod])

    def pod(self, name: str) -> str:
        """Return the namespace of a pod."""
        return self._full(name)

    def _full(self, name: str) -> str:
        return name if name.startswith(self.name) else f"{self.name}-{name}"

    def add_pod(self, pod: str, v4: str | None = None, v6: str | None = None) -> str:
        """Add a pod with its veth; return the name of the host's end."""
        space, device, host = self._full(pod), f"lg-{pod}", self.host
        add_namespace(space)
        outer = [
            f"link add {device} type veth peer name eth0 netns {space}",
            f"link set {device} up",
            f"addr add {GATEWAY_V6}/64 dev {device} nodad",
            f"addr add {GATEWAY_V4}/32 dev {device}",
        ]
        inner = ["link set eth0 up"]
        if v4:
            inner += [
                f"addr add {v4}/32 dev eth0",
                f"route add {GATEWAY_V4} dev eth0 scope link",
                f"route add default via {GATEWAY_V4} dev eth0",
            ]
            outer.append(f"route add {v4}/32 dev {device}")
        if v6:
            inner += [
                f"addr add {v6}/128 dev eth0 nodad",
                f"route add default via {GATEWAY_V6} dev eth0",
            ]
            outer.append(f"route add {v6}/128 dev {device}")
        ip(host, *outer)
        ip(space, *inner)
        self.pods.append(pod)
        for address in filter(None, (v4, v6)):
            self._wait_for(address)
        return device

    def _wait_for(self, address: str) -> None:
        """Wait until the host reaches an address: a new device takes up to a second."""
        for _ in range(200):
            if self.ping(self.host, address, wait=0.1):
                return
        raise AssertionError(f"the test's own network has no way to {address}")

    def remove_pod(self, pod: str) -> None:
        """Delete a pod's namespace; its veth goes with it."""
        sh(f"ip netns del {self._full(pod)}")
        self.pods.remove(pod)
        deadline = time.monotonic() + 5
        while f"lg-{pod}" in self.devices() and time.monotonic() < deadline:
            time.sleep(0.02)

    def devices(self) -> list[str]:
        """Names of the host's devices."""
        with inside(self.host):
            return [name for _, name in socket.if_nameindex()]

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of a verb, in the host's namespace."""
        verb, *rest = arguments
        return [
            "nsenter",
            f"--net=/run/netns/{self.host}",
            sys.executable,
            "-m",
            "lockgate_runtime",
            verb,
            *rest,
            *(() if verb == "verify" else ("--root", str(self.root))),
            *(() if verb == "verify" else ("--state", str(self.state))),
        ]

    def run(
        self, *arguments: str, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a verb on the host, in this process: a new one costs seconds in a guest."""
        verb, *rest = arguments
        place = ["--root", str(self.root), "--state", str(self.state)]
        words = [verb, *rest, *([] if verb == "verify" else place)]
        output, errors = io.StringIO(), io.StringIO()
        with (
            inside(self.host),
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(errors),
        ):
            code = main(words)
        done = subprocess.CompletedProcess(
            words, code, output.getvalue(), errors.getvalue()
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def answer(self, *arguments: str) -> dict[str, Any]:
        """Run a verb, and return what it prints for machines."""
        found: dict[str, Any] = json.loads(self.run(*arguments, "-o", "json").stdout)
        return found

    def told(self, *arguments: str) -> dict[str, Any]:
        """Return the one result of a verb."""
        (result,) = self.answer(*arguments)["results"]
        assert isinstance(result, dict)
        return result

    def apply(self, bundle: Path, *arguments: str) -> None:
        """Apply a bundle; it must succeed."""
        self.run("apply", str(bundle), "--node", "node-1", *arguments)

    # ------------------------------------------------------------------ traffic

    def socket_in(
        self, where: str, family: int, kind: int, protocol: int = 0
    ) -> socket.socket:
        """Open a socket in a namespace."""
        with inside(self._full(where)):
            return socket.socket(family, kind, protocol)

    def connect(
        self,
        source: str,
        destination: str,
        address: str,
        port: int = 80,
        protocol: int = socket.IPPROTO_TCP,
        wait: float = PATIENCE,
    ) -> Connection | None:
        """Connect; None when there is no answer in time."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = self.socket_in(destination, family, socket.SOCK_STREAM, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", port))
        listener.listen()
        client = self.socket_in(source, family, socket.SOCK_STREAM, protocol)
        client.settimeout(wait)
        listener.settimeout(wait)
        try:
            client.connect((address, port))
            server, _ = listener.accept()
        except (TimeoutError, OSError):
            client.close()
            return None
        finally:
            listener.close()
        server.settimeout(NO_ANSWER)
        client.settimeout(NO_ANSWER)
        return Connection(client, server)

    def tcp(
        self,
        source: str,
        destination: str,
        address: str,
        port: int = 80,
        wait: float = PATIENCE,
    ) -> bool:
        """Whether a connection can be made and bytes go both ways."""
        connection = self.connect(source, destination, address, port, wait=wait)
        if connection is None:
            return False
        with connection:
            return connection.exchange()

    def denies_tcp(
        self, source: str, destination: str, address: str, port: int = 80
    ) -> bool:
        """Whether no connection can be made."""
        return not self.tcp(source, destination, address, port, NO_ANSWER)

    def udp(
        self,
        source: str,
        destination: str,
        address: str,
        port: int = 53,
        wait: float = PATIENCE,
    ) -> bool:
        """Whether a datagram arrives and its answer comes back."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with (
            self.socket_in(destination, family, socket.SOCK_DGRAM) as server,
            self.socket_in(source, family, socket.SOCK_DGRAM) as client,
        ):
            server.bind(("", port))
            client.settimeout(wait)
            server.settimeout(wait)
            client.sendto(b"question", (address, port))
            try:
                _, sender = server.recvfrom(100)
                server.sendto(b"answer", sender)
                return client.recv(100) == b"answer"
            except TimeoutError:
                return False

    def denies_udp(
        self, source: str, destination: str, address: str, port: int = 53
    ) -> bool:
        """Whether a datagram does not arrive, or its answer does not."""
        return not self.udp(source, destination, address, port, NO_ANSWER)

    def denies_ping(self, source: str, address: str) -> bool:
        """Whether an echo request is not answered."""
        return not self.ping(source, address, NO_ANSWER)

    def ping(self, source: str, address: str, wait: float = PATIENCE) -> bool:
        """Whether an echo request is answered."""
        is_v6 = ":" in address
        family = socket.AF_INET6 if is_v6 else socket.AF_INET
        protocol = socket.IPPROTO_ICMPV6 if is_v6 else socket.IPPROTO_ICMP
        request, reply = (128, 129) if is_v6 else (8, 0)
        identifier = threading.get_ident() & 0xFFFF
        message = struct.pack(">BBHHH", request, 0, 0, identifier, 1) + b"lockgate"
        if not is_v6:
            message = message[:2] + struct.pack(">H", _checksum(message)) + message[4:]
        with self.socket_in(source, family, socket.SOCK_RAW, protocol) as raw:
            raw.settimeout(wait)
            deadline = time.monotonic() + wait
            try:
                raw.sendto(message, (address, 0))
                while time.monotonic() < deadline:
                    data = raw.recv(2000)[0 if is_v6 else 20 :]
                    if data[0] == reply and data[4:6] == struct.pack(">H", identifier):
                        return True
            except OSError:
                pass
        return False


@dataclass
class Connection:
    """Both ends of a connection."""

    client: socket.socket
    server: socket.socket

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.server.close()

    def send(self, *, from_client: bool = True) -> bool:
        """Whether bytes get through in one direction."""
        ends = (self.client, self.server) if from_client else (self.server, self.client)
        try:
            ends[0].sendall(b"x" * 64)
            return bool(ends[1].recv(64))
        except OSError:
            return False

    def exchange(self) -> bool:
        """Whether bytes get through in both directions."""
        return self.send() and self.send(from_client=False)


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF

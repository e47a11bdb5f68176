"""A tunnel without link headers between two namespaces: tun devices, and a thread that carries."""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import struct
import threading
from typing import TYPE_CHECKING

from tests.kernel.e2e.network import inside

if TYPE_CHECKING:
    from collections.abc import Iterator

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_LARGEST = 1 << 16


@contextlib.contextmanager
def tunnel(*ends: tuple[str, str]) -> Iterator[tuple[int, int]]:
    """Connect two devices (namespace, name) as long as this lasts; give their descriptors.

    What is written to a descriptor comes out of its device, as if the other end had sent it.
    """
    first, second = (_open(*end) for end in ends)
    stop, stopped = os.pipe()
    carrier = threading.Thread(target=_carry, args=(first, second, stop), daemon=True)
    carrier.start()
    try:
        yield first, second
    finally:
        os.close(stopped)
        carrier.join()
        for descriptor in (first, second, stop):
            os.close(descriptor)


def _open(namespace: str, name: str) -> int:
    with inside(namespace):
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        request = struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI)
        fcntl.ioctl(descriptor, _TUNSETIFF, request)
    return descriptor


def _carry(first: int, second: int, stop: int) -> None:
    with selectors.DefaultSelector() as ready:
        for descriptor in (first, second, stop):
            ready.register(descriptor, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fd == stop:
                    return
                with contextlib.suppress(OSError):  # a device that is down
                    os.write(
                        second if key.fd == first else first, os.read(key.fd, _LARGEST)
                    )

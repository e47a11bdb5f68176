"""Where everything is pinned, and the lock that makes one process at a time change it.

Below the root (default ``/sys/fs/bpf/lockgate``), in a folder for the layout's version::

    v1/maps/NAME                     maps that outlive generations: flows, events, slot, ...
    v1/stubs/HOOK                    the programs that are attached
    v1/links/KIND-HOOK-TARGET        attachments: a link, or for clsact the attached program
    v1/generations/N/programs/HOOK   what the stubs call
    v1/generations/N/maps/NAME       tables that commands read: counters, decisions, ...
    v1/generations/N/in_force/       there once packets were judged by it

What is in force is read from here and from the kernel, never from a file.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate_runtime.errors import NodeError
from lockgate_runtime.layout import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEFAULT_ROOT = Path("/sys/fs/bpf/lockgate")
_VERSION = re.compile(r"v\d+")


class Pins:
    """The paths below one root."""

    def __init__(self, root: Path = DEFAULT_ROOT) -> None:
        self.root = root
        self.top = root / f"v{SCHEMA}"
        self.maps = self.top / "maps"
        self.stubs = self.top / "stubs"
        self.links = self.top / "links"
        self.generations = self.top / "generations"

    @property
    def exist(self) -> bool:
        """Whether anything was ever applied here and not unloaded."""
        return (self.maps / "slot").exists()

    def create(self) -> None:
        """Make the folders; only root may look in."""
        for folder in (self.maps, self.stubs, self.links, self.generations):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def versions(self) -> list[Path]:
        """Return the folders below the root that are ours, of any version."""
        return [one for one in list_folder(self.root) if _VERSION.fullmatch(one.name)]

    def map(self, name: str) -> Path:
        """Return where a map that outlives generations is pinned."""
        return self.maps / name

    def generation(self, number: int) -> Path:
        """Return the folder of one generation."""
        return self.generations / str(number)

    def generation_numbers(self) -> list[int]:
        """Return the generations that have a folder, oldest first."""
        return sorted(int(folder.name) for folder in list_folder(self.generations))

    @contextmanager
    def lock(
        self, *, wait: bool = True, waiting: Callable[[], None] = lambda: None
    ) -> Iterator[None]:
        """Hold the lock of this root; it goes with the process, however that ends.

        ``waiting`` is called once when another process holds it.  Without ``wait`` that is an
        error (E5030).
        """
        while True:
            try:
                self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise NodeError(
                    "E5002",
                    f"{self.root} cannot be made: {error.strerror}; nothing was changed",
                    "let the BPF file system be writable (mount -o remount,rw), or choose "
                    "another --root",
                ) from None
            descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                self._take(descriptor, wait=wait, waiting=waiting)
                if self._is_current(descriptor):
                    yield
                    return
            finally:
                os.close(descriptor)

    @property
    def is_busy(self) -> bool:
        """Whether another process holds the lock now."""
        try:
            descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _take(
        self, descriptor: int, *, wait: bool, waiting: Callable[[], None]
    ) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                raise NodeError(
                    "E5030",
                    f"another process is changing {self.root}",
                    "wait until it ends, or leave out --no-wait to wait for it",
                ) from None
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)

    def _is_current(self, descriptor: int) -> bool:
        """Whether the folder that we locked is still there: unload removes it."""
        try:
            return os.path.samestat(os.fstat(descriptor), self.root.stat())
        except FileNotFoundError:
            return False


def list_folder(folder: Path) -> list[Path]:
    """Return what is in a folder, by name; nothing where there is no folder."""
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []


def remove_tree(folder: Path) -> None:
    """Unpin everything below a folder, and the folder."""
    for entry in list_folder(folder):
        if entry.is_dir():
            remove_tree(entry)
        else:
            entry.unlink(missing_ok=True)
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            raise


def boot_time() -> int:
    """Return the time since boot in nanoseconds: the clock of deadlines and events."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

"""Where the kernels of the virtual machines come from; standard library only.

Kernels and busybox are Debian packages, downloaded and unpacked into folders of their
own below a cache folder; they are never installed on the host.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.vm.external import ProgramError, run_program

if TYPE_CHECKING:
    from collections.abc import Callable

SERIES = ("6.1", "6.12")
"""The kernels that every program must load on, besides the host's own."""

BUSYBOX = "busybox-static"
"""The package of the guest's first programs."""

QEMU = "qemu-system-x86_64"

_SYSTEM_CACHE = Path("/var/cache/lockgate")
_ATTEMPTS = 3
"""Newest names to try: apt knows names that its sources no longer carry."""


class FetchError(Exception):
    """A package cannot be had here; the text says why."""


@dataclass(frozen=True)
class Kernel:
    """An unpacked kernel package."""

    folder: Path

    @property
    def image(self) -> Path:
        """The compressed kernel that QEMU boots."""
        return next((self.folder / "boot").glob("vmlinuz-*"))

    @property
    def modules(self) -> Path:
        """The folder of its modules."""
        # Merged-/usr packages (Debian 13) have usr/lib, older ones lib.
        return next(self.folder.glob("**/lib/modules/*"))

    @property
    def release(self) -> str:
        """What ``uname -r`` prints in it."""
        return self.modules.name


def cache_folders() -> list[Path]:
    """Return where fetched things may lie; new ones go to the first.

    A user reads what root fetched, and writes to a folder of the user's own.
    """
    if os.geteuid() == 0:
        return [_SYSTEM_CACHE]
    own = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [own / "lockgate", _SYSTEM_CACHE]


def find_kernel(series: str) -> Kernel | None:
    """Return the newest unpacked kernel of a series such as ``6.12``."""
    found = [
        path
        for path in _unpacked(f"linux-image-{series}.*")
        if _is_plain(path.name, series)
    ]
    return Kernel(max(found, key=lambda path: _order(path.name))) if found else None


def find_busybox() -> Path | None:
    """Return the unpacked busybox, which needs no libraries."""
    return next(
        (file for path in _unpacked(BUSYBOX) for file in path.glob("**/bin/busybox")),
        None,
    )


def fetch_kernel(series: str) -> None:
    """Unpack the newest kernel of a series that apt's sources offer.

    Raises :class:`FetchError` if there is none or it cannot be downloaded.
    """
    names = _run("apt-cache", "pkgnames", "linux-image-" + series).split()
    offered = sorted((n for n in names if _is_plain(n, series)), key=_order)
    if not offered:
        raise FetchError(f"the apt sources offer no linux-image-{series}.*-amd64")
    problems = []
    for name in offered[: -_ATTEMPTS - 1 : -1]:
        try:
            return fetch_package(name)
        except FetchError as error:
            problems.append(str(error))
    raise FetchError("; ".join(problems))


def fetch_package(name: str) -> None:
    """Download a package and unpack it into a folder of its name, whole or not at all.

    Raises :class:`FetchError` with what apt said.
    """
    folder = cache_folders()[0] / "packages"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as work:
        _run("apt-get", "download", "--quiet", name, folder=Path(work))
        package = next(Path(work).glob("*.deb"))
        unpacked = Path(work) / name
        _run("dpkg-deb", "--extract", str(package), str(unpacked))
        unpacked.chmod(0o755)
        unpacked.rename(folder / name)


def lacking() -> list[tuple[str, Callable[[], None]]]:
    """Return what could be fetched and is not here, each with how to fetch it."""
    result: list[tuple[str, Callable[[], None]]] = [
        (f"a kernel {series}", partial(fetch_kernel, series))
        for series in SERIES
        if find_kernel(series) is None
    ]
    if find_busybox() is None:
        result.append((BUSYBOX, partial(fetch_package, BUSYBOX)))
    return result


def missing(series: str) -> list[str]:
    """Return what a machine with such a kernel needs and is not here."""
    here = {
        f"kernel {series}": find_kernel(series),
        BUSYBOX: find_busybox(),
        QEMU: shutil.which(QEMU),
    }
    return [name for name, found in here.items() if not found]


def _unpacked(pattern: str) -> list[Path]:
    return [p for f in cache_folders() for p in (f / "packages").glob(pattern)]


def _is_plain(name: str, series: str) -> bool:
    """Tell whether it is the ordinary amd64 kernel (the cloud flavour has no 9p)."""
    version = rf"{re.escape(series)}\.[0-9][0-9a-z.+~-]*"
    return bool(re.fullmatch(rf"linux-image-{version}-amd64", name)) and not re.search(
        r"-(cloud|rt)-", name
    )


def _order(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]


def _run(*command: str, folder: Path | None = None) -> str:
    try:
        return run_program(*command, folder=folder).decode()
    except ProgramError as error:
        raise FetchError(str(error)) from None

"""Fetch the packages that kernels and the guest's first programs come in.

They are the packages of Debian (and of Ubuntu), downloaded by apt from the machine's own
sources, which needs no privilege, and unpacked into a cache folder; nothing is installed.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.vm.external import ProgramError, run_program
from lockgate.vm.kernels import (
    BUSYBOX,
    SERIES,
    KernelError,
    cache_folders,
    find_busybox,
    find_kernel,
    order,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_ATTEMPTS = 3
"""Newest names to try: apt knows names that its sources no longer carry."""

_PARTS = ("linux-image-*.deb", "linux-modules-*.deb", "linux-binary-*.deb")
"""The packages that a kernel comes in, depending on the distribution."""

_ELSEWHERE = (
    "put kernel packages (linux-image-*.deb) or unpacked ones into a folder, and name it with "
    "--kernels DIR"
)


class FetchError(KernelError):
    """A package cannot be had here; the text says why."""

    def __init__(self, message: str) -> None:
        super().__init__("E6551", message, _ELSEWHERE)


def fetch_kernel(series: str) -> None:
    """Unpack the newest kernel of a series that apt's sources offer.

    Raises :class:`FetchError` if there is none or it cannot be downloaded.
    """
    names = _run("apt-cache", "pkgnames", "linux-image-" + series).split()
    offered = sorted((n for n in names if _is_plain(n, series)), key=order)
    if not offered:
        raise FetchError(f"the apt sources offer no linux-image-{series}.*")
    problems = []
    for name in offered[: -_ATTEMPTS - 1 : -1]:
        # Debian's image package has the modules, Ubuntu's has them beside it.
        modules = name.replace("linux-image-", "linux-modules-")
        has_modules = modules in _run("apt-cache", "pkgnames", modules).split()
        try:
            return fetch_package(name, *([modules] if has_modules else []))
        except FetchError as error:
            problems.append(str(error))
    raise FetchError("; ".join(problems))


def fetch_package(name: str, *more: str) -> None:
    """Download packages and unpack them into a folder of the first one's name.

    It is there whole or not at all.  Raises :class:`FetchError` with what apt said.
    """
    folder = cache_folders()[0] / "packages"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as work:
        _run("apt-get", "download", "--quiet", name, *more, folder=Path(work))
        packages = sorted(Path(work).glob("*.deb"))
        if len(packages) != 1 + len(more):
            raise FetchError(f"apt-get downloaded no {' '.join([name, *more])}")
        _unpack(packages, folder / name)


def unpacked(folder: Path) -> Path:
    """Return a folder with the kernels of ``folder``: itself, or its packages unpacked.

    Packages are unpacked together, since some distributions put image and modules into two;
    once, into the cache.  FetchError where that is not possible.
    """
    packages = sorted(
        path
        for pattern in _PARTS
        for path in folder.glob(pattern)
        if "-dbg" not in path.name
    )
    if not packages:
        return folder
    name = hashlib.sha256()
    for path in packages:
        status = path.stat()
        name.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    place = cache_folders()[0] / "unpacked"
    place.mkdir(parents=True, exist_ok=True)
    result = place / name.hexdigest()[:16]
    if not result.exists():
        _unpack(packages, result)
    return result


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


def _unpack(packages: list[Path], target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpack-") as work:
        whole = Path(work) / "whole"
        for package in packages:
            _run("dpkg-deb", "--extract", str(package.absolute()), str(whole))
        whole.chmod(0o755)
        try:
            whole.rename(target)
        except OSError:
            if not target.is_dir():  # else somebody was faster
                raise


def _is_plain(name: str, series: str) -> bool:
    """Tell whether it is the ordinary kernel of Debian or Ubuntu.

    The flavours for clouds have no 9p.
    """
    version = rf"linux-image-{re.escape(series)}\.[0-9]"
    debian, ubuntu = r"[0-9a-z.+~-]*-amd64", r"[0-9]*-[0-9]+-generic"
    return bool(
        re.fullmatch(f"{version}(?:{debian}|{ubuntu})", name)
    ) and not re.search(r"-(cloud|rt)-", name)


def _run(*command: str, folder: Path | None = None) -> str:
    try:
        return run_program(*command, folder=folder).decode()
    except ProgramError as error:
        raise FetchError(str(error)) from None

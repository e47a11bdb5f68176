"""Where the kernels of the virtual machines come from; standard library only.

A kernel is a Debian package, downloaded and unpacked into a folder of its own; nothing
is installed on the host.  ``LOCKGATE_KERNELS`` names another folder.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

SERIES = ("6.1", "6.12")
"""The kernels that every program must load on, besides the host's own."""

TOOLS = {"qemu-system-x86_64": "qemu-system-x86", "busybox": "busybox-static"}
"""What a machine needs on the host: program to Debian package."""

_SHARED_FOLDER = Path("/var/tmp/lockgate/kernels")  # noqa: S108 - only root writes here


class KernelUnavailableError(Exception):
    """No kernel of this series can be had here; the text says why."""


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


def folders() -> list[Path]:
    """Return where kernels may lie: the first that can be written gets new ones."""
    named = os.environ.get("LOCKGATE_KERNELS")
    if named:
        return [Path(named)]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    own = cache / "lockgate" / "kernels"
    return [_SHARED_FOLDER] if os.geteuid() == 0 else [_SHARED_FOLDER, own]


def find_kernel(series: str) -> Kernel | None:
    """Return the newest unpacked kernel of a series such as ``6.12``."""
    found = [
        path
        for folder in folders()
        for path in folder.glob(f"linux-image-{series}.*")
        if _is_plain(path.name, series)
    ]
    return Kernel(max(found, key=lambda path: _order(path.name))) if found else None


def fetch_kernel(series: str) -> Kernel:
    """Download the newest kernel package of a series from apt's sources and unpack it.

    Raises :class:`KernelUnavailableError` if apt offers none or the download fails.
    """
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise KernelUnavailableError("apt-get and dpkg-deb are needed to get kernels")
    names = _run("apt-cache", "pkgnames", "linux-image-" + series).split()
    offered = sorted((n for n in names if _is_plain(n, series)), key=_order)
    if not offered:
        raise KernelUnavailableError(f"apt offers no linux-image-{series}.*-amd64")
    folder = _writable_folder()
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as work:
        for name in reversed(offered):  # old names linger without a candidate
            try:
                _run("apt-get", "download", "--quiet", name, cwd=work)
                break
            except subprocess.CalledProcessError as failed:
                problem = failed.stderr.strip()
        else:
            raise KernelUnavailableError(f"apt-get download failed: {problem}")
        package = next(Path(work).glob("*.deb"))
        unpacked = Path(work) / name
        _run("dpkg-deb", "--extract", str(package), str(unpacked))
        for unused in ("usr/share", "usr/lib/debug"):
            shutil.rmtree(unpacked / unused, ignore_errors=True)
        unpacked.chmod(0o755)
        unpacked.rename(folder / name)  # whole or not at all
    return Kernel(folder / name)


def missing_tools() -> list[str]:
    """Return the Debian packages that a machine needs and the host lacks."""
    return [package for tool, package in TOOLS.items() if not shutil.which(tool)]


def _writable_folder() -> Path:
    folder = folders()[-1]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _is_plain(name: str, series: str) -> bool:
    """Tell whether it is the ordinary amd64 kernel (the cloud flavour has no 9p)."""
    version = rf"{re.escape(series)}\.[0-9][0-9a-z.+~-]*"
    return bool(re.fullmatch(rf"linux-image-{version}-amd64", name)) and not re.search(
        r"-(cloud|rt)-", name
    )


def _order(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]


def _run(*command: str, cwd: str | None = None) -> str:
    done = subprocess.run(  # noqa: S603 - literal commands and apt's own names
        command, cwd=cwd, check=True, capture_output=True, text=True
    )
    return done.stdout

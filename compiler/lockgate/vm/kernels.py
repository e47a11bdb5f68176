"""Find kernels to boot, in a folder of the user's or among the packages fetched before."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

SERIES = ("6.1", "6.12")
"""The kernels that every program must load on, besides the host's own."""

BUSYBOX = "busybox-static"
"""The package of the guest's first programs."""

QEMU = "qemu-system-x86_64"

NEEDED = ("virtio_pci", "virtio_rng", "9pnet_virtio", "9p", "overlay")
"""Modules (or built-in) without which a guest does not see the host's files."""

_SYSTEM_CACHE = Path("/var/cache/lockgate")
_IMAGES = (
    "boot/vmlinuz-*",
    "vmlinuz-*",
    "lib/modules/*/vmlinuz",
    "usr/lib/modules/*/vmlinuz",
)
_MODULES = ("lib/modules", "usr/lib/modules", "modules")


class KernelError(Fault):
    """A kernel is not here, cannot be had, or cannot be booted as a guest."""


@dataclass(frozen=True)
class Kernel:
    """A kernel on the disk: the image that QEMU boots, and the folder of its modules."""

    image: Path
    modules: Path

    @property
    def release(self) -> str:
        """What ``uname -r`` prints in it."""
        return self.modules.name

    @cached_property
    def module_files(self) -> dict[str, Path]:
        """Its modules by name, with underscores."""
        return {module_name(path.name): path for path in self.modules.rglob("*.ko*")}

    @property
    def lacking(self) -> list[str]:
        """Return what a guest needs, and this kernel has neither built in nor as a module."""
        builtin = self.modules / "modules.builtin"
        listed = builtin.read_text().split() if builtin.exists() else []
        here = {module_name(Path(line).name) for line in listed}
        here |= self.module_files.keys()
        return [name for name in NEEDED if name not in here]

    def is_of(self, series: str) -> bool:
        """Tell whether it is of a series (``6.1``), or the very release."""
        return self.release == series or self.release.startswith(f"{series}.")


def module_name(file: str) -> str:
    """Return the name of a module's file (``9pnet-virtio.ko.xz``) as the kernel has it."""
    return file.partition(".")[0].replace("-", "_")


def cache_folders() -> list[Path]:
    """Return where fetched things may lie; new ones go to the first.

    A user reads what root fetched, and writes to a folder of the user's own.
    """
    if os.geteuid() == 0:
        return [_SYSTEM_CACHE]
    own = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [own / "lockgate", _SYSTEM_CACHE]


def kernels_below(folder: Path) -> list[Kernel]:
    """Return the kernels of a folder, newest first.

    It may be laid out as a root file system, or hold folders that are (unpacked packages).
    """
    found = {}
    for root in (folder, *sorted(path for path in folder.glob("*") if path.is_dir())):
        for image in (path for pattern in _IMAGES for path in root.glob(pattern)):
            _, _, release = image.name.partition("-")
            for place in _MODULES:
                modules = root / place / (release or image.parent.name)
                if modules.is_dir():
                    found[modules.name] = Kernel(image, modules)
    return sorted(found.values(), key=lambda one: order(one.release), reverse=True)


def find_kernel(series: str) -> Kernel | None:
    """Return the newest fetched kernel of a series that can be booted, as newest_of does."""
    folders = [folder / "packages" for folder in cache_folders()]
    return newest_of(series, [one for each in folders for one in kernels_below(each)])


def newest_of(series: str, kernels: Iterable[Kernel]) -> Kernel | None:
    """Return the newest kernel of a series that can be booted.

    Of those that lack something the newest is returned only where there is no other.
    """
    found = [one for one in kernels if one.is_of(series)]
    found.sort(key=lambda one: (not one.lacking, order(one.release)), reverse=True)
    return found[0] if found else None


def find_busybox() -> Path | None:
    """Return a busybox that needs no libraries: a fetched one, or the system's."""
    fetched = (
        file
        for folder in cache_folders()
        for path in (folder / "packages").glob(BUSYBOX)
        for file in path.glob("**/bin/busybox")
    )
    installed = shutil.which("busybox")
    if installed and _is_static(Path(installed)):
        return next(fetched, Path(installed))
    return next(fetched, None)


def missing(series: str) -> list[str]:
    """Return what a machine with such a kernel needs and is not here."""
    here = {
        f"kernel {series}": find_kernel(series),
        BUSYBOX: find_busybox(),
        QEMU: shutil.which(QEMU),
    }
    return [name for name, found in here.items() if not found]


def order(name: str) -> list[int]:
    """Return what the versions in names are sorted by."""
    return [int(number) for number in re.findall(r"\d+", name.removesuffix("-amd64"))]


def _is_static(program: Path) -> bool:
    """Tell whether a program names no loader (an ELF header of type PT_INTERP)."""
    try:
        content = program.read_bytes()
    except OSError:
        return False
    if content[:5] != b"\x7fELF\x02":
        return False
    start, size, count = (
        int.from_bytes(content[at : at + length], "little")
        for at, length in ((32, 8), (54, 2), (56, 2))
    )
    kinds = (content[start + size * n :][:4] for n in range(count))
    return b"\x03\0\0\0" not in kinds

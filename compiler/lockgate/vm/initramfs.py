"""The first file system of a guest: busybox, a few modules and an init script.

Its init loads the modules, mounts the host's root (9p, read-only) under a layer in
memory, and hands over to ``guest.sh`` in the shared folder.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.vm.external import ProgramError, run_program
from lockgate.vm.kernels import NEEDED, KernelError, module_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.vm.kernels import Kernel

MODULES = (
    *NEEDED,
    *("veth", "dummy", "bridge", "8021q", "sch_ingress", "cls_bpf", "sch_fq", "tun"),
    *("crc32c_generic", "libcrc32c", "sctp"),
)
"""What the guest loads, with what it depends on; what is built in is left out."""

_APPLETS = ("sh", "mount", "mkdir", "insmod", "switch_root", "poweroff", "echo", "ln")

_INIT = """#!/bin/sh
fail() { echo "init: $1 failed"; poweroff -f; }
mount -t proc proc /proc && mount -t sysfs sysfs /sys && mount -t devtmpfs dev /dev ||
        fail "mounting /proc, /sys or /dev"
while read -r module; do
        insmod "/modules/$module" || fail "insmod $module"
done < /modules/order
p9=trans=virtio,version=9p2000.L,msize=512000
mount -t 9p -o "ro,$p9,cache=loose" root /lower || fail "mounting the host's root"
mount -t tmpfs -o mode=755,size=75% tmpfs /upper && mkdir /upper/files /upper/work &&
        mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work \\
        overlay /root || fail "mounting the writable layer"
for each in proc sys dev; do
        mount --move "/$each" "/root/$each" || fail "moving /$each"
done
mount -t tmpfs -o mode=755 tmpfs /root/run && mkdir /root/run/lock
mkdir -p /root/dev/pts /root/dev/shm
ln -s /proc/self/fd /root/dev/fd
mount -t devpts devpts /root/dev/pts
mount -t tmpfs tmpfs /root/dev/shm
mount -t tracefs tracefs /root/sys/kernel/tracing
mount -t bpf bpf /root/sys/fs/bpf || fail "mounting bpffs"
mount -t cgroup2 cgroup2 /root/sys/fs/cgroup || fail "mounting cgroup2"
mkdir -p "/root$SHARED" && mount -t 9p -o "rw,$p9" shared "/root$SHARED" ||
        fail "mounting the shared folder"
exec switch_root /root /bin/sh "$SHARED/guest.sh"
"""


def build_initramfs(kernel: Kernel, busybox: Path, folder: Path) -> Path:
    """Return the initramfs of a kernel; it is built once and kept in ``folder``.

    Raises :class:`KernelError` where the kernel is none for a guest, ``OSError`` if nothing
    can be written there.
    """
    result = folder / f"{kernel.release}-{_digest(kernel, busybox)}.cpio.gz"
    if not result.exists():
        if kernel.lacking:
            raise KernelError(
                "E6552",
                f"kernel {kernel.release} lacks what a guest needs: "
                f"{', '.join(kernel.lacking)}",
                "take the ordinary flavour: those for clouds have no 9p file system",
            )
        folder.mkdir(parents=True, exist_ok=True)
        content = gzip.compress(_archive(kernel, busybox), 1, mtime=0)
        descriptor, unfinished = tempfile.mkstemp(dir=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(unfinished).rename(result)
    return result


def _digest(kernel: Kernel, busybox: Path) -> str:
    """Name the recipe and what goes in: a kernel may be built anew under its name."""
    recipe = hashlib.sha256(Path(__file__).read_bytes())
    for path in (kernel.image, kernel.modules, busybox):
        status = path.stat()
        recipe.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return recipe.hexdigest()[:12]


def _archive(kernel: Kernel, busybox: Path) -> bytes:
    modules = dict(_with_dependencies(kernel, MODULES))
    entries = [
        *(_entry(d, 0o040755) for d in ("bin", "dev", "proc", "sys", "modules")),
        *(_entry(d, 0o040755) for d in ("lower", "upper", "root")),
        _entry("bin/busybox", 0o100755, busybox.read_bytes()),
        *(_entry(f"bin/{a}", 0o120777, b"busybox") for a in _APPLETS),
        *(_entry(f"modules/{n}", 0o100644, code) for n, code in modules.items()),
        _entry("modules/order", 0o100644, "".join(f"{n}\n" for n in modules).encode()),
        _entry("init", 0o100755, _INIT.encode()),
        _entry("TRAILER!!!", 0),
    ]
    return b"".join(entries)


def _entry(name: str, mode: int, content: bytes = b"") -> bytes:
    """Return one member of a cpio archive in the format "newc"."""
    fields = [0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    return _padded(header + name.encode() + b"\0") + _padded(content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _with_dependencies(
    kernel: Kernel, wanted: Iterable[str]
) -> Iterable[tuple[str, bytes]]:
    """Yield modules in an order in which they can be loaded; some twice."""
    for name in wanted:
        path = kernel.module_files.get(module_name(name))
        if path is None:
            continue  # built into this kernel, or one that it can do without
        code = _read_module(path)
        depends = code.partition(b"\0depends=")[2].partition(b"\0")[0].decode()
        yield from _with_dependencies(kernel, filter(None, depends.split(",")))
        yield f"{name}.ko", code


def _read_module(path: Path) -> bytes:
    match path.suffix:
        case ".xz":
            return lzma.decompress(path.read_bytes())
        case ".gz":
            return gzip.decompress(path.read_bytes())
        case ".zst":
            try:
                return run_program("zstd", "--decompress", "--stdout", str(path))
            except ProgramError as error:
                cure = "install zstd: this kernel's modules are packed with it"
                raise KernelError("E6552", str(error), cure) from None
    return path.read_bytes()

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

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.vm.kernels import Kernel

MODULES = (
    *("virtio_pci", "virtio_rng", "9pnet_virtio", "9p", "overlay"),
    *("veth", "dummy", "bridge", "8021q", "sch_ingress", "cls_bpf", "sch_fq"),
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

    Raises ``OSError`` if nothing can be written there.
    """
    recipe = Path(__file__).read_bytes()
    name = f"{kernel.release}-{hashlib.sha256(recipe).hexdigest()[:12]}.cpio.gz"
    result = folder / name
    if not result.exists():
        folder.mkdir(parents=True, exist_ok=True)
        content = gzip.compress(_archive(kernel, busybox), 1, mtime=0)
        descriptor, unfinished = tempfile.mkstemp(dir=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(unfinished).rename(result)
    return result


def _archive(kernel: Kernel, busybox: Path) -> bytes:
    modules = dict(_with_dependencies(kernel.modules, MODULES))
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
    folder: Path, wanted: Iterable[str]
) -> Iterable[tuple[str, bytes]]:
    """Yield modules in an order in which they can be loaded; some twice."""
    files = {_module_name(path.name): path for path in folder.rglob("*.ko*")}
    for name in wanted:
        path = files.get(_module_name(name))
        if path is None:
            continue  # built into this kernel
        code = path.read_bytes()
        if path.suffix == ".xz":
            code = lzma.decompress(code)
        depends = code.partition(b"\0depends=")[2].partition(b"\0")[0].decode()
        yield from _with_dependencies(folder, filter(None, depends.split(",")))
        yield f"{name}.ko", code


def _module_name(name: str) -> str:
    return name.partition(".")[0].replace("-", "_")

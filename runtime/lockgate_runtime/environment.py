"""Find out what this node lacks, before anything changes.

Each check raises a :class:`NodeError` that names the cure.
"""

from __future__ import annotations

import os
import re
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate_runtime.errors import NodeError
from lockgate_runtime.libbpf import load_libbpf

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate_runtime.manifest import Feature

OLDEST_KERNEL = (6, 1)
FIRST_PID_NAMESPACE = 0xEFFFFFFC
"""PROC_PID_INIT_INO of linux/proc_ns.h: the inode of the namespace that it starts with."""
_CAP_NET_ADMIN, _CAP_SYS_ADMIN, _CAP_BPF = 12, 21, 39


def check_node(root: Path, features: Iterable[Feature] = ()) -> None:
    """Check everything that loading below ``root`` needs."""
    check_verifying(features)
    check_bpffs(root)
    check_btf()
    load_libbpf()


def check_verifying(features: Iterable[Feature] = ()) -> None:
    """Check what asking the kernel's verifier needs: nothing is pinned or attached."""
    check_architecture()
    check_kernel(features)
    check_capabilities()


def check_architecture() -> None:
    """E5007 unless this is a little-endian 64-bit machine, which bundles are made for."""
    if sys.byteorder != "little" or struct.calcsize("P") != 8:
        raise NodeError(
            "E5007",
            f"bundles are for little-endian 64-bit kernels; this is {os.uname().machine}",
            "run this node's enforcement on x86_64, aarch64 or another such machine",
        )


def kernel_version() -> tuple[int, int]:
    """Return the running kernel's version."""
    return _version(os.uname().release)


def check_kernel(features: Iterable[Feature] = ()) -> None:
    """E5003 for a kernel that no bundle runs on, E5006 for one that this one does not."""
    running = kernel_version()
    if running < OLDEST_KERNEL:
        raise NodeError(
            "E5003",
            f"this kernel is {os.uname().release}",
            "use Linux 6.1 or newer (older ones also count BPF memory by RLIMIT_MEMLOCK)",
        )
    lacking = [f for f in features if running < _version(f.since)]
    if lacking:
        named = ", ".join(f"{f.name} (Linux {f.since})" for f in lacking)
        raise NodeError(
            "E5006",
            f"this kernel ({os.uname().release}) lacks what the bundle needs: {named}",
            "use a newer kernel, or compile without the policies that need it",
        )


def check_capabilities() -> None:
    """E5001 unless this process may use bpf(2) and change devices."""
    status = Path("/proc/self/status").read_text()
    match = re.search(r"^CapEff:\s*([0-9a-f]+)", status, re.MULTILINE)
    held = int(match[1], 16) if match else 0
    may_use_bpf = held & (1 << _CAP_BPF | 1 << _CAP_SYS_ADMIN)
    if not may_use_bpf or not held & 1 << _CAP_NET_ADMIN:
        raise permission_error()


def permission_error() -> NodeError:
    """Return the error for a process that may not do this."""
    return NodeError(
        "E5001",
        "this needs CAP_BPF and CAP_NET_ADMIN in the first user namespace",
        "run it as root (sudo), or in a container with both capabilities",
    )


def is_in_first_pid_namespace() -> bool:
    """Whether our numbers of processes are those of the kernel, which programs see."""
    return Path("/proc/self/ns/pid").stat().st_ino == FIRST_PID_NAMESPACE


def check_bpffs(root: Path) -> None:
    """E5002 unless ``root`` is to lie in a BPF file system."""
    mounts: dict[Path, str] = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        mounts[Path(fields.split()[4])] = rest.split()[0]  # a later mount hides
    around = next((p for p in (root, *root.parents) if p in mounts), None)
    if around is None or mounts[around] != "bpf":
        where = Path("/sys/fs/bpf") if root.is_relative_to("/sys/fs/bpf") else root
        raise NodeError(
            "E5002",
            f"{root} is not in a BPF file system",
            f"mount one: mount -t bpf bpf {where}",
        )
    if any("." in part for part in root.relative_to(around).parts):
        raise NodeError(
            "E5002",
            f"{root}: the BPF file system allows no dots in names",
            "choose another --root",
        )


def check_btf() -> None:
    """E5005 unless the kernel has its type information, which maps with timers need."""
    if not Path("/sys/kernel/btf/vmlinux").exists():
        raise NodeError(
            "E5005",
            "this kernel shows no BTF (/sys/kernel/btf/vmlinux)",
            "use a kernel built with CONFIG_DEBUG_INFO_BTF=y, and mount /sys",
        )


def _version(text: str) -> tuple[int, int]:
    match = re.match(r"(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)

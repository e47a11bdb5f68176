"""Run a command under another kernel: QEMU in software, seconds to boot, no privilege.

The guest sees the host's whole root file system, read-only with a writable layer in
memory on top, so every path (this tree, the Python environment) is the same in both.
It has veth, VLAN, SCTP, cls_bpf and ingress qdiscs, bpffs, cgroup2 and tracefs, and no
network of its own.  In the guest the command is root, whoever started it::

    python -m lockgate.vm 6.1 -- pytest -m kernel tests/kernel
    python -m lockgate.vm --append lsm=bpf --timeout 60 6.12 -- sh -c 'uname -r; ip link'

or in Python::

    done = Machine("6.1").run([sys.executable, "-m", "pytest", "..."], timeout=300)
    done.exit_code, done.output

What the command writes is lost with the guest, except in the folder that the caller gave to
:class:`Machine` as ``shared`` (the variable ``VM_SHARED`` in the guest).  Only the standard
library is used: ``dev`` imports this before anything is installed.
"""

from __future__ import annotations

from lockgate.vm.kernels import (
    BUSYBOX,
    SERIES,
    Kernel,
    KernelError,
    find_busybox,
    find_kernel,
    kernels_below,
    missing,
    newest_of,
)
from lockgate.vm.machine import Finished, Machine, MachineError
from lockgate.vm.packages import fetch_kernel, fetch_package, unpacked

__all__ = [
    "BUSYBOX",
    "SERIES",
    "Finished",
    "Kernel",
    "KernelError",
    "Machine",
    "MachineError",
    "fetch_kernel",
    "fetch_package",
    "find_busybox",
    "find_kernel",
    "kernels_below",
    "missing",
    "newest_of",
    "unpacked",
]

"""Run a command under another kernel: QEMU in software, seconds to boot, no privilege.

The guest sees the host's whole root file system, read-only with a writable layer in
memory on top, so every path (this tree, the Python environment) is the same in both.
It has veth, VLAN, SCTP, cls_bpf and ingress qdiscs, bpffs, cgroup2 and tracefs, and no
network of its own.  From the project's root::

    python -m lockgate.vm 6.1 -- pytest -m kernel tests/kernel
    python -m lockgate.vm --timeout 60 6.12 -- sh -c 'uname -r; ip link'

or in Python::

    done = Machine("6.1").run([sys.executable, "-m", "pytest", "..."], timeout=300)
    done.exit_code, done.output

What the command writes is lost with the guest, except in ``done.folder`` (the variable
``VM_SHARED`` in the guest), if the caller gave one to :class:`Machine`.
"""

from __future__ import annotations

from lockgate.vm.kernels import SERIES, Kernel, find_kernel, missing
from lockgate.vm.machine import Finished, Machine, MachineError

__all__ = [
    "SERIES",
    "Finished",
    "Kernel",
    "Machine",
    "MachineError",
    "find_kernel",
    "missing",
]

"""One boot of a kernel for one command."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from lockgate.faults import Fault
from lockgate.vm.external import ProgramError, working
from lockgate.vm.initramfs import build_initramfs
from lockgate.vm.kernels import (
    BUSYBOX,
    QEMU,
    Kernel,
    KernelError,
    cache_folders,
    find_busybox,
    find_kernel,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_GUEST = """cd {folder}
export PATH={tools}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 VM_SHARED={shared} {variables}
hostname lockgate-vm
ip link set lo up
ulimit -l unlimited
{command} > {shared}/output 2>&1 < /dev/null
echo $? > {shared}/exit_code
sync
echo o > /proc/sysrq-trigger
sleep 60
"""


_ENDED = (
    "give it more time or memory; the lines above are the end of what the guest said"
)


class MachineError(Fault):
    """The machine could not run the command; the text has the end of its console."""


@dataclass(frozen=True)
class Finished:
    """What a command did: output is standard output and error as they came."""

    exit_code: int
    output: str
    seconds: float


class Machine:
    """A kernel to run commands under, each in a fresh boot.

    ``kernel`` may be a series such as ``6.1``.  ``memory`` is in MiB.  ``shared`` is a folder
    of the host that the guest may write to, at the same path.  ``append`` goes to the kernel's
    command line, after ours: of parameters given twice (``lsm=``) the kernel takes the last.
    One CPU is emulated at half the cost of two, which pay for every atomic operation.
    With ``counts_instructions`` the guest's clock is what it executed, a nanosecond for each
    instruction, on one CPU: figures are repeatable whatever else this machine does.
    Raises :class:`KernelError` or :class:`MachineError` where something is not here.
    """

    def __init__(
        self,
        kernel: Kernel | str,
        *,
        cpus: int = 1,
        memory: int = 2048,
        shared: Path | None = None,
        append: Sequence[str] = (),
        counts_instructions: bool = False,
    ) -> None:
        if platform.machine() != "x86_64":
            raise MachineError(
                "E6554",
                f"other kernels are booted on x86-64 only; this is {platform.machine()}",
                "run it on x86-64: bundles are the same for every machine",
            )
        found = find_kernel(kernel) if isinstance(kernel, str) else kernel
        if found is None:
            raise KernelError(
                "E6551",
                f"no kernel {kernel} is here",
                "sudo ./dev test fetches those that it needs",
            )
        busybox = find_busybox()
        if busybox is None or not shutil.which(QEMU):
            lacking = {BUSYBOX: busybox, QEMU: shutil.which(QEMU)}
            raise MachineError(
                "E6550",
                f"not installed: {', '.join(n for n, here in lacking.items() if not here)}",
                "install them: apt-get install qemu-system-x86 busybox-static",
            )
        self.kernel: Kernel = found
        self._busybox = busybox
        self._cpus = 1 if counts_instructions else cpus
        self._counts_instructions = counts_instructions
        self._memory = memory
        self._shared = shared
        self._append = append

    def run(
        self,
        command: Sequence[str],
        *,
        timeout: float,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        echo: BinaryIO | None = None,
    ) -> Finished:
        """Run a command as root in the guest, in ``folder`` (default: the current one).

        ``timeout`` is in seconds and includes the boot.  The command gets variables of
        ours that begin with PYTHON, and those in ``environment``.  ``echo`` receives the
        output while it comes.  Raises :class:`MachineError` if the guest did not finish.
        QEMU has ended when this returns or raises, and dies with this process.
        """
        with tempfile.TemporaryDirectory(prefix="lockgate-vm-") as temporary:
            shared = self._shared or Path(temporary)
            if re.search(r"[\s,\"]", str(shared)):
                raise MachineError(
                    "E6550",
                    f"the folder {shared} cannot stand in a command line of QEMU",
                    "choose one without spaces, commas and quotes (TMPDIR)",
                )
            guest = _GUEST.format(
                folder=shlex.quote(str(folder or Path.cwd())),
                tools=shlex.quote(str(Path(sys.executable).parent)),
                shared=shlex.quote(str(shared)),
                variables=" ".join(
                    f"{name}={shlex.quote(value)}"
                    for name, value in (_inherited() | dict(environment or {})).items()
                ),
                command=shlex.join(command),
            )
            (shared / "guest.sh").write_text(guest)
            (shared / "output").write_bytes(b"")
            (shared / "exit_code").unlink(missing_ok=True)
            console = Path(temporary) / "console"
            start = time.monotonic()
            problem = self._boot(shared, console, start + timeout, echo)
            output = (shared / "output").read_text(errors="replace")
            try:
                exit_code = int((shared / "exit_code").read_text())
            except (FileNotFoundError, ValueError):
                tail = _tail(output) + _tail(console.read_text(errors="replace"))
                raise MachineError("E6553", f"{problem}\n{tail}", _ENDED) from None
            return Finished(exit_code, output, time.monotonic() - start)

    def _boot(
        self, shared: Path, console: Path, deadline: float, echo: BinaryIO | None
    ) -> str:
        """Run QEMU until it ends or the deadline passes; say which."""
        console.touch()
        try:
            with (
                (shared / "output").open("rb") as output,
                working(self._qemu(shared, console)) as qemu,
            ):
                while qemu.exit_code is None:
                    _relay(output, echo)
                    if time.monotonic() > deadline:
                        return "the command did not finish in time"
                    time.sleep(0.05)
                _relay(output, echo)
                return f"the guest died (QEMU's exit code {qemu.exit_code})"
        except ProgramError as error:
            raise MachineError("E6550", str(error), "install it") from None

    def _clock(self) -> tuple[str, ...]:
        if self._counts_instructions:
            counter = ("-icount", "shift=0,sleep=off")
            return ("-accel", "tcg,thread=single,tb-size=512", *counter)
        return ("-accel", "tcg,thread=multi,tb-size=512")

    def _qemu(self, shared: Path, console: Path) -> list[str]:
        initramfs = build_initramfs(
            self.kernel, self._busybox, cache_folders()[0] / "initramfs"
        )
        # panic=-1 with -no-reboot: a kernel that panics ends QEMU at once.
        append = (
            "console=ttyS0 quiet panic=-1 oops=panic mitigations=off nokaslr "
            f"tsc=reliable lsm=landlock,lockdown,yama,integrity,bpf SHARED={shared}"
        )
        share = "security_model=none,multidevs=remap"
        return [
            *(QEMU, "-nodefaults", "-display", "none", "-no-reboot"),
            *self._clock(),
            *("-cpu", "max"),
            *("-smp", str(self._cpus), "-m", str(self._memory)),
            *("-kernel", str(self.kernel.image), "-initrd", str(initramfs)),
            *(
                "-append",
                " ".join((append, *self._append)),
                "-serial",
                f"file:{console}",
            ),
            *("-fsdev", f"local,id=root,path=/,readonly=on,{share}"),
            *("-device", "virtio-9p-pci,fsdev=root,mount_tag=root"),
            *("-fsdev", f"local,id=shared,path={shared},{share}"),
            *("-device", "virtio-9p-pci,fsdev=shared,mount_tag=shared"),
            *("-object", "rng-random,id=random,filename=/dev/urandom"),
            *("-device", "virtio-rng-pci,rng=random"),
        ]


def _inherited() -> dict[str, str]:
    return {n: value for n, value in os.environ.items() if n.startswith("PYTHON")}


def _relay(output: BinaryIO, echo: BinaryIO | None) -> None:
    text = output.read()
    if echo is not None and text:
        echo.write(text)
        echo.flush()


def _tail(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines()[-20:])

"""Ask other kernels about a bundle: each boots under QEMU, as any user, and runs ``verify``."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.faults import Fault
from lockgate.vm import (
    BUSYBOX,
    KernelError,
    Machine,
    MachineError,
    fetch_kernel,
    fetch_package,
    find_busybox,
    find_kernel,
    kernels_below,
    newest_of,
    unpacked,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lockgate.vm import Kernel

_RESULT = "result.json"
_ATTESTED = (
    "object",
    "program",
    "section",
    "instructions",
    "verified_instructions",
    "total_states",
    "stack",
    "is_accepted",
)
"""Of a program's row; its time is not what a kernel says but how fast a machine was."""


def choose_kernels(
    series: Sequence[str], folder: Path | None, tell: Callable[[str], None]
) -> list[tuple[str, Kernel | Fault]]:
    """Return for each series its kernel, or why there is none; without series all of a folder.

    Without a folder what apt's sources offer is downloaded, once.
    """
    if find_busybox() is None:
        tell(f"downloading {BUSYBOX}")
        # Where it cannot be had, the machine says so, and what else it lacks.
        with suppress(KernelError):
            fetch_package(BUSYBOX)
    if folder is None:
        return [(each, _find_or_fetch(each, tell)) for each in series]
    if not folder.is_dir():
        raise KernelError("E6551", f"there is no folder {folder}", _LAYOUT)
    here = kernels_below(unpacked(folder))
    if not here:
        raise KernelError("E6551", f"there is no kernel in {folder}", _LAYOUT)
    if not series:
        return [(one.release, one) for one in here]
    return [(each, newest_of(each, here) or _no_such(each, here)) for each in series]


_LAYOUT = (
    "a kernel is a package (linux-image-*.deb), or an image boot/vmlinuz-RELEASE and its "
    "modules lib/modules/RELEASE"
)


def _find_or_fetch(series: str, tell: Callable[[str], None]) -> Kernel | Fault:
    found = find_kernel(series)
    if found is None:
        tell(f"downloading a kernel {series}")
        try:
            fetch_kernel(series)
        except KernelError as error:
            return error
        found = find_kernel(series)
    return found or _no_such(series, [])


def _no_such(series: str, here: Sequence[Kernel]) -> KernelError:
    releases = ", ".join(one.release for one in here)
    cure = f"the folder has {releases}" if releases else _LAYOUT
    return KernelError("E6551", f"there is no kernel {series}", cure)


def try_on(
    kernel: Kernel, paths: Sequence[Path], packets: int, seconds: float
) -> list[dict[str, Any]]:
    """Boot a kernel once, and return what ``lockgate verify`` finds there about each path.

    Bundles and objects are copied: what the guest reads cannot change meanwhile.  Raises
    :class:`Fault` where nothing was found out.
    """
    with tempfile.TemporaryDirectory(prefix="lockgate-verify-") as folder:
        shared = Path(folder)
        targets = [_copy(path, shared / str(n)) for n, path in enumerate(paths)]
        machine = Machine(kernel, shared=shared)
        verify = [sys.executable, "-m", "lockgate.cli", "verify", *map(str, targets)]
        options = ["--packets", str(packets), "-o", "json"]
        redirected = f'exec "$@" > {_RESULT}'
        done = machine.run(
            ["sh", "-c", redirected, "sh", *verify, *options],
            timeout=seconds,
            folder=shared,
        )
        text = (shared / _RESULT).read_text() if (shared / _RESULT).exists() else ""
    return _read_results(text, done.output)


def _copy(path: Path, folder: Path) -> Path:
    folder.mkdir()
    target = folder / path.resolve().name
    if path.is_dir():
        shutil.copytree(path, target)
    else:
        shutil.copy(path, target)
    return target


def _read_results(text: str, errors: str) -> list[dict[str, Any]]:
    """Read what the guest's ``verify`` printed; a fault there is one here."""
    try:
        answer = json.loads(text)
    except ValueError:
        raise MachineError(
            "E6553",
            f"the guest's verifier gave no answer\n{errors}",
            "the lines above are what it said instead",
        ) from None
    for error in answer["diagnostics"]:
        raise Fault(error["code"], error["message"], error["help"])
    results: list[dict[str, Any]] = answer["results"]
    for result in results:
        del result["path"]
    return results


def findings(result: dict[str, Any]) -> dict[str, Any]:
    """Return what an attestation says of a result: everything but times."""
    return {
        "kernel": result["kernel"],
        "outcome": result["outcome"],
        "programs": [
            {name: row[name] for name in _ATTESTED if name in row}
            for row in result["programs"]
        ],
        "packets": result["packets"],
    }

"""``lockgate verify``: what kernels say of a bundle, this one or others under QEMU."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.faults import Fault

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from lockgate.vm import Kernel
    from lockgate_runtime.errors import NodeError
    from lockgate_runtime.manifest import Manifest

EXAMPLES = """
  lockgate verify bundle/                        the running kernel's verifier (root)
  lockgate verify bundle/ --packets 5000         and packets through the loaded programs
  lockgate verify bundle/ --kernel 6.1,6.12      other kernels, under QEMU, as any user
  lockgate verify bundle/ --kernels kernels/     every kernel in a folder
  lockgate verify bundle/objects/tc.o -o json
"""

PACKETS = 4000
"""Packets for another kernel: seconds in emulation."""

OUTCOMES = ("accepted", "refused", "unknown")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Ask a kernel's verifier about every program of a bundle, and let packets through the "
        "loaded programs: each must meet the decision that the tables say.  Nothing is "
        "attached.  With --kernel or --kernels other kernels are booted under QEMU, which "
        "takes no privilege, and what each said is written beside the bundle "
        "(BUNDLE.verify-RELEASE.json).  Exit codes: 0 accepted, 1 refused, or a packet "
        "differs, 2 a kernel could not be asked."
    )
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="BUNDLE|OBJECT",
        help="bundles, or objects (the verifier alone)",
    )
    parser.add_argument(
        "--kernel",
        default="",
        metavar="LIST",
        help="series such as 6.1,6.12 (the newest of each), or releases; from --kernels, "
        "else Debian's packages by apt, without installing them",
    )
    parser.add_argument(
        "--kernels",
        type=Path,
        metavar="DIR",
        help="a folder of kernels: packages (linux-image-*.deb), or unpacked",
    )
    parser.add_argument(
        "--packets",
        type=int,
        metavar="N",
        help=f"how many packets to send at most, 0 for none (default: {PACKETS} for other "
        "kernels, none for the running one)",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=600,
        metavar="SECONDS",
        help="for each kernel, with its boot (default: 600)",
    )
    parser.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="default: text"
    )


def run(arguments: argparse.Namespace) -> int:
    """Ask, print, attest; return the exit code."""
    from lockgate.cli.messages import diagnose
    from lockgate.results import print_results
    from lockgate_runtime.errors import NodeError
    from lockgate_runtime.verbs import REFUSED, exit_code

    results: list[dict[str, Any]] = []
    try:
        _check_numbers(arguments)
        for result in _results(arguments):
            _show(arguments, result, is_first=not results)
            results.append(result)
    except (Fault, NodeError) as error:
        if arguments.output == "json":
            print(print_results([], {}, [diagnose(error)]), end="")
        print(error.render(), file=sys.stderr)
        is_refused = isinstance(error, NodeError) and exit_code(error) == REFUSED
        return 1 if is_refused else 2
    counts = Counter(result["outcome"] for result in results)
    if arguments.output == "json":
        summary = {each: counts[each] for each in OUTCOMES}
        print(print_results(results, summary), end="")
    return 2 if counts["unknown"] else 1 if counts["refused"] else 0


def error_fields(error: Fault | NodeError) -> dict[str, str]:
    """Return a fault as ``-o json`` has it."""
    cure = error.help if isinstance(error, Fault) else error.cure
    return {"code": error.code, "message": error.message, "help": cure}


def is_object(path: Path) -> bool:
    """Tell whether a path is one object and not a bundle."""
    return path.suffix == ".o" and path.is_file()


def _check_numbers(arguments: argparse.Namespace) -> None:
    if (arguments.packets or 0) < 0 or arguments.timeout <= 0:
        raise Fault(
            "E2203",
            "--packets and --timeout cannot be negative",
            "--packets 0 sends none",
        )


def _show(
    arguments: argparse.Namespace, result: dict[str, Any], *, is_first: bool
) -> None:
    """Print one kernel's answer, with a line between two of them."""
    from lockgate.cli.verify_text import print_result

    if arguments.output == "text":
        print("" if is_first else "\n", print_result(result), sep="", flush=True)


def _results(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    if arguments.kernel or arguments.kernels:
        return _other_kernels(arguments)
    return _this_kernel(arguments)


def _this_kernel(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    from lockgate.cli.kernel_check import check_on_this_kernel
    from lockgate_runtime.environment import check_verifying

    check_verifying()
    for path in arguments.paths:
        try:
            found = check_on_this_kernel(path, arguments.packets or 0)
        except Fault as error:
            found = unknown(os.uname().release, error)
        yield {"path": str(path), **found}


def _other_kernels(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    from lockgate.cli.kernel_trials import choose_kernels
    from lockgate.cli.terminal import progress
    from lockgate_runtime.bundle import Bundle

    # Before anything boots: a bundle that is none is told at once.
    manifests = {
        path: None if is_object(path) else Bundle.open(path).manifest
        for path in dict.fromkeys(arguments.paths)
    }
    series = _series(arguments)
    with progress() as tell:
        kernels = choose_kernels(series, arguments.kernels, tell)
    for name, kernel in kernels:
        try:
            found = _try_on(arguments, kernel, list(manifests))
        except Fault as error:
            row = unknown(name if isinstance(kernel, Fault) else kernel.release, error)
            found = [row for _ in manifests]
        for (path, manifest), one in zip(manifests.items(), found, strict=True):
            result = _unless_changed(path, manifest, one)
            yield {"path": str(path), **result, **_attest(path, manifest, result)}


def _series(arguments: argparse.Namespace) -> list[str]:
    """Return the series of --kernel, each once; none mean every kernel of --kernels."""
    words = (each.strip() for each in arguments.kernel.split(","))
    series = list(dict.fromkeys(filter(None, words)))
    if not series and arguments.kernels is None:
        raise Fault("E2203", "--kernel names no kernel", "such as --kernel 6.1,6.12")
    return series


def _try_on(
    arguments: argparse.Namespace, kernel: Kernel | Fault, paths: list[Path]
) -> list[dict[str, Any]]:
    from lockgate.cli.kernel_trials import try_on
    from lockgate.cli.terminal import progress

    if isinstance(kernel, Fault):
        raise kernel
    packets = PACKETS if arguments.packets is None else arguments.packets
    with progress() as tell:
        tell(f"asking Linux {kernel.release}")
        return try_on(kernel, paths, packets, arguments.timeout)


def unknown(kernel: str, error: Fault | NodeError) -> dict[str, Any]:
    """Return the result where a kernel could not be asked."""
    return {
        "kernel": kernel,
        "outcome": "unknown",
        "programs": [],
        "packets": None,
        "error": error_fields(error),
    }


def _unless_changed(
    path: Path, manifest: Manifest | None, found: dict[str, Any]
) -> dict[str, Any]:
    """Return a result; one about another bundle than was opened here is worth nothing."""
    judged = found.get("digest")
    if manifest is None or judged in (None, manifest.digest):
        return found
    error = Fault(
        "E6556", f"{path} was replaced while it was being judged", "judge it once more"
    )
    return unknown(found["kernel"], error)


def _attest(
    path: Path, manifest: Manifest | None, found: dict[str, Any]
) -> dict[str, str]:
    """Write down beside a bundle what a kernel said of it; return where."""
    from lockgate.attestation import print_attestation, write_attestation
    from lockgate.cli.kernel_trials import findings

    if manifest is None or found["outcome"] == "unknown":
        return {}
    text = print_attestation(manifest, "verify", findings(found))
    place = write_attestation(path, f"verify-{found['kernel']}", text)
    return {"attestation": str(place)}

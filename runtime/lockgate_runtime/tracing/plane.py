"""A bundle's tracing plane: which of its targets is this kernel, and what stands there.

::

    tracing/process.o             the process sensor, for every kernel
    tracing/TARGET/target.json    release, machine, and a hash of the types of that kernel
    tracing/TARGET/sites.json     what is attached where
    tracing/TARGET/*.o *.bin      programs and tables
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lockgate_runtime.errors import NodeError
from lockgate_runtime.target.facts import read_security_modules
from lockgate_runtime.tracing.sites import SITES, Sites, SitesError, read_sites

if TYPE_CHECKING:
    from lockgate_runtime.bundle import Bundle

FOLDER, TARGET = "tracing", "target.json"
_TYPES = Path("/sys/kernel/btf/vmlinux")


class TargetFacts(NamedTuple):
    """What tells kernels apart; ``types`` is SHA-256 of their BTF."""

    name: str
    release: str
    machine: str
    types: str

    @property
    def series(self) -> str:
        """``6.12`` of ``6.12.3-amd64``."""
        match = re.match(r"\d+\.\d+", self.release)
        return match[0] if match else self.release


@dataclass(frozen=True)
class TracingPlane:
    """What a bundle does on this kernel; ``folder`` has the objects and tables."""

    target: TargetFacts
    folder: Path
    sensor: bytes
    sites: Sites


def open_plane(bundle: Bundle) -> TracingPlane | None:
    """Return the bundle's plane for this kernel, None where it traces nothing.

    E5140 when it has none for this kernel, E5142 when this kernel would not run its programs.
    """
    names = sorted(
        name.split("/")[1]
        for name in bundle.manifest.files
        if re.fullmatch(f"{FOLDER}/[^/]+/{TARGET}", name)
    )
    if not names:
        return None
    top = bundle.directory / FOLDER
    facts = [_read_target(top / name) for name in names]
    chosen = choose_target(facts, running_kernel())
    folder = top / chosen.name
    try:
        sites = read_sites(folder / SITES)
        sensor = (top / "process.o").read_bytes()
    except (SitesError, OSError) as error:
        raise _damaged(error) from None
    _check_security_modules(sites)
    return TracingPlane(chosen, folder, sensor, sites)


def objects_for_this_kernel(bundle: Bundle) -> list[Path]:
    """Return every object that would be loaded here: the network's, then those of tracing.

    E5140 when the bundle traces, and not on this kernel.
    """
    objects = sorted(bundle.objects.values())
    plane = open_plane(bundle)
    if plane:
        objects.append(plane.folder.parent / "process.o")
        objects += sorted(plane.folder.glob("*.o"))
    return objects


def running_kernel() -> TargetFacts:
    """Return the facts of this kernel."""
    system = os.uname()
    types = hashlib.sha256(_TYPES.read_bytes()).hexdigest() if _TYPES.exists() else ""
    return TargetFacts("", system.release, system.machine, types)


def choose_target(targets: list[TargetFacts], kernel: TargetFacts) -> TargetFacts:
    """Return the target that is most like the kernel: same types, release, or series.

    Within a series the programs relocate themselves (CO-RE), and a place that is missing is
    told when it is attached to.  E5140 where none is alike.
    """
    ranked = [
        (rank, target.name, target)
        for target in targets
        for rank, is_alike in enumerate(
            (
                bool(kernel.types) and target.types == kernel.types,
                target.release == kernel.release,
                target.series == kernel.series,
            )
        )
        if is_alike and target.machine == kernel.machine
    ]
    if ranked:
        return min(ranked)[2]
    offered = ", ".join(f"{t.name} ({t.release} {t.machine})" for t in targets)
    raise NodeError(
        "E5140",
        f"the bundle traces on {offered}, and this kernel is {kernel.release} "
        f"{kernel.machine}",
        "record this kernel (sudo lockgate target record DIR), and compile again with "
        "--target NAME=DIR",
    )


def _read_target(folder: Path) -> TargetFacts:
    try:
        value = json.loads((folder / TARGET).read_bytes())
        return TargetFacts(
            folder.name, value["release"], value["machine"], value["types"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(error) from None


def _check_security_modules(sites: Sites) -> None:
    modules = read_security_modules()
    if "lsm" in sites.stands and "bpf" not in modules:
        raise NodeError(
            "E5142",
            "the bundle denies at LSM hooks, and this kernel asks no BPF program there "
            f"(its security modules: {', '.join(modules) or 'unknown'})",
            f"boot with lsm={','.join((*modules, 'bpf'))}, or compile for this kernel as it "
            "is (sudo lockgate target record DIR)",
        )


def _damaged(error: Exception) -> NodeError:
    return NodeError(
        "E5010",
        f"the bundle's tracing plane is damaged: {error}",
        "compile it again with this Lockgate",
    )

"""The tracing plane of a bundle: programs for each target, the sensor, and what they are in words.

::

    tracing/process.{c,o}         the process sensor, for every kernel
    tracing/pods.json             names of the snapshot's pods and containers, for events
    tracing/*.h                   what all programs include
    tracing/TARGET/target.json    release, machine, and a hash of the types of that kernel
    tracing/TARGET/sites.json     what is attached where, and the policies
    tracing/TARGET/deeds.json     whom enforcing selectors would hit, for the guard of apply
    tracing/TARGET/*.{c,o}        programs; their tables are *.bin and *.keys, *.txt for review
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lockgate.codegen.render import render
from lockgate.codegen.tracing.pods import describe_pods
from lockgate.codegen.tracing_header import tracing_headers
from lockgate.toolchain.clang import compile_c
from lockgate.toolchain.elf import read_elf
from lockgate.tracing_deeds import describe_deeds
from lockgate_runtime.manifest import SCHEMAS, Link, Program, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from lockgate.codegen.tracing import TracingBuild
    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.cluster import Cluster
    from lockgate.ir.tracing import TracingPolicy
    from lockgate.targets.target import Target
    from lockgate.toolchain.elf import Elf

_FOLDER = "tracing"
_SENSOR = "process"
_PODS = "pods.json"
"""See :mod:`lockgate_runtime.tracing.pod_names`."""


@dataclass(frozen=True, slots=True)
class Compiling:
    """How objects are made: the compiler (None: the pinned one), and the cache's folder."""

    clang: str | None = None
    cache: Path | None = None


@dataclass(frozen=True, slots=True)
class TargetPlane:
    """One target's programs: what the generator gave, and the objects by name."""

    name: str
    facts: Mapping[str, str]
    build: TracingBuild
    objects: Mapping[str, bytes]

    @property
    def folder(self) -> str:
        """Its folder in the bundle."""
        return f"{_FOLDER}/{self.name}"


@dataclass(frozen=True, slots=True)
class Plane:
    """Everything of tracing in a bundle."""

    targets: tuple[TargetPlane, ...]
    sensor_source: str
    sensor: bytes
    headers: Mapping[str, str]
    deeds: Sequence[Mapping[str, Any]]
    pods: Sequence[Mapping[str, Any]] = ()

    def files(self) -> dict[str, bytes]:
        """Return the bundle's files of tracing, by name."""
        found = {
            f"{_FOLDER}/{_SENSOR}.c": self.sensor_source.encode(),
            f"{_FOLDER}/{_SENSOR}.o": self.sensor,
        }
        found |= {f"{_FOLDER}/{n}": text.encode() for n, text in self.headers.items()}
        if self.pods:
            found[f"{_FOLDER}/{_PODS}"] = _to_json(self.pods)
        for target in self.targets:
            parts: dict[str, bytes] = {
                "target.json": _to_json(target.facts),
                "sites.json": _to_json(target.build.sites),
                "deeds.json": _to_json(self.deeds),
            }
            parts |= {
                name: text.encode()
                for name, text in target.build.sources.items()
                if self.headers.get(name) != text
            }
            parts |= target.build.tables
            parts |= target.objects
            found |= {f"{target.folder}/{name}": part for name, part in parts.items()}
        return found

    def elves(self) -> dict[str, Elf]:
        """Return what each object holds, by its name in the bundle."""
        found = {f"{_FOLDER}/{_SENSOR}.o": read_elf(self.sensor)}
        for target in self.targets:
            for name, elf in target.objects.items():
                found[f"{target.folder}/{name}"] = read_elf(elf)
        return found

    def programs(self) -> Iterator[Program]:
        """Yield each program for the manifest."""
        for name, elf in self.elves().items():
            stem = name.rpartition("/")[2].removesuffix(".o")
            kind = {_SENSOR: "tracing_process", "classify": "tracing_classify"}.get(
                stem, "tracing_site"
            )
            for one in elf.programs:
                yield Program(
                    kind,
                    SCHEMAS["programs"][kind],
                    one.name,
                    name,
                    one.section,
                    one.size,
                )

    def links(self) -> Iterator[Link]:
        """Yield each place where something is attached, over all targets once."""
        found = {
            (row["stand"], row["program"], function)
            for target in self.targets
            for row in target.build.sites["sites"]
            for function in row["functions"]
        }
        for stand, program, function in sorted(found):
            yield Link(stand, 1, program, function)

    def tables(self) -> Iterator[Table]:
        """Yield each table for the manifest."""
        for target in self.targets:
            for row in target.build.sites.get("tables", ()):
                size = len(target.build.tables[row["file"]]) // max(1, row["records"])
                file = f"{target.folder}/{row['file']}"
                yield Table("tracing_values", 1, file, size, row["records"])


def compile_plane(
    builds: Mapping[str, tuple[Mapping[str, str], TracingBuild]],
    policies: Sequence[TracingPolicy],
    diagnostics: Diagnostics,
    compiling: Compiling,
    cluster: Cluster | None = None,
) -> Plane | None:
    """Compile what the generator gave, by target's name with its facts; None after errors."""
    headers = tracing_headers()
    source = render("tracing/process.c.j2")
    sensor = _compile(headers | {f"{_SENSOR}.c": source}, diagnostics, compiling)
    targets = []
    for name, (facts, build) in sorted(builds.items()):
        objects = _compile(headers | dict(build.sources), diagnostics, compiling)
        targets.append(TargetPlane(name, facts, build, objects))
    if not diagnostics.ok:
        return None
    return Plane(
        tuple(targets),
        source,
        sensor[f"{_SENSOR}.o"],
        headers,
        list(describe_deeds(policies, cluster)),
        list(describe_pods(cluster)) if cluster else (),
    )


def describe_target(target: Target) -> dict[str, str]:
    """Return what tells this kernel from others."""
    return {
        "release": target.release,
        "machine": target.machine,
        "types": target.types_digest,
    }


def _compile(
    sources: Mapping[str, str], diagnostics: Diagnostics, compiling: Compiling
) -> dict[str, bytes]:
    return compile_c(
        sources, diagnostics, clang=compiling.clang, cache_folder=compiling.cache
    )


def _to_json(value: object) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()

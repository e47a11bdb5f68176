"""Small policies as verdict tables, and bundles of them: input for tests of the runtime.

Not made by the front end: a test here says which cell allows, so that it can only fail for
what the runtime and the datapath do.
"""

from __future__ import annotations

import functools
from array import array
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from lockgate.artifact import describe_bundle, seal_bundle, write_bundle
from lockgate.codegen.pack import pack_tables
from lockgate.codegen.program import render_programs
from lockgate.codegen.shape import choose_shape
from lockgate.diagnostics import Diagnostics
from lockgate.ir.cluster import Attachment
from lockgate.ir.labels import Label
from lockgate.ir.policy import Direction, Tier
from lockgate.ir.tables import (
    AddressEntry,
    Decision,
    EndpointEntry,
    HostEntry,
    Identity,
    Outcome,
    PeerEntry,
    PortAtoms,
    Rows,
    RuleEntry,
    Tables,
    VerdictTable,
)
from lockgate.options import Options
from lockgate.toolchain.clang import compile_c, find_compiler
from lockgate.toolchain.elf import read_elf
from lockgate.vm.kernels import cache_folders
from lockgate_runtime.manifest import Toolchain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lockgate.tracing_plane import Plane

CACHE = cache_folders()[0]
"""Objects by the hash of their C: a guest kernel's tests find those of the host there."""

NODE = "node-1"
WORLD, HOST = "world", "host"
AXES = {"tcp": 0, "udp": 1, "sctp": 2, "icmp": 3, "icmpv6": 4}
_WORLD_IDENTITY, _HOST_IDENTITY, _FIRST_IDENTITY = 2, 1, 256


@dataclass(frozen=True)
class Allow:
    """One rule: this peer, at this port of this protocol (None: any protocol and port)."""

    peer: str
    protocol: str | None = None
    port: int | None = None
    outcome: Outcome = Outcome.ALLOW


@dataclass(frozen=True)
class Pod:
    """An endpoint; ``ingress`` or ``egress`` None is a direction that no policy isolates."""

    name: str
    addresses: tuple[str, ...]
    ingress: tuple[Allow, ...] | None = None
    egress: tuple[Allow, ...] | None = None
    interface: str | None = None
    cgroup: str | None = None
    node: str | None = NODE
    default: Outcome = Outcome.DENY


@dataclass(frozen=True)
class Node:
    """The host as a subject."""

    addresses: tuple[str, ...] = ()
    ingress: tuple[Allow, ...] | None = None
    egress: tuple[Allow, ...] | None = None
    name: str = NODE

    @property
    def is_enforced(self) -> bool:
        """Whether a policy selects it."""
        return self.ingress is not None or self.egress is not None


@dataclass
class _Builder:
    """Collects rules, decisions and tables."""

    classes: Mapping[str, int]
    starts: list[list[int]]
    rules: list[RuleEntry] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    tables: list[VerdictTable] = field(default_factory=list)

    @property
    def atoms(self) -> int:
        return sum(map(len, self.starts))

    def decision(self, outcome: Outcome, name: str, effect: str) -> int:
        number = 1000 + len(self.rules)
        self.rules.append(RuleEntry(number, name, (), (), effect))
        rule = len(self.rules) - 1
        self.decisions.append(
            Decision(outcome, rule, 0, (rule,), ((Tier.NORMAL, rule),))
        )
        return len(self.decisions) - 1

    def atoms_of(self, allow: Allow) -> list[int]:
        if allow.protocol is None:
            return list(range(self.atoms))
        axis = AXES[allow.protocol]
        first = sum(map(len, self.starts[:axis]))
        starts = self.starts[axis]
        if allow.port is None:
            return list(range(first, first + len(starts)))
        return [first + starts.index(allow.port)]

    def table(
        self,
        subject: str,
        direction: Direction,
        rules: Sequence[Allow] | None,
        default: Outcome = Outcome.DENY,
    ) -> int:
        """Add the table of one subject; None is "no policy", which is there already."""
        word = direction.name.lower()
        if rules is None:
            return 0 if direction is Direction.INGRESS else 1
        deny = self.decision(default, f"default-deny/{word}#{subject}", "default-deny")
        cells = array("I", [deny] * (len(self.classes) * self.atoms))
        for number, rule in enumerate(rules):
            decision = self.decision(
                rule.outcome, f"Test/default/{subject}#{word}[{number}]", "allow"
            )
            for atom in self.atoms_of(rule):
                cells[self.classes[rule.peer] * self.atoms + atom] = decision
        self.add(direction, Rows.of(range(len(self.classes))), cells)
        return len(self.tables) - 1

    def add(self, direction: Direction, rows: Rows, cells: array[int]) -> None:
        intervals = array("H", range(self.atoms))
        self.tables.append(
            VerdictTable(direction, (), rows, intervals, self.atoms, cells)
        )


def build_tables(pods: Sequence[Pod], node: Node | None = None) -> Tables:
    """Build the tables of a node with these endpoints."""
    node = node or Node()
    names = [WORLD, HOST, *(pod.name for pod in pods)]
    subjects: tuple[Pod | Node, ...] = (*pods, node)
    every = [r for s in subjects for r in (*(s.ingress or ()), *(s.egress or ()))]
    starts: list[list[int]] = [[0] for _ in range(6)]
    for rule in every:
        if rule.protocol is not None and rule.port is not None:
            axis = starts[AXES[rule.protocol]]
            axis[:] = sorted({*axis, rule.port, rule.port + 1})
    builder = _Builder({name: i for i, name in enumerate(names)}, starts)
    same = Rows.of([0] * len(names))
    for direction in (Direction.INGRESS, Direction.EGRESS):
        word = direction.name.lower()
        number = builder.decision(Outcome.ALLOW, f"no-policy/{word}", "no-policy")
        builder.add(direction, same, array("I", [number] * builder.atoms))
    endpoints = [
        EndpointEntry(
            "default",
            pod.name,
            pod.node,
            _FIRST_IDENTITY + i,
            tuple(map(ip_address, pod.addresses)),
            builder.table(pod.name, Direction.INGRESS, pod.ingress, pod.default),
            builder.table(pod.name, Direction.EGRESS, pod.egress, pod.default),
            Attachment(pod.interface, pod.cgroup)
            if pod.interface or pod.cgroup
            else None,
        )
        for i, pod in enumerate(pods)
    ]
    host = HostEntry(
        node.name,
        _HOST_IDENTITY,
        tuple(map(ip_address, node.addresses)),
        builder.table("host", Direction.INGRESS, node.ingress),
        builder.table("host", Direction.EGRESS, node.egress),
        False,
        node.is_enforced,
    )
    identities = [_WORLD_IDENTITY, _HOST_IDENTITY]
    identities += range(_FIRST_IDENTITY, _FIRST_IDENTITY + len(pods))
    return Tables(
        identities=tuple(
            Identity(number, (Label("test", name),), name)
            for number, name in sorted(zip(identities, names, strict=True))
        ),
        peers=tuple(
            # An endpoint's own address stays its own; any other one of the host is the host.
            PeerEntry(
                number, place, place if place > 1 else 1, place if place > 1 else 1
            )
            for place, number in enumerate(identities)
        ),
        class_count=len(names),
        addresses=tuple(
            AddressEntry.of(ip_network(text), place)
            for text, place in sorted(
                {
                    "0.0.0.0/0": 0,
                    "::/0": 0,
                    **{a: i for i, pod in enumerate(pods, 2) for a in pod.addresses},
                }.items()
            )
        ),
        atoms=PortAtoms(tuple(map(tuple, starts))),
        tables=tuple(builder.tables),
        decisions=tuple(builder.decisions),
        rules=tuple(builder.rules),
        endpoints=tuple(endpoints),
        hosts=(host,),
    )


@functools.cache
def _compiled(sources: tuple[tuple[str, str], ...]) -> dict[str, bytes]:
    diagnostics = Diagnostics()
    objects = compile_c(dict(sources), diagnostics, cache_folder=CACHE / "objects")
    assert objects, diagnostics
    return objects


def make_bundle(folder: Path, pods: Sequence[Pod], node: Node | None = None) -> Path:
    """Write the bundle of these endpoints, and return its folder."""
    return write_tables(folder, build_tables(pods, node))


def write_tables(folder: Path, tables: Tables, plane: Plane | None = None) -> Path:
    """Write a bundle of these tables and a tracing plane, and return its folder."""
    packed = pack_tables(tables)
    sources = render_programs(choose_shape(tables))
    objects = _compiled(tuple(sorted(sources.items())))
    compiler = find_compiler()
    manifest = describe_bundle(
        packed,
        {name.removesuffix(".o"): read_elf(elf) for name, elf in objects.items()},
        Toolchain(compiler.name, compiler.version, compiler.clang),
        Options(),
        plane,
    )
    files = {f"objects/{name}": content for name, content in objects.items()}
    files |= {f"tables/{name}": content for name, content in packed.items()}
    files |= plane.files() if plane else {}
    write_bundle(seal_bundle(manifest, files), folder)
    return folder

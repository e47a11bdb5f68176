"""The programs of a shape, loaded with tables and without any device: a node in a box.

Packets go through the stubs with BPF_PROG_TEST_RUN, which runs them on the loopback device.
Its one ``interfaces`` entry is rewritten for each endpoint, which keeps an attachment of its
own.
"""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.codegen.pack import pack_tables
from lockgate.codegen.program import render_programs
from lockgate.codegen.shape import Feature, Shape
from lockgate.diagnostics import Diagnostics
from lockgate.toolchain import compile_c
from lockgate.vm.kernels import cache_folders
from lockgate_runtime import layout
from lockgate_runtime.bpf_object import Object
from lockgate_runtime.layout import value_of
from lockgate_runtime.libbpf import RingBuffer
from lockgate_runtime.maps import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from lockgate.ir.tables import Tables
    from lockgate_runtime.bpf import Map, Program
    from lockgate_runtime.program_runs import TestRun

FEATURES = (
    "prefixes_v6",
    "more_addresses",
    "host_policy",
    "audit",
    "unenforced",
    "cgroups",
)
TC_HOOKS = ("from_endpoint", "to_endpoint", "from_network", "to_network")
CGROUP_HOOKS = ("cgroup_ingress", "cgroup_egress")

HZ = 250
"""Jiffies in a second, for the node: a test does not wait, it rewrites entries."""

CONFIG = {
    "host_mark": 0x40000000,
    "event_rate": 1000000,
    "timeout_syn": 60 * HZ,
    "timeout_established": 6 * 3600 * HZ,
    "timeout_closing": 10 * HZ,
    "timeout_other": 120 * HZ,
    "timeout_new": 30 * HZ,
    "jiffies_per_second": HZ,
}

PASS, DROP = 0xFFFFFFFF, 2
"""Answers of tc programs: TC_ACT_UNSPEC and TC_ACT_SHOT."""

LOOPBACK = 1
"""The ifindex of the device that test packets come from."""

_EXTRA_SIZES = {
    "endpoint_addresses": 64,
    "flows": 65536,
    "flows_new": 65536,
    "event_state": 65536,
}


SWEEP_STEP = Path(__file__).with_name("sweep_step.c")


@cache
def compile_shape(*features: str) -> dict[str, bytes]:
    """Compile the programs with some features in use, and one for a step of the sweeper."""
    shape = Shape(tuple(Feature(name, name in features, "a test") for name in FEATURES))
    sources = {**render_programs(shape), SWEEP_STEP.name: SWEEP_STEP.read_text()}
    diagnostics = Diagnostics()
    # The virtual machines, which are slow, find what the host has compiled.
    folder = cache_folders()[0] / "objects"
    objects = compile_c(sources, diagnostics, cache_folder=folder)
    assert not diagnostics.found, diagnostics.found
    return objects


@dataclass(frozen=True)
class Member:
    """An endpoint of the node: who it is, and its policies (numbers)."""

    identity: int
    ingress: int
    egress: int
    addresses: tuple[str, ...] = ()
    flags: int = 0


class Node:
    """Loaded programs and their maps."""

    def __init__(
        self,
        tables: Tables,
        members: Mapping[str, Member],
        *,
        features: tuple[str, ...] = FEATURES,
        generation: int = 1,
        older: Node | None = None,
        place: int = 0,
        sizes: Mapping[str, int] | None = None,
        **config: int,
    ) -> None:
        """Load a generation; ``older`` lends the maps that outlive one.

        ``members["host"]`` is the host.  ``place`` is where the programs go.
        """
        self.maps: dict[str, Map] = {}
        self.programs: dict[str, Program] = {}
        self.stubs: dict[str, Program] = {}
        self._ring: RingBuffer | None = None
        self._shared = (
            {n: m for n, m in older.maps.items() if n not in TABLES} if older else {}
        )
        self._members = dict(members)
        self._numbers = {"host": 0}
        for name in members:
            self._numbers.setdefault(name, len(self._numbers))
        self._content = _contents(tables)
        self._content["endpoints"] = self._endpoints()
        self._content["interfaces"] = layout.INTERFACE.pack()
        self._sizes = {**_EXTRA_SIZES, **(sizes or {})}
        self._config = layout.CONFIG.pack(
            generation=generation, interface_mask=0, **{**CONFIG, **config}
        )
        objects = compile_shape(*features)
        for name in ("stub_tc", "stub_cgroup", "tc", "cgroup", "sweep", "sweep_step"):
            if name + ".o" in objects:
                self._load(name, objects[name + ".o"])
        self._fill()
        self.put_in_place(place)
        if not older:
            self.switch(place)

    def __enter__(self) -> Node:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give everything back to the kernel."""
        if self._ring is not None:
            self._ring.close()
        for one in (*self.programs.values(), *self.stubs.values()):
            one.close()
        for name, target in self.maps.items():
            if name not in self._shared:
                target.close()

    # ------------------------------------------------------------ loading

    def _load(self, name: str, elf: bytes) -> None:
        with Object(name, elf) as target:
            for map_name in target.maps:
                self._prepare(target, map_name)
            if target.has_constant("config"):
                target.set_constant("config", self._config)
            if target.has_constant("endpoint"):
                target.set_constant("endpoint", _u32(LOOPBACK))
            target.load()
            for map_name in target.maps:
                if "." in map_name or map_name in self.maps:
                    continue
                if map_name in self._shared:
                    self.maps[map_name] = self._shared[map_name]
                else:
                    self.maps[map_name] = target.map(map_name)
            for program in target.programs:
                into = self.stubs if program.startswith("stub_") else self.programs
                into[program.removeprefix("stub_")] = target.program(program)

    def _prepare(self, target: Object, name: str) -> None:
        """Give an object a map that exists, or the size of one that does not."""
        existing = self.maps.get(name) or self._shared.get(name)
        if existing:
            target.reuse(name, existing)
        elif name in self._content:
            entries = -(-len(self._content[name]) // _VALUE_SIZES[name])
            target.resize(name, max(1, entries))
        elif name in self._sizes:
            target.resize(name, self._sizes[name])

    def _fill(self) -> None:
        for name, content in self._content.items():
            if name in ("addresses_v6", "prefixes_v6") or name not in self.maps:
                continue
            target = self.maps[name]
            if name == "counters":
                continue
            count = -(-len(content) // target.width)
            keys = b"".join(map(_u32, range(count)))
            target.set_many(keys, content.ljust(count * target.width, b"\0"))
        for name in ("addresses_v6", "prefixes_v6"):
            if name in self.maps:
                width = self.maps[name].info.key_size + 4
                record = self._content[name]
                for at in range(0, len(record), width):
                    one = record[at : at + width]
                    self.maps[name].set(one[:-4], one[-4:])
        if "endpoint_addresses" in self.maps:
            for key in self._more_addresses():
                self.maps["endpoint_addresses"].set(key, _u32(1))

    def _endpoints(self) -> bytes:
        packed = []
        for name in self._numbers:
            member = self._members.get(name, Member(1, 0, 1))
            v4 = [ip_address(a).packed for a in member.addresses if ":" not in a]
            v6 = [ip_address(a).packed for a in member.addresses if ":" in a]
            has_more = len(v4) > 1 or len(v6) > 1
            packed.append(
                layout.ENDPOINT.pack(
                    identity=member.identity,
                    ingress_policy=member.ingress,
                    egress_policy=member.egress,
                    attachment=self.attachment(name),
                    address_v4=int.from_bytes(v4[0] if v4 else b"", "little"),
                    address_v6=v6[0] if v6 else bytes(16),
                    flags=member.flags
                    | (layout.ENDPOINT_HAS_MORE_ADDRESSES if has_more else 0),
                )
            )
        return b"".join(packed)

    def _more_addresses(self) -> Iterator[bytes]:
        for name, member in self._members.items():
            for address in member.addresses:
                yield layout.ENDPOINT_ADDRESS.pack(
                    address=mapped(address), attachment=self.attachment(name)
                )

    # ------------------------------------------------------------ running

    def put_in_place(self, place: int) -> None:
        """Let the stubs jump to these programs where ``place`` is active."""
        for name, program in self.programs.items():
            if name not in ("start_sweeper", "sweep_once"):
                array = "programs_cgroup" if name in CGROUP_HOOKS else "programs_tc"
                index = value_of("hook", name) * 2 + place
                self.maps[array].set(_u32(index), _u32(program.fd))

    def empty_place(self, place: int) -> None:
        """Take all programs out of a place."""
        for hook in TC_HOOKS + CGROUP_HOOKS:
            array = "programs_cgroup" if hook in CGROUP_HOOKS else "programs_tc"
            self.maps[array].delete(_u32(value_of("hook", hook) * 2 + place))

    def switch(self, place: int, deadline: int = 0) -> None:
        """Write the slot."""
        self.maps["slot"].set(_u32(0), layout.pack_slot(place, deadline))

    def attachment(self, name: str) -> int:
        """Return the number that stands for an endpoint in flows; 0 is the host."""
        return 100 * self._numbers[name]

    def become(self, name: str) -> None:
        """Let the device be this endpoint's; a name that is unknown is no endpoint."""
        number = self._numbers.get(name)
        entry = layout.INTERFACE.pack()
        if number is not None:
            entry = layout.INTERFACE.pack(ifindex=LOOPBACK, endpoint=number)
        self.maps["interfaces"].set(_u32(0), entry)

    def run(
        self, hook: str, frame: bytes, *, mark: int = 0, repeat: int = 1
    ) -> TestRun:
        """Send a frame through a hook's stub."""
        context = struct.pack("<III", 0, 0, mark).ljust(192, b"\0")
        return self.stubs[hook].test_run(frame, context, repeat=repeat)

    def passes(self, hook: str, frame: bytes, *, mark: int = 0) -> bool:
        """Whether a frame passes a hook; the answer must be one that the hook may give."""
        value = self.run(hook, frame, mark=mark).value
        if hook in CGROUP_HOOKS:
            assert value in (0, 1)
            return value == 1
        assert value in (PASS, DROP), value
        return value == PASS

    def sweep(self) -> list[float]:
        """Let the sweeper make a whole round at once; return the CPU seconds of each step."""
        steps = []
        is_over = 0
        while not is_over:
            began = time.thread_time()
            is_over = self.programs["sweep_once"].test_run(bytes(64)).value
            steps.append(time.thread_time() - began)
        return steps

    # ------------------------------------------------------------ looking

    def drops(self) -> dict[str, int]:
        """Return dropped packets by reason, those that are not zero."""
        found = {}
        for number, reason in enumerate(layout.ENUMERATIONS["reason"]):
            value = self.maps["drop_counters"].get(_u32(number))
            assert value is not None
            packets = sum(n for n, _ in struct.iter_unpack("<QQ", value))
            if packets:
                found[reason] = packets
        return found

    def events(self) -> list[dict[str, int | bytes]]:
        """Take the events out of the ring."""
        if self._ring is None:
            self._ring = RingBuffer(self.maps["events"].fd)
        return [layout.EVENT.unpack(record) for record in self._ring.take(0)]

    def reset_drops(self) -> None:
        """Set the drop counters to zero."""
        counters = self.maps["drop_counters"]
        for number in range(counters.info.max_entries):
            counters.set(_u32(number), bytes(counters.width))

    def counter(self, decision: int) -> tuple[int, int]:
        """Return packets and bytes of a decision."""
        value = self.maps["counters"].get(_u32(decision))
        assert value is not None
        pairs = list(struct.iter_unpack("<QQ", value))
        return sum(p for p, _ in pairs), sum(b for _, b in pairs)

    def flows(self, name: str = "flows") -> dict[bytes, dict[str, int | bytes]]:
        """Return the entries of ``flows`` (or ``flows_new``)."""
        found = {}
        for key in list(self.maps[name].keys()):
            value = self.maps[name].get(key)
            if value is not None:
                found[key] = layout.FLOW.unpack(value)
        return found

    def change_flow(self, name: str, key: bytes, **fields: int) -> None:
        """Rewrite some fields of an entry."""
        value = self.maps[name].get(key)
        assert value is not None
        self.maps[name].set(
            key, layout.FLOW.pack(**{**layout.FLOW.unpack(value), **fields})
        )

    def age_fragments(self, jiffies: int) -> None:
        """Let first fragments be older than they are."""
        fragments = self.maps["fragments"]
        for key in list(fragments.keys()):
            fields = layout.FRAGMENT.unpack(fragments.get(key) or b"")
            seen = (int(fields.pop("seen")) - jiffies) % (1 << 32)
            fragments.set(key, layout.FRAGMENT.pack(seen=seen, **fields))

    def age_reports(self, jiffies: int) -> None:
        """Let the last events about denied packets be older than they are."""
        reports = self.maps["event_state"]
        for key in list(reports.keys()):
            fields = layout.REPORT.unpack(reports.get(key) or b"")
            reported = (int(fields.pop("reported")) - jiffies) % (1 << 32)
            reports.set(key, layout.REPORT.pack(reported=reported, **fields))

    def restore_endpoints(self) -> None:
        """Write the endpoints anew."""
        content, width = self._content["endpoints"], layout.ENDPOINT.size
        keys = b"".join(map(_u32, range(len(content) // width)))
        self.maps["endpoints"].set_many(keys, content)

    def clear(self) -> None:
        """Forget all flows, fragments and reports."""
        for name in ("flows", "flows_new", "fragments", "event_state"):
            for key in list(self.maps[name].keys()):
                self.maps[name].delete(key)


def mapped(address: str) -> bytes:
    """Return an address as the keys write it."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv4Address):
        return bytes(10) + b"\xff\xff" + parsed.packed
    return parsed.packed


def _u32(value: int) -> bytes:
    return struct.pack("<I", value)


_VALUE_SIZES = {
    "interfaces": layout.INTERFACE.size,
    "endpoints": layout.ENDPOINT.size,
    "addresses_v4": 4 * layout.ADDRESS_V4_PAGE,
    "addresses_v6": 20,
    "prefixes_v6": 24,
    "peers": layout.PEER.size,
    "port_directory": 2 * layout.PORT_PAGE,
    "port_pages": 2 * layout.PORT_PAGE,
    "peer_pages": 2 * layout.PEER_PAGE,
    "peer_directory": 4 * layout.CHUNK,
    "intervals": 2 * layout.CHUNK,
    "cells": 4 * layout.CHUNK,
    "policies": layout.POLICY.size,
    "decisions": layout.DECISION.size,
    "counters": layout.DECISION.size,
}

_DIRECTORY_SIZE = 4 * 2 * layout.PORT_PAGE


def _contents(tables: Tables) -> dict[str, bytes]:
    """Return map name to content, as the compiler packs it."""
    packed = pack_tables(tables)
    found = {
        name: packed[f"{name}.bin"]
        for name in _VALUE_SIZES
        if f"{name}.bin" in packed and name != "addresses_v6"
    }
    found["port_directory"] = packed["ports.bin"][:_DIRECTORY_SIZE]
    found["port_pages"] = packed["ports.bin"][_DIRECTORY_SIZE:]
    found["counters"] = packed["decisions.bin"]
    whole, short = [], []
    for address, length, peer in struct.iter_unpack(
        "<16sII", packed["addresses_v6.bin"]
    ):
        if length == 128:
            whole.append(address + _u32(peer))
        else:
            short.append(_u32(length) + address + _u32(peer))
    found["addresses_v6"] = b"".join(whole)
    found["prefixes_v6"] = b"".join(short)
    return found

"""Send many packets through a node's programs, with BPF_PROG_TEST_RUN: 100,000 a second.

As :mod:`lockgate_runtime.probe` does for single questions, with maps of its own and nothing
attached.  Packets of one end and direction that must come to the same decisions go together:
each is watched for what the program returns, and their counters are read once.  Connection
tracking is emptied before, and every packet is of a flow of its own, so that none is judged
by what an earlier one left behind.
"""

from __future__ import annotations

import struct
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from lockgate_runtime import layout
from lockgate_runtime.frames import (
    ICMP,
    ICMPV6,
    SCTP,
    TCP,
    UDP,
    build_bare_frame,
    build_frame,
    transport_offset,
)
from lockgate_runtime.probe import Asked, Probe, packet_context
from lockgate_runtime.program_runs import RepeatedRun

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from ipaddress import IPv4Address, IPv6Address

    from lockgate_runtime.bpf import Program
    from lockgate_runtime.bundle import Bundle
    from lockgate_runtime.tables import Endpoint, Host

    Address = IPv4Address | IPv6Address

PASSED, DROPPED = 0xFFFFFFFF, 2
"""TC_ACT_UNSPEC and TC_ACT_SHOT; a program of ours returns nothing else."""

FRESH_FROM, FRESH_TO = 20_000, 60_000
"""Source ports and ICMP identifiers of test packets."""

_FRESH = 4096
_PORT, _PORTS = struct.Struct("!H"), struct.Struct("!HH")
_WITH_PORTS = frozenset((TCP, UDP, SCTP))
_CHECKSUM_BEFORE = 10
"""So many bytes before the transport header the IPv4 header has its checksum."""


class Aim(NamedTuple):
    """Where packets are judged: an endpoint, or the node itself (None); its address."""

    subject: Endpoint | None
    local: Address
    is_ingress: bool


class Shot(NamedTuple):
    """One packet: the other end (as in headers), IP protocol, port or type (else 0)."""

    remote: bytes
    protocol: int
    port: int


class Kept(NamedTuple):
    """A decision as the kernel's map holds it."""

    rule: int
    argument: int
    outcome: str


class PacketRuns(Probe):
    """One node's programs, loaded for many packets."""

    def __init__(
        self,
        bundle: Bundle,
        host: Host,
        endpoints: Sequence[Endpoint],
        taken: Iterable[int] = (),
    ) -> None:
        """Load; ``taken`` are ports that packets ask for, and so never come from."""
        super().__init__(bundle, host, endpoints)
        used = set(taken)
        free = [n for n in range(FRESH_FROM, FRESH_TO) if n not in used]
        self._free = free[:_FRESH]
        if not self._free:
            raise ValueError("every port is asked for; none is left to send from")
        self._turn = 0
        self._runs: dict[str, RepeatedRun] = {}
        self._before = self._counts()

    @property
    def judges_hosts(self) -> bool:
        """Whether host policies are compiled into the programs."""
        return "from_network" in self._programs

    def program(self, hook: str) -> Program:
        """Return the program of one hook."""
        return self._programs[hook]

    @cached_property
    def decisions(self) -> list[Kept]:
        """The decisions, read back from the kernel."""
        data, size = self._maps["decisions"].read_array(), self._maps["decisions"].width
        found = []
        for at in range(0, len(data), size):
            row = layout.DECISION.unpack(data[at : at + size])
            name = layout.ENUMERATIONS["outcome"][int(row["outcome"])]
            found.append(Kept(int(row["rule"]), int(row["argument"]), name))
        return found

    def forget_flows(self) -> None:
        """Empty connection tracking."""
        for name in ("flows", "flows_new"):
            self._maps[name].clear()

    def send(
        self, aim: Aim, shots: Iterable[Shot], expected: int
    ) -> tuple[list[tuple[Shot, int]], dict[int, int]]:
        """Send packets; return those that came out otherwise, and what was counted.

        ``expected`` is what the program should return (``PASSED``, ``DROPPED``); what was
        counted is decision (in the kernel's map) → packets.
        """
        hook, program = self._point_at(
            Asked(aim.is_ingress, aim.subject, aim.local, aim.local, 0, 0)
        )
        run = self._runs.get(hook)
        if run is None:
            run = self._runs[hook] = RepeatedRun(program, packet_context(hook))
        wrong = []
        frames = _Frames(aim, run)
        choose, aim_at, one = frames.choose, frames.aim_at, run.run
        free, turn = self._free, self._turn
        before = None
        for shot in shots:
            remote, protocol, port = shot
            turn = turn + 1 if turn + 1 < len(free) else 0
            kind = protocol if protocol in _WITH_PORTS else (protocol, port)
            if kind != before:
                before = kind
                choose(protocol, port)
            aim_at(remote, port, free[turn])
            value = one()
            if value != expected:
                wrong.append((shot, value))
        self._turn = turn
        return wrong, dict(self._risen())

    # ------------------------------------------------------------ inside

    def _counts(self) -> list[int]:
        """Return the packets of each decision; a value is (packets, bytes) for each CPU."""
        counters = self._maps["counters"]
        words = memoryview(counters.read_array()).cast("Q")
        step = counters.width // 8
        columns = [words[at::step].tolist() for at in range(0, step, 2)]
        return [sum(row) for row in zip(*columns, strict=True)]

    def _risen(self) -> Iterator[tuple[int, int]]:
        before, after = self._before, self._counts()
        self._before = after
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            if new != old:
                yield number, new - old


class _Frames:
    """Frames of one end and direction: one of each kind is built, and changed in place."""

    def __init__(self, aim: Aim, run: RepeatedRun) -> None:
        self._aim, self._run = aim, run
        version = aim.local.version
        self._transport = transport_offset(version)
        size = len(aim.local.packed)
        last = self._transport - size  # the destination; the source is before it
        self._at = last - size if aim.is_ingress else last
        self._until = self._at + size
        self._is_v4 = version == 4  # IP
        self._base = 0
        self._has_ports = False
        self._fresh_at: int | None = None

    def choose(self, protocol: int, port: int) -> None:
        """Take the frame of an IP protocol, for ICMP of a type."""
        aim = self._aim
        nobody = type(aim.local)(0)
        ends = (nobody, aim.local) if aim.is_ingress else (aim.local, nobody)
        self._has_ports = protocol in _WITH_PORTS
        self._fresh_at = None
        if self._has_ports or protocol in (ICMP, ICMPV6):
            frame = build_frame(*ends, protocol, port, 0)
            self._fresh_at = self._transport + (0 if self._has_ports else 4)
        else:
            frame = build_bare_frame(*ends, protocol)
        self._run.load(frame)
        (checksum,) = _PORT.unpack_from(frame, self._transport - _CHECKSUM_BEFORE)
        self._base = ~checksum & 0xFFFF

    def aim_at(self, remote: bytes, port: int, fresh: int) -> None:
        """Put in the other end and the port, and what makes the flow a new one."""
        packet = self._run.packet
        packet[self._at : self._until] = remote
        if self._is_v4:
            high, low = _PORTS.unpack(remote)
            total = self._base + high + low
            total = (total & 0xFFFF) + (total >> 16)
            total = (total & 0xFFFF) + (total >> 16)
            _PORT.pack_into(packet, self._transport - _CHECKSUM_BEFORE, ~total & 0xFFFF)
        if self._has_ports:
            _PORTS.pack_into(packet, self._transport, fresh, port)
        elif self._fresh_at is not None:
            _PORT.pack_into(packet, self._fresh_at, fresh)

"""Ask a compiled program about packets that nobody sends, with BPF_PROG_TEST_RUN.

A node's part of a bundle is loaded with maps of its own: nothing is pinned, attached or
shared with what is in force.  All endpoints of the node take turns behind the one device that
a test packet comes from (the loopback): before each packet the table of interfaces is
pointed at the endpoint that is asked.  Which decision was taken is read from its counter;
it must be what the program returned, else the program or its tables are wrong.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from lockgate_runtime import layout, maps
from lockgate_runtime.bpf_object import Object
from lockgate_runtime.endpoints import Present
from lockgate_runtime.frames import build_frame
from lockgate_runtime.loader import NodeTables, table_sizes, write_table
from lockgate_runtime.local_addresses import AddressPart
from lockgate_runtime.node_part import take_policies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from ipaddress import IPv4Address, IPv6Address
    from types import TracebackType

    from lockgate_runtime.bpf import Map, Program
    from lockgate_runtime.bundle import Bundle
    from lockgate_runtime.tables import Endpoint, Host

    Address = IPv4Address | IPv6Address

_PASSING = ("allow", "audit")
_LOOPBACK = 1
"""The device of test packets; every network namespace has it at this index."""

_HOST_MARK = 0x10000
_FIRST_PORT = 20_000
_SMALL = {
    "flows": 65_536,
    "flow_queue": 65_537,
    "flows_new": 65_536,
    "event_state": 65_536,
}
_KEPT = (
    "interfaces",
    "counters",
    "drop_counters",
    "decisions",
    "flows",
    "flows_new",
    "event_state",
)
_MARK_OFFSET = 8
CONTEXT_SIZE = 192


class NotJudgedError(Exception):
    """The program dropped or passed a packet without asking a policy; says why."""


class WrongProgramError(Exception):
    """What the program returned and what it counted contradict each other."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A packet to be judged at one end: the hook is that of ``local``.

    ``subject`` is an endpoint of the node, or None for the node itself.
    """

    is_ingress: bool
    subject: Endpoint | None
    local: Address
    remote: Address
    protocol: int
    port: int


class Probe:
    """One node's programs for devices, loaded for questions."""

    kind: ClassVar[str] = "tc"
    returns: ClassVar[Mapping[int, bool]] = {0xFFFFFFFF: True, 2: False}
    """TC_ACT_UNSPEC and TC_ACT_SHOT; a program of ours returns nothing else."""

    def __init__(
        self, bundle: Bundle, host: Host, endpoints: Sequence[Endpoint]
    ) -> None:
        self._places = {one.key: i for i, one in enumerate(endpoints, 1)}
        present = tuple(
            Present(one, number, number, one.key, is_cgroup=False)
            for number, one in enumerate(endpoints, 1)
        )
        used = {host.ingress_policy, host.egress_policy}
        for one in endpoints:
            used |= {one.ingress_policy, one.egress_policy}
        addresses = AddressPart(
            bundle.tables, host.addresses, is_api_server=host.is_api_server
        )
        policies = take_policies(bundle.tables, used)
        self._numbers = policies.decision_numbers
        self._outcomes = _outcomes(policies.decisions)
        self._fresh = _FIRST_PORT
        tables = NodeTables(addresses, policies, bundle, host, present)
        self._maps: dict[str, Map] = {}
        self._programs: dict[str, Program] = {}
        self._load(tables)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the maps and programs back."""
        for one in (*self._maps.values(), *self._programs.values()):
            one.close()

    @property
    def decision_numbers(self) -> Sequence[int]:
        """The bundle's number of each decision in the kernel's map."""
        return self._numbers

    def decide(self, asked: Asked) -> int:
        """Return the number (in the bundle) of the decision that a packet met."""
        hook, program = self._point_at(asked)
        source, destination = asked.local, asked.remote
        if asked.is_ingress:
            source, destination = destination, source
        self._fresh = _FIRST_PORT + (self._fresh + 1 - _FIRST_PORT) % 40_000
        frame = build_frame(
            source, destination, asked.protocol, asked.port, self._fresh
        )
        before, dropped = self._counted("counters"), self._counted("drop_counters")
        value = program.test_run(frame, self._context(hook, asked)).value
        after = self._counted("counters")
        if value not in self.returns:
            raise WrongProgramError(f"{hook} returned {value:#x}")
        counted = [
            n
            for n, (old, new) in enumerate(zip(before, after, strict=True))
            if new > old
        ]
        if not counted:
            self._not_judged(dropped, self.returns[value])
        return self._numbers[self._own(counted, asked, self.returns[value])]

    # ------------------------------------------------------------ inside

    def _load(self, tables: NodeTables) -> None:
        with Object(self.kind, tables.bundle.object(self.kind)) as programs:
            sizes = {**table_sizes(tables), **_SMALL}
            for name in programs.maps:
                if name in sizes:
                    programs.resize(name, sizes[name])
            config = layout.CONFIG.pack(
                generation=1,
                interface_mask=sizes["interfaces"] - 1,
                host_mark=_HOST_MARK,
                jiffies_per_second=250,
                **{f"timeout_{name}": 250_000 for name in _TIMEOUTS},
            )
            programs.set_constant("config", config)
            programs.load()
            for name in programs.maps:
                if name in maps.TABLES:
                    with programs.map(name) as table:
                        write_table(name, table, tables)
            for name in programs.maps:
                if name in _KEPT:
                    self._maps[name] = programs.map(name)
            self._programs = {
                name: programs.program(name) for name in programs.programs
            }
        self._mask = sizes["interfaces"] - 1

    def _point_at(self, asked: Asked) -> tuple[str, Program]:
        """Choose the hook, and let its device be the endpoint's."""
        if asked.subject is None:
            hook = "from_network" if asked.is_ingress else "to_network"
        else:
            hook = "to_endpoint" if asked.is_ingress else "from_endpoint"
            place = struct.pack("=I", _LOOPBACK & self._mask)
            endpoint = self._places[asked.subject.key]
            record = layout.INTERFACE.pack(ifindex=_LOOPBACK, endpoint=endpoint)
            self._maps["interfaces"].set(place, record)
        if hook not in self._programs:
            raise NotJudgedError("no host policy is compiled into the program")
        return hook, self._programs[hook]

    def _context(self, hook: str, asked: Asked) -> bytes:
        """Return the struct __sk_buff that a packet comes with."""
        del asked
        return packet_context(hook)

    def _counted(self, name: str) -> list[int]:
        return [packets for packets, _ in maps.sum_counters(self._maps[name])]

    def _not_judged(self, dropped: list[int], passed: bool) -> None:
        if passed:
            raise NotJudgedError("exempt")
        after = self._counted("drop_counters")
        reasons = [
            layout.ENUMERATIONS["reason"][n]
            for n, (old, new) in enumerate(zip(dropped, after, strict=True))
            if new > old
        ]
        raise NotJudgedError(", ".join(reasons) or "dropped without a reason")

    def _own(self, counted: list[int], asked: Asked, passed: bool) -> int:
        """Return the decision of the end that was asked, and check what became of it.

        Between an endpoint and its own node both policies are asked, the endpoint's first.
        """
        outcomes = {number: self._outcomes[number] for number in counted}
        passing = [n for n in counted if outcomes[n] in _PASSING]
        if passed != (len(passing) == len(counted)) or len(counted) > 2:
            raise WrongProgramError(
                f"{asked}: the program {'passed' if passed else 'dropped'} the packet "
                f"after {', '.join(outcomes.values())}"
            )
        if len(counted) == 1:
            return counted[0]
        if passed:
            return next(n for n in counted if n != self._at_host(asked))
        if len(passing) != 1:
            raise WrongProgramError(f"{asked}: two decisions denied one packet")
        return passing[0]

    def _at_host(self, asked: Asked) -> int:
        """Return what the node itself decides of the same packet."""
        mirrored = Asked(
            not asked.is_ingress,
            None,
            asked.remote,
            asked.local,
            asked.protocol,
            asked.port,
        )
        return self._numbers.index(self.decide(mirrored))


_TIMEOUTS = ("syn", "established", "closing", "other", "new")


def _outcomes(decisions: bytes) -> list[str]:
    names = layout.ENUMERATIONS["outcome"]
    size = layout.DECISION.size
    return [
        names[int(layout.DECISION.unpack(decisions[at : at + size])["outcome"])]
        for at in range(0, len(decisions), size)
    ]


def packet_context(hook: str) -> bytes:
    """Return struct __sk_buff: towards an endpoint the packet was forwarded, not made here.

    What the host made itself is judged by the host's policy as well, and that is asked
    for at the host's own hooks, where an unmarked packet is the host's.
    """
    context = bytearray(CONTEXT_SIZE)
    if hook == "to_endpoint":
        struct.pack_into("=I", context, _MARK_OFFSET, _HOST_MARK)
    return bytes(context)

"""Read packed tables: the same look-ups as the datapath, without a kernel.

``lockgate simulate`` and ``explain`` judge with them, the runtime takes a node's part from
them, and ``observe`` gets its names here.  Numbers come straight out of the mapped files;
the JSON files for people are read when first asked for.
"""

from __future__ import annotations

import json
import mmap
import sys
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, NamedTuple

from lockgate_runtime import layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PACKED = (
    "addresses_v4.bin",
    "addresses_v6.bin",
    "peers.bin",
    "ports.bin",
    "peer_pages.bin",
    "peer_directory.bin",
    "intervals.bin",
    "cells.bin",
    "policies.bin",
    "decisions.bin",
)
"""The binary files; each is what one map holds (``ports.bin``: two maps)."""

DESCRIBED = ("decisions.json", "rules.json", "identities.json", "endpoints.json")
"""The JSON files: names for the numbers, and who is enforced."""

ADDRESS_V6_SIZE = 24
"""A record of ``addresses_v6.bin``: 16-byte address, u32 prefix length, u32 peer."""

PORT_DIRECTORY_SIZE = 2 * (
    (3 * 256 + 3 + layout.PORT_PAGE - 1) // layout.PORT_PAGE * layout.PORT_PAGE
)
"""Bytes of ``ports.bin`` that are directory; its pages follow."""

_FIRST_DIRECTORY_ENTRY = {6: 0, 17: 256, 132: 512, 1: 768, 58: 769}
_OTHER_DIRECTORY_ENTRY = 770
_WITH_PORTS = (6, 17, 132)


class Peer(NamedTuple):
    """What an address leads to; ``layout.PEER``."""

    identity: int
    identity_class: int
    host: int
    api_server_host: int


class Policy(NamedTuple):
    """Where the parts of a verdict table begin; ``layout.POLICY``."""

    peer_directory: int
    intervals: int
    cells: int
    interval_count: int


class Decision(NamedTuple):
    """What a cell says; ``rule`` is the stable number; ``outcome`` as in ``layout``."""

    rule: int
    argument: int
    outcome: str


class Rule(NamedTuple):
    """A rule that decisions name; ``places`` are ``file:line:column``."""

    number: int
    name: str
    effect: str
    policies: tuple[str, ...]
    places: tuple[str, ...]


class Because(NamedTuple):
    """Why a decision is what it is; indexes into :attr:`PackedTables.rules`.

    ``because`` are all rules that agreed; ``chain`` is the way through the tiers, ending
    with the rule that decided.
    """

    rule: int
    because: tuple[int, ...]
    chain: tuple[tuple[str, int], ...]


class Identity(NamedTuple):
    """A number, its name, and the labels that it stands for."""

    number: int
    name: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint of the cluster and its verdict table in each direction."""

    namespace: str
    name: str
    node: str | None
    identity: int
    addresses: tuple[IPv4Address | IPv6Address, ...]
    ingress_policy: int
    egress_policy: int
    interface: str | None = None
    cgroup: str | None = None

    @property
    def key(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Host:
    """A node as a subject of host policies; ``pods`` are those on its network."""

    node: str
    identity: int
    addresses: tuple[IPv4Address | IPv6Address, ...]
    ingress_policy: int
    egress_policy: int
    is_api_server: bool
    is_enforced: bool
    pods: tuple[str, ...] = ()

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Host:
        """Return the host of a row of ``endpoints.json``."""
        pods = tuple(row.get("pods", ()))
        return cls(**{**_with_addresses(dict(row)), "pods": pods})


class PackedTables:
    """The tables of a bundle, from its directory or from memory."""

    def __init__(self, files: Mapping[str, bytes | mmap.mmap]) -> None:
        """Take file name → content, as ``pack_tables`` made it."""
        if sys.byteorder != "little":
            raise RuntimeError("packed tables are read on little-endian machines")
        self._files = files

    @classmethod
    def open(cls, directory: Path) -> PackedTables:
        """Map the files of ``directory`` (a bundle's ``tables``) into memory."""
        return cls({name: _map(directory / name) for name in (*PACKED, *DESCRIBED)})

    def content(self, name: str) -> memoryview:
        """Return the bytes of one file."""
        return memoryview(self._files[name])

    def words(self, name: str) -> memoryview:
        """Return one file as u32 elements."""
        return self.content(name).cast("I")

    def halves(self, name: str) -> memoryview:
        """Return one file as u16 elements."""
        return self.content(name).cast("H")

    # ------------------------------------------------------------ from packet to decision

    def peer_of(self, address: IPv4Address | IPv6Address) -> int:
        """Return the number of the peer that an address leads to (longest prefix; else 0)."""
        if isinstance(address, IPv4Address):
            return self._peer_of_v4(int(address))
        return self._peer_of_v6(int(address))

    def peer(self, number: int) -> Peer:
        """Return one peer."""
        return Peer(*self._peers[4 * number : 4 * number + 4])

    def policy(self, number: int) -> Policy:
        """Return where one verdict table lies; 0 and 1 are "no policy"."""
        return Policy(*self._policies[4 * number : 4 * number + 4])

    def atom(self, protocol: int, port: int) -> int:
        """Return the port atom of an IP protocol and a port.

        ``port`` is the destination port of TCP, UDP and SCTP, the type of ICMP and ICMPv6;
        for other protocols it is not looked at.
        """
        entry = _FIRST_DIRECTORY_ENTRY.get(protocol, _OTHER_DIRECTORY_ENTRY)
        index = protocol if entry == _OTHER_DIRECTORY_ENTRY else port
        limit = 65536 if protocol in _WITH_PORTS else 256
        if not 0 <= index < limit:
            raise ValueError(f"no port {index} in IP protocol {protocol}")
        page = self._ports[entry + (index >> 8)]
        pages = PORT_DIRECTORY_SIZE // 2
        return self._ports[pages + page * layout.PORT_PAGE + (index & 0xFF)]

    def edges(self, protocol: int) -> list[int]:
        """Return the ports (or ICMP types) at which a run of one port atom begins or ends."""
        entry = _FIRST_DIRECTORY_ENTRY[protocol]
        first = PORT_DIRECTORY_SIZE // 2
        result, last, end = [], -1, -1
        for index in range(256 if protocol in _WITH_PORTS else 1):
            start = first + self._ports[entry + index] * layout.PORT_PAGE
            for place, atom in enumerate(self._ports[start : start + layout.PORT_PAGE]):
                if atom != last:
                    port = index * layout.PORT_PAGE + place
                    result += [end, port] if end >= 0 else [port]
                    last = atom
                end = index * layout.PORT_PAGE + place
        return list(dict.fromkeys([*result, end]))

    def judge(self, policy: int, identity_class: int, protocol: int, port: int) -> int:
        """Return the number of the decision of one cell."""
        table = self.policy(policy)
        page, place = divmod(identity_class, layout.PEER_PAGE)
        page = self._peer_directory[table.peer_directory + page]
        row = self._peer_pages[page * layout.PEER_PAGE + place]
        interval = self._intervals[table.intervals + self.atom(protocol, port)]
        return self._cells[table.cells + row * table.interval_count + interval]

    def decision(self, number: int) -> Decision:
        """Return one decision."""
        size = layout.DECISION.size
        data = self.content("decisions.bin")[number * size : (number + 1) * size]
        if len(data) != size:
            raise IndexError(f"no decision {number}")
        rule = int.from_bytes(data[0:4], "little")
        argument = int.from_bytes(data[4:6], "little")
        return Decision(rule, argument, layout.ENUMERATIONS["outcome"][data[6]])

    def prefix_edges(self) -> Iterator[IPv4Address | IPv6Address]:
        """Yield first and last address of every run or prefix that leads to one peer."""
        yield from self._edges_v4(0, 0, 24)
        records, size = self.content("addresses_v6.bin"), ADDRESS_V6_SIZE
        for at in range(0, len(records), size):
            network = int.from_bytes(records[at : at + 16], "big")
            length = int.from_bytes(records[at + 16 : at + 20], "little")
            yield IPv6Address(network)
            yield IPv6Address(network | (1 << 128 - length) - 1)

    def _edges_v4(self, page: int, base: int, shift: int) -> Iterator[IPv4Address]:
        first = page * layout.ADDRESS_V4_PAGE
        words = self._addresses_v4[first : first + layout.ADDRESS_V4_PAGE]
        for place, word in enumerate(words):
            start = base | place << shift
            if word & layout.ADDRESS_V4_IS_PAGE:
                below = word & ~layout.ADDRESS_V4_IS_PAGE
                yield from self._edges_v4(below, start, shift - 8)
                continue
            if not place or words[place - 1] != word:
                yield IPv4Address(start)
            if place == len(words) - 1 or words[place + 1] != word:
                yield IPv4Address(start | (1 << shift) - 1)

    def _peer_of_v4(self, address: int) -> int:
        page = 0
        for shift in (24, 16, 8, 0):
            place = page * layout.ADDRESS_V4_PAGE + (address >> shift & 0xFF)
            word = self._addresses_v4[place]
            if not word & layout.ADDRESS_V4_IS_PAGE:
                return word
            page = word & ~layout.ADDRESS_V4_IS_PAGE
        raise ValueError("addresses_v4.bin is deeper than an address is long")

    def _peer_of_v6(self, address: int) -> int:
        records, size = self.content("addresses_v6.bin"), ADDRESS_V6_SIZE

        def key(record: int) -> tuple[bytes, int]:
            at = record * size
            length = int.from_bytes(records[at + 16 : at + 20], "little")
            return bytes(records[at : at + 16]), length

        count = len(records) // size
        for length in self._lengths_v6:
            network = address >> (128 - length) << (128 - length)
            wanted = network.to_bytes(16, "big"), length
            found = bisect_left(range(count), wanted, key=key)
            if found < count and key(found) == wanted:
                at = found * size
                return int.from_bytes(records[at + 20 : at + 24], "little")
        return 0

    @cached_property
    def _lengths_v6(self) -> list[int]:
        """Prefix lengths that occur, longest first."""
        lengths = self.words("addresses_v6.bin")[4 :: ADDRESS_V6_SIZE // 4]
        return sorted(set(lengths), reverse=True)

    @cached_property
    def _addresses_v4(self) -> memoryview:
        return self.words("addresses_v4.bin")

    @cached_property
    def _peers(self) -> memoryview:
        return self.words("peers.bin")

    @cached_property
    def _policies(self) -> memoryview:
        return self.words("policies.bin")

    @cached_property
    def _ports(self) -> memoryview:
        return self.halves("ports.bin")

    @cached_property
    def _peer_directory(self) -> memoryview:
        return self.words("peer_directory.bin")

    @cached_property
    def _peer_pages(self) -> memoryview:
        return self.halves("peer_pages.bin")

    @cached_property
    def _intervals(self) -> memoryview:
        return self.halves("intervals.bin")

    @cached_property
    def _cells(self) -> memoryview:
        return self.words("cells.bin")

    # ------------------------------------------------------------ names for the numbers

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule that a decision names."""
        return tuple(
            Rule(
                row["number"],
                row["name"],
                row["effect"],
                tuple(row["policies"]),
                tuple(row["places"]),
            )
            for row in self._json("rules.json")
        )

    @cached_property
    def reasons(self) -> tuple[Because, ...]:
        """Why each decision is what it is, by decision number."""
        return tuple(
            Because(
                row["rule"],
                tuple(row["because"]),
                tuple((tier, rule) for tier, rule in row["chain"]),
            )
            for row in self._json("decisions.json")
        )

    @cached_property
    def identities(self) -> dict[int, Identity]:
        """Every identity, by number."""
        return {
            row["number"]: Identity(row["number"], row["name"], tuple(row["labels"]))
            for row in self._json("identities.json")
        }

    @cached_property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Every endpoint that is enforced."""
        return tuple(
            Endpoint(**_with_addresses(row))
            for row in self._json("endpoints.json")["endpoints"]
        )

    @cached_property
    def hosts(self) -> tuple[Host, ...]:
        """Every node."""
        return tuple(Host.of_row(row) for row in self._json("endpoints.json")["hosts"])

    def _json(self, name: str) -> Any:  # noqa: ANN401  # JSON, checked by its hash
        return json.loads(bytes(self._files[name]))


def _with_addresses(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"addresses": tuple(map(ip_address, row["addresses"]))}


def _map(path: Path) -> bytes | mmap.mmap:
    """Map a file; an empty one cannot be mapped and is empty."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            return b""
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

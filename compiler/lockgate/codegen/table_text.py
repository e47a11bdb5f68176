"""Print verdict tables for people: the text beside the packed files.

One line says one thing, in the order of the tables, so that a review of a policy is a diff
of these files.  ``*`` is everything that no line above it names.
"""

from __future__ import annotations

import hashlib
import struct
from array import array
from collections import Counter
from itertools import starmap
from socket import inet_ntoa
from typing import TYPE_CHECKING

from lockgate.diagnostics import count
from lockgate.ir.l7 import Parser
from lockgate.ir.policy import Direction, PortRange, Protocol, Tier
from lockgate.ir.tables import AXIS_SIZES, Outcome
from lockgate_runtime import layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lockgate.ir.tables import (
        AddressEntry,
        Decision,
        PortAtoms,
        Tables,
        VerdictTable,
    )

_PROTOCOLS = {protocol.value: protocol.name.lower() for protocol in Protocol}
_PARSERS = tuple(Parser)
_OUTCOMES = {outcome: outcome.name.lower() for outcome in Outcome}
_TIERS = {tier: tier.name.capitalize() for tier in Tier}
_PLACES = 32
"""Bits of the number of some places within a page; the page's own number is above them."""

_NAMED = 3
"""Identities of a class, and classes of a row, that are named one by one."""


def print_tables(tables: Tables) -> dict[str, str]:
    """Return file name (below ``tables/``) → text."""
    return print_ways(tables) | print_decisions(tables) | print_policies(tables)


def print_ways(tables: Tables) -> dict[str, str]:
    """Return what leads a packet to its verdict; no verdict need be there yet."""
    return {
        "addresses.txt": _join(_print_addresses(tables)),
        "peers.txt": _join(_print_peers(tables)),
        "ports.txt": _join(_print_ports(tables.atoms)),
    }


def print_decisions(tables: Tables) -> dict[str, str]:
    """Return all decisions, with the rules that made them."""
    outcomes = [_print_outcome(tables, decision) for decision in tables.decisions]
    return {"decisions.txt": _join(_print_decisions(tables, outcomes))}


def print_policies(tables: Tables) -> dict[str, str]:
    """Return the verdict tables, and the sets of classes that they name."""
    peers = _Peers(tables)
    outcomes = [_print_outcome(tables, decision) for decision in tables.decisions]
    return {
        "policies.txt": _join(_print_policies(tables, peers, outcomes)),
        "sets.txt": _join(peers.sets()),
    }


def _join(lines: Iterable[str]) -> str:
    return "\n".join([*lines, ""])


def _print_policies(
    tables: Tables, peers: _Peers, outcomes: Sequence[str]
) -> Iterator[str]:
    """Print each verdict table: peer, traffic, outcome, and the rule that decides."""
    traffic = _Traffic(tables.atoms)
    users = _count_users(tables)
    for number, table in enumerate(tables.tables):
        toward = "from" if table.direction is Direction.INGRESS else "to"
        yield f"policy {number}: {table.direction.value} of {users[number]}"
        for key_of_policy in table.policies:
            yield f"  made by {key_of_policy}"
        for row, peer in peers.of_table(table):
            first = row * table.interval_count
            cells = table.cells[first : first + table.interval_count]
            for decision, ports in traffic.of_row(table.intervals, cells):
                yield f"  {toward} {peer}  {ports}  {outcomes[decision]}"


def _print_addresses(tables: Tables) -> Iterator[str]:
    names = {identity.number: identity.name for identity in tables.identities}
    peers = tables.peers
    for entry in sorted(tables.addresses):
        identity = peers[entry.peer].identity
        yield f"{_network(entry)}  peer {entry.peer}  {names[identity]}"


def _network(entry: AddressEntry) -> str:
    """Return what ``str(entry.network)`` says, in a fifth of the time."""
    if entry.version == 4:  # IP version
        return f"{inet_ntoa(entry.value.to_bytes(4, 'big'))}/{entry.length}"
    return str(entry.network)


def _print_peers(tables: Tables) -> Iterator[str]:
    names = {identity.number: identity.name for identity in tables.identities}
    for number, peer in enumerate(tables.peers):
        yield (
            f"peer {number}  class {peer.identity_class}  identity {peer.identity} "
            f"{names[peer.identity]}  as host {peer.host}  "
            f"as API server {peer.api_server_host}"
        )


def _print_ports(atoms: PortAtoms) -> Iterator[str]:
    for atom, (axis, ports) in enumerate(_ranges(atoms)):
        yield f"atom {atom}  {_print_range(axis, ports)}"


def _print_decisions(tables: Tables, outcomes: Sequence[str]) -> Iterator[str]:
    rules = tables.rules
    for number, decision in enumerate(tables.decisions):
        yield f"decision {number}  {outcomes[number]}"
        for tier, rule in decision.chain:
            yield f"  [{_TIERS[tier]}] {rules[rule].effect}: {rules[rule].name}"
        for rule in decision.because:
            places = ", ".join(span.place for span in rules[rule].spans)
            yield f"  rule {rules[rule].number} {rules[rule].name}  {places}".rstrip()


def _print_outcome(tables: Tables, decision: Decision) -> str:
    outcome = _OUTCOMES[decision.outcome]
    if decision.outcome is Outcome.REDIRECT and decision.argument:
        outcome += f" {_PARSERS[decision.argument - 1].value}"
    return f"{outcome}  {tables.rules[decision.rule].name}"


# ---------------------------------------------------------------- peers of a table


class _Peers:
    """Names sets of identity classes: a few by their members, more by a set of its own.

    The name of a set is a hash of its members, so that it changes when they do and only
    then.  Many tables ask for the same sets, and many of their pages are equal.
    """

    def __init__(self, tables: Tables) -> None:
        members: list[set[int]] = [set() for _ in range(tables.class_count)]
        for peer in tables.peers:
            members[peer.identity_class].add(peer.identity)
        names = {identity.number: identity.name for identity in tables.identities}
        self._classes = [
            f"class {number} ({_some([names[i] for i in sorted(identities)])})"
            for number, identities in enumerate(members)
        ]
        self._pages: dict[bytes, list[tuple[int, int]]] = {}
        self._tables: dict[tuple[bytes, ...], list[tuple[int, str]]] = {}
        self._names: dict[tuple[int, ...], str] = {}
        self._places: dict[tuple[int, ...], int] = {}
        self._known_places: list[tuple[int, ...]] = []
        self._sets: dict[str, list[str]] = {}

    def of_table(self, table: VerdictTable) -> list[tuple[int, str]]:
        """Return each row that is not 0 with its classes, then row 0, which is the rest."""
        found = self._tables.get(table.rows.pages)
        if found is None:
            found = self._tables[table.rows.pages] = self._name_rows(table.rows.pages)
        return found

    def sets(self) -> Iterator[str]:
        """Print the sets that were named, with their members."""
        for name, classes in sorted(self._sets.items()):
            yield name
            yield from (f"  {one}" for one in classes)

    def _name_rows(self, pages: Sequence[bytes]) -> list[tuple[int, str]]:
        rows: dict[int, list[int]] = {}
        known = self._pages
        for number, page in enumerate(pages):
            found = known.get(page)
            if found is None:
                found = known[page] = self._rows_of(page)
            for row, places in found:
                rows.setdefault(row, []).append(number << _PLACES | places)
        named = []
        for row in sorted(rows):
            key = tuple(rows[row])
            name = self._names.get(key)
            if name is None:
                name = self._names[key] = self._name(key)
            named.append((row, name))
        return [*named, (0, "*")]

    def _rows_of(self, page: bytes) -> list[tuple[int, int]]:
        """Return the rows of a page other than 0, each with the number of its places."""
        places: dict[int, list[int]] = {}
        for place, row in enumerate(struct.unpack(f"<{layout.PEER_PAGE}H", page)):
            if row:
                places.setdefault(row, []).append(place)
        return [(row, self._number(tuple(some))) for row, some in places.items()]

    def _number(self, places: tuple[int, ...]) -> int:
        number = self._places.setdefault(places, len(self._places))
        if number == len(self._known_places):
            self._known_places.append(places)
        return number

    def _name(self, key: Sequence[int]) -> str:
        classes = [
            self._classes[(pages >> _PLACES) * layout.PEER_PAGE + place]
            for pages in key
            for place in self._known_places[pages & (1 << _PLACES) - 1]
        ]
        if len(classes) <= _NAMED:
            return ", ".join(classes)
        digest = hashlib.sha256("\n".join(classes).encode()).hexdigest()[:12]
        name = f"set {digest} ({len(classes)} classes)"
        self._sets[name] = classes
        return name


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (", ".join(names[:_NAMED]) or "nobody") + more


def _count_users(tables: Tables) -> list[str]:
    """Say for each table who is judged by it."""
    endpoints, hosts = [0] * len(tables.tables), [0] * len(tables.tables)
    for endpoint in tables.endpoints:
        endpoints[endpoint.ingress_table] += 1
        endpoints[endpoint.egress_table] += 1
    for host in tables.hosts:
        hosts[host.ingress_table] += 1
        hosts[host.egress_table] += 1
    return [
        count(endpoint, "endpoint") + (f", {count(host, 'node')}" if host else "")
        for endpoint, host in zip(endpoints, hosts, strict=True)
    ]


# ---------------------------------------------------------------- ports of a table


class _Traffic:
    """Says which traffic gets which decision; what is alike is worked out once."""

    def __init__(self, atoms: PortAtoms) -> None:
        self._ranges = list(_ranges(atoms))
        self._known: dict[tuple[bytes, bytes], list[tuple[int, str]]] = {}

    def of_row(
        self, intervals: array[int], cells: Sequence[int]
    ) -> Iterator[tuple[int, str]]:
        """Yield (decision, traffic), the decision of most atoms last, as the rest."""
        decisions = list(dict.fromkeys(cells))
        places = {decision: place for place, decision in enumerate(decisions)}
        pattern = array("H", [places[decision] for decision in cells])
        key = intervals.tobytes(), pattern.tobytes()
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._print([pattern[i] for i in intervals])
        return ((decisions[place], text) for place, text in found)

    def _print(self, places: Sequence[int]) -> list[tuple[int, str]]:
        counts = Counter(places)
        rest = max(counts, key=lambda place: (counts[place], -place))
        merged: dict[int, list[tuple[str, PortRange]]] = {}
        for place, (axis, ports) in zip(places, self._ranges, strict=True):
            if place == rest:
                continue
            line = merged.setdefault(place, [])
            if line and line[-1][0] == axis and line[-1][1].last + 1 == ports.first:
                ports = PortRange(line.pop()[1].first, ports.last)
            line.append((axis, ports))
        return [
            *(
                (p, ", ".join(starmap(_print_range, line)))
                for p, line in merged.items()
            ),
            (rest, "*"),
        ]


def _ranges(atoms: PortAtoms) -> Iterator[tuple[str, PortRange]]:
    """Yield each atom's axis and range."""
    axes = zip(layout.PORT_AXES, AXIS_SIZES, atoms.starts, strict=True)
    for axis, size, starts in axes:
        for start, after in zip(starts, (*starts[1:], size), strict=True):
            yield axis, PortRange(start, after - 1)


def _print_range(axis: str, ports: PortRange) -> str:
    if axis == "other":
        if ports.first == ports.last and ports.first in _PROTOCOLS:
            return _PROTOCOLS[ports.first]
        return f"protocol {ports}"
    return f"{axis} {ports}"

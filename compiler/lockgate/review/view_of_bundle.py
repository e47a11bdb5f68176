"""View the packed tables of a bundle.

Of IPv4 prefixes the packed form keeps what is looked up, not what was written, so they
are read from the text beside it.  L7 rules are not in a bundle: a redirect says its
parser only.
"""

from __future__ import annotations

from array import array
from ipaddress import ip_network
from itertools import pairwise
from typing import TYPE_CHECKING

from lockgate.ir.l7 import Parser
from lockgate.ir.prefixes import Prefix
from lockgate.ir.tables import AXIS_SIZES, ROW_PAGE
from lockgate.review.view import (
    DENY,
    REDIRECT,
    AddressBook,
    Node,
    Pod,
    Reason,
    Table,
    View,
)
from lockgate_runtime import layout
from lockgate_runtime.tables import PORT_DIRECTORY_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate_runtime.tables import PackedTables

_PARSERS = tuple(Parser)
_AXIS_ENTRIES = (256, 256, 256, 1, 1, 1)
"""Entries of the directory of port pages, by axis (``codegen.pack.pack_ports``)."""


def view_of_bundle(packed: PackedTables, addresses: str) -> View:
    """Return the view; ``addresses`` is the bundle's ``addresses.txt``."""
    form = _Form(packed, addresses)
    pods, nodes = tuple(form.pods()), tuple(form.nodes())
    verdicts = [form.verdict(number) for number in range(len(packed.reasons))]
    return View(
        pods,
        nodes,
        form.addresses.world((*pods, *nodes)),
        form.addresses.unknown_host,
        form.atoms,
        verdicts,
        form.defaults(verdicts),
        form.table,
        form.reasons,
        form.addresses.rest,
    )


class _Form:
    def __init__(self, packed: PackedTables, addresses: str) -> None:
        self._packed = packed
        count = len(packed.words("peers.bin")) // 4
        peers = [packed.peer(number) for number in range(count)]
        self._class_count = max(peer.identity_class for peer in peers) + 1
        self.atoms = tuple(_read_atoms(packed))
        self.addresses = AddressBook(
            peers, [_read_address(line) for line in addresses.splitlines()]
        )

    def pods(self) -> Iterator[Pod]:
        for e in self._packed.endpoints:
            yield Pod(
                e.namespace,
                e.name,
                self._packed.identities[e.identity].labels,
                e.node,
                e.ingress_policy,
                e.egress_policy,
                self.addresses.classes(e.addresses),
                e.addresses,
            )

    def nodes(self) -> Iterator[Node]:
        for h in self._packed.hosts:
            yield Node(
                h.node,
                h.ingress_policy,
                h.egress_policy,
                self.addresses.classes(h.addresses),
                self.addresses.as_host(h.addresses, is_api_server=h.is_api_server),
                h.addresses,
            )

    def verdict(self, number: int) -> str:
        decision = self._packed.decision(number)
        if decision.outcome != REDIRECT:
            return decision.outcome
        return f"{REDIRECT} {_PARSERS[decision.argument - 1].value}"

    def defaults(self, verdicts: list[str]) -> frozenset[int]:
        rules = self._packed.rules
        return frozenset(
            number
            for number, reason in enumerate(self._packed.reasons)
            if verdicts[number] == DENY and rules[reason.rule].effect == "default-deny"
        )

    def table(self, number: int) -> Table:
        packed = self._packed
        policy = packed.policy(number)
        first, count = policy.peer_directory, -(-self._class_count // ROW_PAGE)
        pages = packed.halves("peer_pages.bin")
        rows = array("H")
        for page in packed.words("peer_directory.bin")[first : first + count]:
            rows.frombytes(pages[page * ROW_PAGE : (page + 1) * ROW_PAGE].tobytes())
        size = policy.interval_count * (max(rows) + 1)
        atoms = sum(map(len, self.atoms))
        intervals = packed.halves("intervals.bin")[policy.intervals :][:atoms]
        cells = packed.words("cells.bin")[policy.cells :][:size]
        return Table(
            rows, array("H", intervals), policy.interval_count, array("I", cells)
        )

    def reasons(self, number: int) -> tuple[Reason, ...]:
        known = self._packed.reasons[number]
        found: list[Reason] = []
        for index in known.because or (known.rule,):
            rule = self._packed.rules[index]
            if not rule.places:
                found.append(Reason(rule.name, rule.name, rule.effect, None, None))
            for policy, place in zip(rule.policies, rule.places, strict=False):
                file, line, _ = place.rsplit(":", 2)
                found.append(Reason(policy, rule.name, rule.effect, file, int(line)))
        return tuple(found)


def _read_address(line: str) -> tuple[Prefix, int]:
    """Read one line of ``addresses.txt``: ``PREFIX  peer N  NAME``."""
    network, peer, _ = line.split("  ", 2)
    return Prefix.of(ip_network(network)), int(peer.removeprefix("peer "))


def _read_atoms(packed: PackedTables) -> Iterator[tuple[int, ...]]:
    """Find where atoms begin on each axis."""
    words = packed.halves("ports.bin")
    end = PORT_DIRECTORY_SIZE // 2
    directory, pages = words[:end], words[end:]
    entry = 0
    for size, entries in zip(AXIS_SIZES, _AXIS_ENTRIES, strict=True):
        line = array("H")
        for page in directory[entry : entry + entries]:
            at = page * layout.PORT_PAGE
            line.frombytes(pages[at : at + layout.PORT_PAGE].tobytes())
        entry += entries
        pairs = enumerate(pairwise(line[:size]), 1)
        yield (0, *(port for port, (one, other) in pairs if one != other))

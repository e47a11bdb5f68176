"""Invariants of the values between passes; a breach is our own mistake and crashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.tables import AXIS_SIZES, Outcome

if TYPE_CHECKING:
    from lockgate.bitset import Bits
    from lockgate.ir.prefixes import PrefixTree
    from lockgate.ir.resolution import IdentityClasses, Resolution
    from lockgate.ir.tables import PortAtoms, Tables, VerdictTable


class BrokenInvariantError(AssertionError):
    """A pass returned something that cannot be."""


def _hold(fact: bool, otherwise: str) -> None:  # reads as a sentence
    if not fact:
        raise BrokenInvariantError(otherwise)


def verify_prefixes(tree: PrefixTree) -> None:
    """Check that prefixes are sorted, and each lies within its parent."""
    prefixes = tree.prefixes
    _hold(
        list(prefixes) == sorted(set(prefixes)),
        "prefixes are not sorted or not distinct",
    )
    for number, prefix in enumerate(prefixes):
        parent = tree.parents[number]
        if parent < 0:
            _hold(prefix.length == 0, f"{prefix} is no root")
            continue
        above = prefixes[parent]
        _hold(above.version == prefix.version, f"{prefix}: parent of another family")
        _hold(
            above.value <= prefix.value <= prefix.last <= above.last,
            f"{prefix}: parent",
        )
        _hold(
            parent < number < tree.ends[number] <= tree.ends[parent], f"{prefix}: range"
        )


def verify_atoms(atoms: PortAtoms) -> None:
    """Check that each axis begins with 0, rises, and ends before its size."""
    _hold(len(atoms.starts) == len(AXIS_SIZES), "not one list for each axis")
    for starts, size in zip(atoms.starts, AXIS_SIZES, strict=True):
        _hold(starts[:1] == (0,), "an axis does not begin with 0")
        _hold(list(starts) == sorted(set(starts)), "starts do not rise")
        _hold(starts[-1] < size, "an atom lies outside of its axis")


def verify_resolution(resolution: Resolution) -> None:
    """Check that terms name sets that are there, and that rules are in order."""
    everything = resolution.space.everything
    sets, atoms = resolution.peer_sets, (1 << resolution.atoms.count) - 1
    _hold(len(set(sets)) == len(sets), "peer sets are not distinct")
    _hold(all(bits & ~everything == 0 for bits in sets), "a peer set has no such point")
    for rules in resolution.rules.values():
        places = [rule.place for rule in rules]
        _hold(places == sorted(set(places)), "rules are out of order")
        for rule in rules:
            for term in rule.terms:
                _hold(0 <= term.peers < len(sets), f"{rule.name}: no such peer set")
                _hold(term.traffic & ~atoms == 0, f"{rule.name}: no such atom")
                _hold(term.traffic != 0, f"{rule.name}: a term that matches nothing")


def verify_classes(classes: IdentityClasses, sets: list[Bits]) -> None:
    """Check that no set holds a part of a class."""
    for point, number in enumerate(classes.of_point):
        twin = classes.representatives[number]
        _hold(twin <= point, "the representative is not the first of its class")
        for bits in sets:
            _hold(bits >> point & 1 == bits >> twin & 1, "a set splits a class")


def verify_tables(tables: Tables) -> None:
    """Check that every index leads somewhere, every table is total and canonical."""
    verify_atoms(tables.atoms)
    numbers = [identity.number for identity in tables.identities]
    _hold(numbers == sorted(set(numbers)), "identities are not sorted")
    known = set(numbers)
    for peer in tables.peers:
        _hold(peer.identity in known, f"no identity {peer.identity}")
        _hold(0 <= peer.identity_class < tables.class_count, "no such class")
        for host in (peer.host, peer.api_server_host):
            _hold(0 <= host < len(tables.peers), "no such peer")
    entries = [entry[:3] for entry in tables.addresses]
    _hold(entries == sorted(set(entries)), "addresses are not sorted or not distinct")
    _hold(
        all(0 <= e.peer < len(tables.peers) for e in tables.addresses), "no such peer"
    )
    for table in tables.tables:
        _verify_table(tables, table)
    for decision in tables.decisions:
        rules = (
            decision.rule,
            *decision.because,
            *(rule for _, rule in decision.chain),
        )
        _hold(all(0 <= rule < len(tables.rules) for rule in rules), "no such rule")
        _hold(decision.chain[-1][1] == decision.rule, "the chain ends elsewhere")
        judged = decision.outcome in (Outcome.REDIRECT, Outcome.AUTHENTICATE)
        _hold(bool(decision.argument) == judged, "an argument where nothing judges")
    rule_numbers = [rule.number for rule in tables.rules]
    _hold(len(set(rule_numbers)) == len(rule_numbers), "rule numbers are not distinct")
    _hold(0 not in rule_numbers, "0 is no rule")
    of_endpoints = [(e.ingress_table, e.egress_table) for e in tables.endpoints]
    of_hosts = [(h.ingress_table, h.egress_table) for h in tables.hosts]
    for pair in of_endpoints + of_hosts:
        _hold(all(0 <= table < len(tables.tables) for table in pair), "no such table")


def _verify_table(tables: Tables, table: VerdictTable) -> None:
    _hold(len(table.rows) == tables.class_count, "not one row for each class")
    _hold(len(table.intervals) == tables.atoms.count, "not one interval for each atom")
    rows = len(table.cells) // table.interval_count
    _hold(set(table.rows) == set(range(rows)), "rows are not those of the cells")
    used = set(table.intervals)
    _hold(
        used == set(range(table.interval_count)), "intervals are not those of the cells"
    )
    _hold(max(table.cells) < len(tables.decisions), "no such decision")
    count = table.interval_count
    lines = [tuple(table.cells[row * count : (row + 1) * count]) for row in range(rows)]
    _hold(len(set(lines)) == rows, "two rows are equal")
    _hold(len(set(zip(*lines, strict=True))) == count, "two intervals are equal")

"""Compare what rules say about DNS names (``toFQDNs``), whose addresses no table has yet.

An address that only a name leads to is judged as the rest of the world is, unless a rule
names it.  So a name that comes or goes is a difference like any other, with the peer
``fqdn NAME``, unless a pattern of the other side has it as well; its addresses are known to
the node that asks for them, not here.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from lockgate.ir.policy import (
    Action,
    Direction,
    IcmpMatch,
    NamedPortMatch,
    NamePeer,
    PortMatch,
    Protocol,
)
from lockgate.requests import is_within, normalise_name
from lockgate.review.difference import (
    POLICY,
    SNAPSHOT,
    Kind,
    common_numbers,
    find_change,
    join_ports,
    ranges_of_atoms,
)
from lockgate.review.joint import FIRST_TABLE, NOWHERE
from lockgate.review.requests_text import describe_requests
from lockgate.review.view import ABSENT, DENY, REDIRECT, NameRule, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lockgate.ir.policy import Rule, TrafficMatch
    from lockgate.ir.tables import PortAtoms
    from lockgate.passes.pipeline import Middle
    from lockgate.review.joint import Ground, Group
    from lockgate.review.view import View


def read_name_rules(middle: Middle) -> dict[int, tuple[NameRule, ...]]:
    """Return the rules with names of each verdict table that has some."""
    resolution = middle.resolution
    found: dict[int, tuple[NameRule, ...]] = {}
    of_policy: dict[int, tuple[NameRule, ...]] = {}
    for (policy, direction), rules in resolution.rules.items():
        if direction is Direction.EGRESS:
            named = tuple(
                one
                for resolved in rules
                for one in _of_rule(resolved.rule, resolution.atoms, resolved.name)
            )
            if named:
                of_policy[policy] = named
    for number, subject in enumerate(middle.subjects.subjects if of_policy else ()):
        if subject.direction is Direction.EGRESS:
            some = [one for p in subject.policies for one in of_policy.get(p, ())]
            if some:
                found[number + FIRST_TABLE] = tuple(some)
    return found


def _of_rule(rule: Rule, atoms: PortAtoms, name: str) -> Iterator[NameRule]:
    if rule.action is not Action.ALLOW:
        return
    traffic = frozenset(_atoms(rule.traffic, atoms))
    reason = Reason(
        name[: name.index("#")],
        name,
        "allow",
        rule.span.source.alias,
        rule.span.line,
    )
    for peer in rule.peers:
        if isinstance(peer, NamePeer):
            text = peer.match_name or peer.match_pattern or ""
            yield NameRule(normalise_name(text), traffic, rule.l7, reason)


def _atoms(traffic: Sequence[TrafficMatch] | None, atoms: PortAtoms) -> Iterator[int]:
    """Yield the atoms of some traffic; a name of a port is nothing outside the cluster."""
    if traffic is None:
        yield from range(atoms.count)
        return
    for match in traffic:
        if isinstance(match, PortMatch):
            for protocol in match.protocols:
                first = atoms.find(protocol, match.ports.first)
                yield from range(first, atoms.find(protocol, match.ports.last) + 1)
        elif isinstance(match, IcmpMatch):
            first, last = (0, 255) if match.type is None else (match.type, match.type)
            start = atoms.find(match.protocol, first)
            yield from range(start, atoms.find(match.protocol, last) + 1)
        elif not isinstance(match, NamedPortMatch):
            yield atoms.find(Protocol(match.protocol))


# ---------------------------------------------------------------- comparison


@dataclass(slots=True)
class NameDifference:
    """One name to which something happened, for some subjects."""

    kind: Kind
    name: str
    groups: list[Group] = field(default_factory=list)
    because_before: set[Reason] = field(default_factory=set)
    because_after: set[Reason] = field(default_factory=set)


class _Verdict(NamedTuple):
    text: str
    because: tuple[Reason, ...] = ()


def find_name_differences(
    ground: Ground, before: View, between: View | None, after: View, cause: str
) -> list[NameDifference]:
    """Compare the names of all groups; ``cause`` as for ``find_differences``."""
    sides = [
        None if view is None else _Side(ground, view, place)
        for place, view in enumerate((before, between, after))
    ]
    found: dict[tuple[Kind, str], NameDifference] = {}
    ranges = list(ranges_of_atoms(ground.atoms))
    for group in ground.groups:
        names = {name for side in sides if side for name in side.names(group)}
        for name in sorted(names):
            compare = _Comparison(sides, cause, group, name)
            for kind, because in compare.differences(ranges).items():
                one = found.setdefault((kind, name), NameDifference(kind, name))
                one.groups.append(group)
                one.because_before |= because[0]
                one.because_after |= because[1]
    return list(found.values())


class _Comparison(NamedTuple):
    """One name for one group."""

    sides: Sequence[_Side | None]
    cause: str
    group: Group
    name: str

    def differences(
        self, ranges: Sequence[tuple[int, int, int]]
    ) -> dict[Kind, tuple[set[Reason], set[Reason]]]:
        """Return the reasons before and after of each kind of difference."""
        atoms: dict[tuple[str, str, str, str], list[int]] = defaultdict(list)
        because: dict[tuple[str, str, str, str], tuple[set[Reason], set[Reason]]] = {}
        for atom in range(len(ranges)):
            was, between, now = (self._verdict(side, atom) for side in self.sides)
            change = find_change(was.text, now.text)
            if change is None:
                continue
            cause = self.cause
            if self.sides[1] is not None:
                cause = SNAPSHOT if between.text == now.text else POLICY
            effect = change, cause, was.text, now.text
            atoms[effect].append(atom)
            both = because.setdefault(effect, (set(), set()))
            both[0].update(was.because)
            both[1].update(now.because)
        return {
            Kind(self.group.direction, *effect, join_ports(some, ranges)): because[
                effect
            ]
            for effect, some in atoms.items()
        }

    def _verdict(self, side: _Side | None, atom: int) -> _Verdict:
        if side is None:
            return _Verdict(ABSENT)
        return side.verdict(self.group, self.name, atom)


class _Side:
    """The names of one view on the common ground."""

    def __init__(self, ground: Ground, view: View, place: int) -> None:
        self._view = view
        self._place = place
        self._atoms = common_numbers(ground.atoms, view.atoms)

    def names(self, group: Group) -> set[str]:
        """Return the names that a group's table knows."""
        return {rule.name for rule in self._rules(group)}

    def verdict(self, group: Group, name: str, atom: int) -> _Verdict:
        """Return what an address gets that only this name leads to."""
        number = group.tables[self._place]
        if number == NOWHERE:
            return _Verdict(ABSENT)
        own = self._atoms[atom]
        table = self._view.table(number)
        row = table.rows[self._view.rest] * table.interval_count
        decision = table.cells[row + table.intervals[own]]
        word = self._view.verdicts[decision]
        matching = [
            rule
            for rule in self._rules(group)
            if own in rule.atoms and is_within(name, rule.name)
        ]
        if word != DENY or not matching:
            return _Verdict(word, self._view.read_reasons(decision))
        because = tuple(rule.reason for rule in matching)
        judged = [rule.l7 for rule in matching]
        if all(l7 is None or l7.is_plain for l7 in judged):
            return _Verdict("allow", because)
        return _Verdict(f"{REDIRECT} {describe_requests(judged)}", because)

    def _rules(self, group: Group) -> tuple[NameRule, ...]:
        return self._view.names.get(group.tables[self._place], ())

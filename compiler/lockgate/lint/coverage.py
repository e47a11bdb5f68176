"""Which rules can never decide anything, whatever labels pods have: others come first.

Decided on the selectors, without a snapshot (see ``algebra``).  Rules are asked in the
reverse of their order, and one that was found is no cover for those that are asked later:
all that are found can be taken away together.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from lockgate.ir.labels import NAMESPACE
from lockgate.ir.policy import Action, Direction, Tier
from lockgate.lint.algebra.boxes import TooHardError, find_cover, meets, whole
from lockgate.lint.algebra.rule_boxes import BoxMaker
from lockgate.lint.algebra.value_sets import ABSENT, Words
from lockgate.lint.meaning import may_cover

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lockgate.ir.policy import Policy
    from lockgate.ir.resolution import ResolvedRule
    from lockgate.lint.algebra.boxes import Box, Variable
    from lockgate.lint.algebra.rule_boxes import RuleBoxes
    from lockgate.lint.algebra.value_sets import Values

_MOST_SEARCHES = 500
"""Rules of a set that are looked into after the quick test could not clear them."""


class Covered(NamedTuple):
    """A rule that others cover wholly; ``by`` are those that were needed, in order."""

    rule: ResolvedRule
    by: tuple[ResolvedRule, ...]

    @property
    def is_denied(self) -> bool:
        """Whether it allows what is denied, all of it."""
        return self.rule.rule.action is Action.ALLOW and all(
            other.rule.action is Action.DENY for other in self.by
        )


def as_written(
    rules: Sequence[ResolvedRule], policies: Sequence[Policy]
) -> list[ResolvedRule]:
    """Return rules with groups and services as written, not what the snapshot has there."""
    written = {
        f"{policy.key}#{rule.path}": rule
        for policy in policies
        for direction in Direction
        for rule in policy.section(direction).rules
    }
    return [rule._replace(rule=written[rule.name]) for rule in rules]


def find_covered(rules: Sequence[ResolvedRule]) -> list[Covered]:
    """Return the rules that others cover for every label set; ``rules`` in their order."""
    found = []
    for direction in Direction:
        some = [rule for rule in rules if rule.direction is direction]
        found += _Search(some).run()
    return sorted(found, key=lambda covered: covered.rule.place)


class _Search:
    """The search among the rules of one direction."""

    def __init__(self, rules: Sequence[ResolvedRule]) -> None:
        maker = BoxMaker()
        self._rules = rules
        self._boxes = [maker.rule(r.policy, r.rule, r.direction) for r in rules]
        self._index = _Index(self._boxes)
        self._gone: set[int] = set()
        self._searches = _MOST_SEARCHES
        passes = [
            r.place
            for r in rules
            if r.policy.tier is Tier.ADMIN and r.rule.action is Action.PASS
        ]
        self._first_pass = min(passes, default=None)

    def run(self) -> list[Covered]:
        """Ask every rule, the last first."""
        found = []
        for number in reversed(range(len(self._rules))):
            used = self._cover(number)
            if used is not None:
                self._gone.add(number)
                by = tuple(self._rules[other] for other in sorted(used))
                found.append(Covered(self._rules[number], by))
        return found

    def _cover(self, number: int) -> set[int] | None:
        boxes = self._boxes[number].boxes
        if not boxes or self._rules[number].is_audited:
            return None
        if not all(self._may_be_covered(number, box) for box in boxes):
            return None
        if self._searches == 0:
            return None
        self._searches -= 1
        candidates = self._candidates(number, boxes)
        denials = [c for c in candidates if self._denies(c[1])]
        try:
            # An allowance that is wholly denied is told as that.
            for covers in (denials, candidates):
                used = _cover_all(boxes, covers)
                if used is not None:
                    return used
        except TooHardError:
            pass
        return None

    def _denies(self, number: int) -> bool:
        return self._rules[number].rule.action is Action.DENY

    def _may_be_covered(self, number: int, box: Box) -> bool:
        """Ask at one point of the box: most rules are alone there."""
        point = _Point(box)
        return any(
            point.is_in(cover)
            for cover, other in self._index.near(box)
            if self._counts(other, number)
        )

    def _candidates(self, number: int, boxes: Sequence[Box]) -> list[tuple[Box, int]]:
        """Return the boxes of all that could be a part of the cover."""
        return [
            (cover, other)
            for cover, other in self._index.in_reach(boxes)
            if self._counts(other, number) and any(meets(cover, b) for b in boxes)
        ]

    def _counts(self, other: int, number: int) -> bool:
        if other == number or other in self._gone:
            return False
        cover, rule = self._rules[other], self._rules[number]
        if cover.is_audited or not may_cover(cover, rule):
            return False
        # What a Pass lets through goes on to the next tier, whatever stands behind it.
        return (
            cover.policy.tier is not Tier.ADMIN
            or rule.policy.tier is Tier.ADMIN
            or self._first_pass is None
            or cover.place < self._first_pass
        )


def _cover_all(
    boxes: Sequence[Box], covers: Sequence[tuple[Box, int]]
) -> set[int] | None:
    used: set[int] = set()
    for box in boxes:
        some = find_cover(box, covers)
        if some is None:
            return None
        used |= some
    return used


# ---------------------------------------------------------------- looking up


class _Point:
    """One packet in a box: conditions at an example, everything else absent."""

    def __init__(self, box: Box) -> None:
        self._values = {v: values.example() for v, values in box.items()}

    def is_in(self, box: Box) -> bool:
        """Whether the packet is in another box."""
        return all(self._meets(v, values) for v, values in box.items())

    def _meets(self, variable: Variable, values: Values) -> bool:
        here = self._values.get(variable)
        if isinstance(values, Words):
            return values.has(ABSENT if here is None else str(here))
        if here is None:
            everything = whole(variable)
            here = everything.example()
        number = int(here)
        return any(start <= number < end for start, end in values.ranges)


_Key = tuple[object, ...]


class _Index:
    """Boxes by the namespace of their subject, and by the words of one of its labels."""

    def __init__(self, boxes: Sequence[RuleBoxes]) -> None:
        self._near: dict[_Key, list[tuple[Box, int]]] = defaultdict(list)
        self._reach: dict[str | None, list[tuple[Box, int]]] = defaultdict(list)
        for number, some in enumerate(boxes):
            for box in some.covers:
                self._add(box, number)

    def near(self, box: Box) -> Iterator[tuple[Box, int]]:
        """Yield the boxes that could hold the point at which ``box`` is asked."""
        point: list[_Key] = [()]
        point += [
            (variable, values.example())
            for variable, values in box.items()
            if variable[0] == "subject" and variable != _IN_NAMESPACE
        ]
        namespaces: list[object] = [None]
        inside = box.get(_IN_NAMESPACE)
        if inside is not None:
            namespaces.append(inside.example())
        for namespace in namespaces:
            for label in point:
                yield from self._near.get((namespace, *label), ())

    def in_reach(self, boxes: Sequence[Box]) -> Iterator[tuple[Box, int]]:
        """Yield the boxes whose subjects live in the same namespaces."""
        names = {name for box in boxes for name in _namespaces(box)}
        if None in names:
            for some in self._reach.values():
                yield from some
            return
        for name in (None, *sorted(str(name) for name in names)):
            yield from self._reach.get(name, ())

    def _add(self, box: Box, number: int) -> None:
        labels = _rarest(box)
        for name in _namespaces(box):
            self._reach[name].append((box, number))
            for label in labels:
                self._near[name, *label].append((box, number))


_IN_NAMESPACE = ("subject", "k8s", NAMESPACE)


def _namespaces(box: Box) -> tuple[str | None, ...]:
    values = box.get(_IN_NAMESPACE)
    if isinstance(values, Words) and not values.is_rest:
        return tuple(sorted(values.members))
    return (None,)


def _rarest(box: Box) -> list[_Key]:
    """Return a label of the subject with each word that a packet in the box may have."""
    found: list[tuple[int, Variable, frozenset[str]]] = [
        (len(values.members), variable, values.members)
        for variable, values in box.items()
        if variable[0] == "subject"
        and variable != _IN_NAMESPACE
        and isinstance(values, Words)
        and not values.is_rest
        and ABSENT not in values.members
    ]
    if not found:
        return [()]
    _, variable, words = min(found)
    return [(variable, word) for word in sorted(words)]

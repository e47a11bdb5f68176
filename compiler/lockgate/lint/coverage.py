"""Which rules can never decide anything, whatever labels pods have: others come first.

Decided on the selectors, without a snapshot (see ``algebra``).  Rules are asked in the
reverse of their order, and one that was found is no cover for those that are asked later:
all that are found can be taken away together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lockgate.bitset import members
from lockgate.ir.policy import Action, Direction, Tier
from lockgate.lint.algebra.boxes import Effort, TooHardError, find_cover
from lockgate.lint.algebra.index import BoxIndex
from lockgate.lint.algebra.rule_boxes import BoxMaker
from lockgate.lint.meaning import may_cover

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockgate.bitset import Bits
    from lockgate.ir.policy import Policy
    from lockgate.ir.resolution import ResolvedRule
    from lockgate.lint.algebra.boxes import Box

MOST_LOOKS = 400_000
"""After so many looks at boxes the rest is left out; what is not known is not said."""

MOST_LOOKS_EACH = 20_000
"""The same for one rule."""


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


class Coverage(NamedTuple):
    """What was found; ``skipped`` rules were not compared, since it would take too long."""

    found: tuple[Covered, ...]
    skipped: int


def find_covered(rules: Sequence[ResolvedRule]) -> Coverage:
    """Return the rules that others cover for every label set; ``rules`` in their order."""
    found: list[Covered] = []
    skipped = 0
    for direction in Direction:
        search = _Search([rule for rule in rules if rule.direction is direction])
        found += search.run()
        skipped += search.skipped
    found.sort(key=lambda covered: covered.rule.place)
    return Coverage(tuple(found), skipped)


class _Search:
    """The search among the rules of one direction."""

    def __init__(self, rules: Sequence[ResolvedRule]) -> None:
        maker = BoxMaker()
        self._rules = rules
        made = [maker.rule(r.policy, r.rule, r.direction) for r in rules]
        self._boxes = [some.boxes for some in made]
        # The largest boxes, with the fewest conditions, come first.
        covers = sorted(
            ((box, number) for number, some in enumerate(made) for box in some.covers),
            key=lambda pair: (len(pair[0]), pair[1]),
        )
        self._covers = covers
        self._index = BoxIndex([box for box, _ in covers])
        self._gone: set[int] = set()
        self._left = MOST_LOOKS
        self.skipped = 0
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
        boxes = self._boxes[number]
        if not boxes or self._rules[number].is_audited:
            return None
        # Most rules are alone at one of their points.
        if not all(self._chosen(self._index.at_example(b), number) for b in boxes):
            return None
        meeting = 0
        for box in boxes:
            meeting |= self._index.meeting(box)
        candidates = self._chosen(meeting, number)
        denials = [c for c in candidates if self._denies(c[1])]
        # An allowance that is wholly denied is told as that.
        effort = Effort(min(self._left, MOST_LOOKS_EACH))
        given = effort.left
        try:
            for covers in (denials, candidates):
                used = _cover_all(boxes, covers, effort)
                if used is not None:
                    return used
        except TooHardError:
            self.skipped += 1
        finally:
            self._left -= given - max(effort.left, 0)
        return None

    def _denies(self, number: int) -> bool:
        return self._rules[number].rule.action is Action.DENY

    def _chosen(self, bits: Bits, number: int) -> list[tuple[Box, int]]:
        """Return the boxes of a set that could be a part of the cover of a rule."""
        covers = self._covers
        found = (covers[place] for place in members(bits & (1 << len(covers)) - 1))
        return [pair for pair in found if self._counts(pair[1], number)]

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
    boxes: Sequence[Box], covers: Sequence[tuple[Box, int]], effort: Effort
) -> set[int] | None:
    used: set[int] = set()
    for box in boxes:
        some = find_cover(box, covers, effort)
        if some is None:
            return None
        used |= some
    return used

"""Boxes: conditions on variables that must all hold; and what boxes cover together."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lockgate.lint.algebra.value_sets import ANY_WORD, Ranges, Values, Words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ADDRESSES = Ranges(((0, (1 << 32) + (1 << 128)),))
"""Every address: those of IPv4, and after them those of IPv6."""

TRAFFIC = Ranges(((0, 6 << 16),))
"""Every port of every axis (``ir.tables.AXES``), 65,536 numbers each."""

Variable = tuple[str, ...]
"""``("subject"|"peer", source, key)``, ``("kind",)`` of subject, ``("region",)`` of peer,
``("address",)``, ``("traffic",)``, or ``("fact", ...)``: something that holds (the word "yes")
or does not (absent)."""

Box = dict[Variable, Values]
"""What each variable may be; one that is not named may be anything."""

_WHOLE: Mapping[str, Values] = {"address": ADDRESSES, "traffic": TRAFFIC}

_FEW = 6
"""Of a cover of so many boxes each is tried whether it is needed."""


class TooHardError(Exception):
    """A question took more effort than it may."""


class Effort:
    """Counts looks at boxes, and gives up when there were too many."""

    def __init__(self, most: int) -> None:
        self.left = most

    def spend(self, looks: int) -> None:
        """Count some looks; :class:`TooHardError` where they are too many."""
        self.left -= looks
        if self.left < 0:
            raise TooHardError


def whole(variable: Variable) -> Values:
    """Return everything that a variable can be."""
    return _WHOLE.get(variable[0], ANY_WORD)


def meet_values(one: Values, other: Values) -> Values:
    """Return the values in both; they are of one kind."""
    if isinstance(one, Words):
        return one.meet(cast("Words", other))
    return one.meet(cast("Ranges", other))


def _without(one: Values, other: Values) -> Values:
    if isinstance(one, Words):
        return one.without(cast("Words", other))
    return one.without(cast("Ranges", other))


def join(one: Box, other: Box) -> Box | None:
    """Return the box in which the conditions of both hold; None where none is left."""
    joined = dict(one)
    for variable, values in other.items():
        here = joined.get(variable)
        if here is not None:
            values = meet_values(here, values)
            if values.is_empty:
                return None
        joined[variable] = values
    return joined


def meets(one: Box, other: Box) -> bool:
    """Whether two boxes have something in common, as far as variables are independent."""
    if len(other) < len(one):
        one, other = other, one
    for variable, values in one.items():
        there = other.get(variable)
        if there is not None and meet_values(values, there).is_empty:
            return False
    return True


def find_cover(
    box: Box, covers: Sequence[tuple[Box, int]], effort: Effort
) -> set[int] | None:
    """Return the tags of boxes that together cover one; None where they do not.

    None of them can be left out.  Exact as far as variables are independent: a cover that
    is found holds for every label set.  Raises :class:`TooHardError`.
    """
    used: set[int] = set()
    if not _cover(box, covers, used, effort):
        return None
    for tag in sorted(used, reverse=True) if len(used) <= _FEW else ():
        fewer = used - {tag}
        few = [pair for pair in covers if pair[1] in fewer]
        if fewer and _cover(box, few, set(), effort):
            used = fewer
    return used


def _cover(
    box: Box, covers: Sequence[tuple[Box, int]], used: set[int], effort: Effort
) -> bool:
    """Take away what single boxes hold, and split what is left."""
    left = covers
    while True:
        effort.spend(len(left) + 1)
        kept: list[tuple[Box, int]] = []
        best: tuple[int, Variable, Box] | None = None
        has_shrunk = False
        for pair in left:
            cover, tag = pair
            if not meets(box, cover):
                continue
            edges = [v for v, values in cover.items() if _exceeds(box, v, values)]
            if not edges:
                used.add(tag)
                return True
            if len(edges) == 1:
                # Of the box, it holds all within this one edge.
                (variable,) = edges
                used.add(tag)
                box = {**box, variable: _outside(box, variable, cover)}
                has_shrunk = True
                continue
            kept.append(pair)
            if best is None or len(edges) < best[0]:
                best = len(edges), edges[0], cover
        left = kept
        if not has_shrunk:
            break
    if best is None:
        return False
    _, variable, cover = best
    inside = meet_values(box.get(variable) or whole(variable), cover[variable])
    # What the cover does not hold is asked first: it most often ends the question.
    return _cover(
        {**box, variable: _outside(box, variable, cover)}, left, used, effort
    ) and _cover({**box, variable: inside}, left, used, effort)


def _outside(box: Box, variable: Variable, cover: Box) -> Values:
    return _without(box.get(variable) or whole(variable), cover[variable])


def _exceeds(box: Box, variable: Variable, values: Values) -> bool:
    """Whether the box goes beyond a condition of a cover."""
    here = box.get(variable)
    if here is None:
        here = whole(variable)
    return not _without(here, values).is_empty

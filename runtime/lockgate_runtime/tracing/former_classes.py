"""Which class of binaries of one generation is which one of another.

A parent that has ended is known by its class alone.  Where lists change, that class goes on as
the one of the new generation that has all of its paths; where there is none (a list names some of
them now), nothing is known of such a parent any more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate_runtime.tracing.layout import UNKNOWN_CLASS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


CLASSES = "classes.json"
"""What lists name, beside the tables that are by place: equal paths with their classes, known
prefixes and postfixes, the shorter ones before the longer, and the classes of pairs of those."""
_DAMAGES = (
    *(OSError, ValueError, KeyError, TypeError),
    *(AttributeError, RecursionError, OverflowError),
)


@dataclass(frozen=True)
class Lists:
    """What the rules of a generation compare paths with.

    ``pairs`` has for each prefix (0 is none), and in it for each postfix, the class of paths of
    which those are the longest known ones and that are equal to no value.
    """

    equals: Mapping[str, int]
    prefixes: Sequence[str]
    postfixes: Sequence[str]
    pairs: Sequence[int]

    def class_of(self, path: str) -> int:
        """Return the class of a path."""
        return self.equals.get(path) or self.class_between(path, path)

    def class_between(self, beginning: str, end: str) -> int:
        """Return the class of paths that are no value, and of which no more is known to it."""
        prefix = _last(map(beginning.startswith, self.prefixes))
        postfix = _last(map(end.endswith, self.postfixes))
        return self.pairs[prefix * (len(self.postfixes) + 1) + postfix]

    def knows_less(self, other: Lists) -> bool:
        """Whether nothing is named here that ``other`` does not name, too."""
        return (
            self.equals.keys() <= other.equals.keys()
            and set(self.prefixes) <= set(other.prefixes)
            and set(self.postfixes) <= set(other.postfixes)
        )


def _last(found: map[bool]) -> int:
    """Return the number, from 1 on, of the last that is true; 0 where none is."""
    return max((n for n, is_met in enumerate(found, start=1) if is_met), default=0)


def read_lists(folder: Path) -> Lists | None:
    """Read what a generation compares paths with; None where it does not, or that is lost."""
    try:
        value = json.loads((folder / CLASSES).read_bytes())
        lists = Lists(
            {path: int(class_) for path, class_ in value["equals"].items()},
            tuple(map(str, value["prefixes"])),
            tuple(map(str, value["postfixes"])),
            tuple(map(int, value["pairs"])),
        )
    except _DAMAGES:
        return None
    count = (len(lists.prefixes) + 1) * (len(lists.postfixes) + 1)
    known = {*lists.pairs, *lists.equals.values()}
    is_numbered = 0 < min(known, default=0) <= max(known) <= count + len(lists.equals)
    return lists if len(lists.pairs) == count and is_numbered else None


def same_classes(former: Lists, lists: Lists) -> dict[int, int]:
    """Return by class of ``former`` the class that has all of its paths, where there is one."""
    found: dict[int, set[int]] = {}
    for path, class_ in former.equals.items():
        found.setdefault(class_, set()).add(lists.class_of(path))
    is_simpler = lists.knows_less(former)
    classes = iter(former.pairs)
    for prefix in ("", *former.prefixes):
        for postfix in ("", *former.postfixes):
            # Who else is in this class may be named by the new lists, unless they name less.
            new = lists.class_between(prefix, postfix) if is_simpler else UNKNOWN_CLASS
            found.setdefault(next(classes), set()).add(new)
    return {
        class_: new
        for class_, (new, *others) in sorted(found.items())
        if not others and new != UNKNOWN_CLASS
    }

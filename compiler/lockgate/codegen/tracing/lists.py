"""The list of a generation: what lists in policies become where nobody knows how much that is.

Words of 64 bits, of any number, and an index that says what stands where: the automaton that reads
paths of binaries, the rules that follow classes and numbers of processes, and rows of classes for
which the maps of sites have no room.  Programs know neither how long it is nor where anything
stands in it, so that they go on whatever lists become (``templates/lib/tracing/lists.h``).
"""

from __future__ import annotations

import struct
from dataclasses import replace
from itertools import chain, zip_longest
from typing import TYPE_CHECKING

from lockgate.codegen.tracing.automaton import FOUND
from lockgate.codegen.tracing.classes import NAMESPACED
from lockgate.codegen.tracing.table import Table, spell_set
from lockgate_runtime.tracing.layout import CLASS_ROOM, LIST_INDEX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lockgate.codegen.tracing.classes import Classes

_WORD = 8


class _Words:
    """Words one after the other; the first is 0, so that nothing begins at number 0."""

    def __init__(self) -> None:
        self._words = [0]

    def add(self, words: Iterable[int]) -> int:
        """Append some; return the number of the first."""
        first = len(self._words)
        self._words.extend(words)
        return first

    def __len__(self) -> int:
        return len(self._words)

    def pack(self) -> bytes:
        """Return all of them."""
        return struct.pack(f"<{len(self._words)}Q", *self._words)


def number_rows(tables: Iterable[Table]) -> dict[str, int]:
    """Return the numbers by which programs name tables of rows by class, by their maps."""
    rows = (table.map for table in tables if table.form == "class")
    return {name: number for number, name in enumerate(rows)}


def with_lists(tables: Sequence[Table], classes: Classes) -> Iterator[Table]:
    """Yield tables with what they have no room for in the list, and the list, if there is one."""
    if not (classes.has_paths or classes.numbers or number_rows(tables)):
        yield from tables
        return
    words = _Words()
    index: dict[str, int] = {}
    text: list[str] = []
    if classes.has_paths:
        index |= _add_classes(words, classes)
        known = enumerate(classes.known, start=1)
        text += (f"{number} {class_.name}" for number, class_ in known)
    if classes.numbers:
        index["numbers"] = words.add(chain.from_iterable(classes.numbers.items()))
        index["number_count"] = len(classes.numbers)
        text += (_listed(*item) for item in classes.numbers.items())
    outgrown = []
    for table in tables:
        kept, rest = _split(table) if table.form == "class" else (table, ())
        yield kept
        if table.form == "class":
            outgrown.append(words.add(rest) if rest else 0)
    if any(outgrown):
        index["rows"] = words.add(outgrown)
    yield Table("", "lists", len(words), words.pack(), text=(*text,), form="list")
    packed = LIST_INDEX.pack(**index, byte_class=classes.automaton.classes)
    yield Table("", "list_indexes", 1, packed, form="entry")


def _add_classes(words: _Words, classes: Classes) -> dict[str, int]:
    """Add the automaton, the classes of its outcomes, and the rules that follow those."""
    states = [*map(tuple, _states(classes))]
    return {
        "state_words": len(states[0]),
        "states": words.add(chain.from_iterable(states)),
        "postfixes": len(classes.postfixes) + 1,
        "pairs": words.add(chain.from_iterable(classes.pairs)),
        "followers": words.add(classes.followers),
    }


def _states(classes: Classes) -> Iterator[list[int]]:
    """Yield the words of each state, as ``templates/lib/tracing/binaries.h`` has them."""
    for state, steps in enumerate(classes.automaton.steps):
        marked = [FOUND * bool(classes.prefix_at(step)) | step for step in steps]
        pairs = zip_longest(marked[::2], marked[1::2], fillvalue=0)
        yield [
            classes.prefix_at(state) | classes.postfix_at(state) << 32,
            classes.ends.get(state, 0),
            *(low | high << 32 for low, high in pairs),
        ]


def _split(table: Table) -> tuple[Table, tuple[int, ...]]:
    """Return a table with the rows for which there is room, and the words of the other ones."""
    width = len(table.values) // table.records
    room = CLASS_ROOM * width
    rest = table.values[room:]
    records = min(table.records, CLASS_ROOM)
    words = struct.unpack(f"<{len(rest) // _WORD}Q", rest)
    return replace(table, records=records, values=table.values[:room]), words


def _listed(key: int, rules: int) -> str:
    """Return a line about a number that is followed.

    >>> _listed(1 << 32 | 7, 1)
    '7 in its namespace: rules 0'
    """
    where = " in its namespace" if key & NAMESPACED else ""
    return f"{key & NAMESPACED - 1}{where}: {spell_set(rules, 'rules')}"

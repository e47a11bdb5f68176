"""One automaton that finds all values of a dimension in a string, in one pass over it.

Values are searched as Aho and Corasick do (1975), in a text that has a mark before its first
byte and one behind its last: an equal string is mark, value, mark; a prefix is mark, value; a
postfix is value, mark; a part is the value alone.  So one machine serves all comparisons, as
large as the sum of the values' lengths, and a byte costs one step whatever their number.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lockgate.ir.tracing_selectors import Comparison

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT, START = 0, 1
"""States: nothing is begun; nothing but the mark before the first byte is seen."""

_BEFORE, _BEHIND = 256, 257
OTHER = 0
"""Class of the bytes that no value has."""

FOUND = 1 << 31
"""Set in a step that leads to a state at which values end."""

_STARTS = (Comparison.EQUAL, Comparison.PREFIX)
_ENDS = (Comparison.EQUAL, Comparison.POSTFIX)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A value to find, and the bits that it sets when it is found."""

    comparison: Comparison
    text: bytes
    bits: int

    @property
    def symbols(self) -> list[int]:
        """The value with the marks that its comparison asks for."""
        before = [_BEFORE] if self.comparison in _STARTS else []
        behind = [_BEHIND] if self.comparison in _ENDS else []
        return [*before, *self.text, *behind]


@dataclass(slots=True)
class _Node:
    """A state while the automaton is built."""

    steps: dict[int, int] = field(default_factory=dict)
    failure: int = ROOT
    bits: int = 0


@dataclass(frozen=True, slots=True)
class Automaton:
    """States with a step for each class of bytes.

    ``classes`` gives each byte its class; ``steps[state][class]`` the next state; ``found`` the
    bits that entering a state sets, ``ends`` those that the end of the text sets there.
    ``is_anchored``: every value begins at the text's start, so that ROOT is never left again.
    """

    classes: bytes
    steps: tuple[tuple[int, ...], ...]
    found: tuple[int, ...]
    ends: tuple[int, ...]
    is_anchored: bool

    @property
    def count(self) -> int:
        """How many classes of bytes there are."""
        return 1 + max(self.classes)

    def search(self, text: bytes) -> int:
        """Return the bits of all values in a text, as the programs do."""
        state, bits = START, self.found[START]
        for byte in text:
            state = self.steps[state][self.classes[byte]]
            bits |= self.found[state]
        return bits | self.ends[state]

    def room(self) -> int:
        """Return how many classes a program has room for, so that it outlives other values."""
        return next(size for size in (64, 128, 256) if size >= self.count)

    def pack(self, rows: Sequence[int], room: int) -> bytes:
        """Return the states as ``struct text_state``; ``rows`` gives a set of bits its number."""
        number = {bits: place for place, bits in enumerate(rows)}
        lines = []
        for state, steps in enumerate(self.steps):
            head = struct.pack(
                "<II", number[self.found[state]], number[self.ends[state]]
            )
            marked = [step | (FOUND if self.found[step] else 0) for step in steps]
            marked += [marked[OTHER]] * (room - len(marked))
            lines.append(head + struct.pack(f"<{room}I", *marked))
        return b"".join(lines)

    def outcomes(self) -> list[int]:
        """Return the different sets of bits; the first is empty."""
        found = sorted({*self.found, *self.ends} - {0})
        return [0, *found]


def build_automaton(patterns: Iterable[Pattern], *, ignores_case: bool) -> Automaton:
    """Return the automaton of some values; ``ignores_case`` folds A-Z to a-z."""
    ordered = sorted(patterns, key=lambda p: (p.symbols, p.bits))
    if ignores_case:
        ordered = [Pattern(p.comparison, p.text.lower(), p.bits) for p in ordered]
    nodes = [_Node(), _Node()]
    nodes[ROOT].steps[_BEFORE] = START
    for pattern in ordered:
        state = ROOT
        for symbol in pattern.symbols:
            following = nodes[state].steps.get(symbol)
            if following is None:
                following = nodes[state].steps[symbol] = len(nodes)
                nodes.append(_Node())
            state = following
        nodes[state].bits |= pattern.bits
    order = _link(nodes)
    classes = _classes(ordered, ignores_case=ignores_case)
    return _flatten(nodes, order, classes, ordered)


def _link(nodes: list[_Node]) -> list[int]:
    """Set each state's failure: the longest end of it that begins a value; return the order."""
    order = [ROOT]
    waiting = deque(nodes[ROOT].steps.values())
    while waiting:
        state = waiting.popleft()
        order.append(state)
        node = nodes[state]
        node.bits |= nodes[node.failure].bits
        for symbol, following in node.steps.items():
            failure = node.failure
            while failure and symbol not in nodes[failure].steps:
                failure = nodes[failure].failure
            other = nodes[failure].steps.get(symbol, ROOT)
            nodes[following].failure = other if other != following else ROOT
            waiting.append(following)
    return order


def _classes(patterns: Iterable[Pattern], *, ignores_case: bool) -> bytes:
    used = sorted({byte for pattern in patterns for byte in pattern.text})
    classes = bytearray(256)
    for number, byte in enumerate(used, start=1):
        classes[byte] = number
    if ignores_case:
        for byte in range(ord("A"), ord("Z") + 1):
            classes[byte] = classes[byte + 32]
    return bytes(classes)


def _flatten(
    nodes: list[_Node],
    order: Sequence[int],
    classes: bytes,
    patterns: Sequence[Pattern],
) -> Automaton:
    """Give every state a step for every class, and what the end of the text finds."""
    bytes_of = {number: byte for byte, number in enumerate(classes) if number}
    count = 1 + max(classes)
    steps = [[ROOT] * count for _ in nodes]
    ends = [0] * len(nodes)
    for state in order:
        node = nodes[state]
        for number in range(count):
            symbol = bytes_of.get(number, -1)
            following = node.steps.get(symbol)
            if following is None:
                following = steps[node.failure][number] if state else ROOT
            steps[state][number] = following
        behind = node.steps.get(_BEHIND)
        inherited = ends[node.failure] if state else 0
        ends[state] = inherited | (nodes[behind].bits if behind is not None else 0)
    found = tuple(node.bits for node in nodes)
    return Automaton(
        classes,
        tuple(map(tuple, steps)),
        found,
        tuple(ends),
        all(p.comparison in _STARTS for p in patterns),
    )

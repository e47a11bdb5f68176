"""Paths of binaries collapse to classes: two paths are one where no rule tells them apart.

Before: what all selectors of a generation compare binaries with.  After: the classes, numbered
from 1 (0 is a process of which nothing is known), and the automaton that gives a path its class.
A path that equals a value has the class of that value; any other that of the longest prefix
and the longest postfix that it has.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate.codegen.tracing.automaton import Automaton, Pattern, build_automaton
from lockgate.codegen.tracing.patterns import encode
from lockgate.ir.site import BinaryTest, Facet, FollowRule, NumberTest, follow_rule
from lockgate.ir.tracing_selectors import Comparison

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.ir.site import Generation

LISTS = "classes.json"
"""See :mod:`lockgate_runtime.tracing.former_classes`."""
NAMESPACED = 1 << 32
"""Added to a number that a process has in a pid namespace of its own."""
_BINARIES = (Facet.BINARY, Facet.PARENT_BINARY, Facet.FOLLOWED)


@dataclass(frozen=True, slots=True)
class BinaryClass:
    """Paths that are alike: ``name`` for people, ``tests`` those that hold for them."""

    name: str
    tests: frozenset[BinaryTest]

    def holds(self, comparison: Comparison, values: tuple[str, ...]) -> bool:
        """Whether a comparison holds for these paths."""
        return BinaryTest(comparison, values) in self.tests


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes from 1 on, and the tables of the program that classifies.

    The automaton's bits are numbers here: entering a state sets the prefix, the end of the text
    gives the postfix, or the class of a value that is equal (``equals``; in ``ends`` by state).
    ``pairs[prefix][postfix]`` is the class of all others.  ``followers`` has for each class the
    rules that follow its processes, ``numbers`` for each number of a process, with NAMESPACED
    added for one in its own namespace.
    """

    known: tuple[BinaryClass, ...]
    automaton: Automaton
    equals: dict[bytes, int]
    ends: dict[int, int]
    prefixes: tuple[bytes, ...]
    postfixes: tuple[bytes, ...]
    pairs: tuple[tuple[int, ...], ...]
    followers: tuple[int, ...]
    numbers: dict[int, int]

    @property
    def has_paths(self) -> bool:
        """Whether any rule tells binaries apart."""
        return self.automaton.count > 1

    def classify(self, path: bytes) -> int:
        """Return a path's class, as the program does."""
        state, prefix = 1, 0
        automaton = self.automaton
        for byte in path:
            state = automaton.steps[state][automaton.classes[byte]]
            prefix = self.prefix_at(state) or prefix
        return self._end(state, prefix or self.prefix_at(1))

    def prefix_at(self, state: int) -> int:
        """Return the longest known prefix that ends at a state; 0 for none."""
        return _longest(self.automaton.found[state], len(self.prefixes), 0)

    def postfix_at(self, state: int) -> int:
        """Return the longest known postfix of a text that ends at a state; 0 for none."""
        ends = self.automaton.ends[state]
        return _longest(ends, len(self.postfixes), len(self.prefixes))

    def _end(self, state: int, prefix: int) -> int:
        return self.ends.get(state, 0) or self.pairs[prefix][self.postfix_at(state)]


def _longest(bits: int, count: int, first: int) -> int:
    """Return the number (from 1) of the last of some bits; values are in order of length."""
    return (bits >> first & (1 << count) - 1).bit_length()


def collect_classes(generation: Generation) -> Classes:
    """Return the classes of a generation."""
    rules = {
        follow_rule(test)
        for site in generation.sites
        for dimension in site.dimensions
        if dimension.facet in _BINARIES
        for test in dimension.tests
    }
    tests = sorted(
        (rule for rule in rules if isinstance(rule, BinaryTest)),
        key=lambda found: (found.comparison.value, found.values),
    )
    prefixes = _values(tests, Comparison.PREFIX)
    postfixes = _values(tests, Comparison.POSTFIX)
    equals = _values(tests, Comparison.EQUAL)
    patterns = [
        *(Pattern(Comparison.PREFIX, t, 1 << n) for n, t in enumerate(prefixes)),
        *(
            Pattern(Comparison.POSTFIX, t, 1 << n + len(prefixes))
            for n, t in enumerate(postfixes)
        ),
        *(Pattern(Comparison.EQUAL, t, 0) for t in equals),
    ]
    automaton = build_automaton(patterns, ignores_case=False)
    numbers: dict[frozenset[BinaryTest], int] = {}
    known: list[BinaryClass] = []

    def number(name: str, holding: frozenset[BinaryTest]) -> int:
        if holding not in numbers:
            known.append(BinaryClass(name, holding))
            numbers[holding] = len(known)
        return numbers[holding]

    pairs = tuple(
        tuple(
            number(
                _name(prefix, postfix),
                frozenset(t for t in tests if _is_met(t, prefix, postfix)),
            )
            for postfix in (b"", *postfixes)
        )
        for prefix in (b"", *prefixes)
    )
    of_value, ends = {}, {}
    for value in equals:
        state = 1
        for byte in value:
            state = automaton.steps[state][automaton.classes[byte]]
        holding = frozenset(t for t in tests if _is_equal(t, value))
        of_value[value] = number(value.decode(errors="replace"), holding)
        ends[state] = of_value[value]
    followers = [0]
    followed = generation.followed
    for class_ in known:
        bits = 0
        for bit, rule in enumerate(followed):
            if isinstance(rule, BinaryTest) and rule in class_.tests:
                bits |= 1 << bit
        followers.append(bits)
    return Classes(
        tuple(known),
        automaton,
        of_value,
        ends,
        prefixes,
        postfixes,
        pairs,
        tuple(followers),
        _numbers(followed),
    )


def print_lists(classes: Classes) -> bytes:
    """Return what lists name, as the file LISTS has it."""
    value = {
        "equals": {_decode(path): n for path, n in sorted(classes.equals.items())},
        "prefixes": [*map(_decode, classes.prefixes)],
        "postfixes": [*map(_decode, classes.postfixes)],
        "pairs": [class_ for row in classes.pairs for class_ in row],
    }
    return (json.dumps(value, indent=1) + "\n").encode()


def _decode(path: bytes) -> str:
    return path.decode(errors="surrogateescape")


def _numbers(followed: Iterable[FollowRule]) -> dict[int, int]:
    """Return for each number that is followed the rules that do, as bits."""
    found: dict[int, int] = {}
    for bit, rule in enumerate(followed):
        if isinstance(rule, NumberTest):
            for number in rule.numbers:
                key = number | NAMESPACED if rule.is_namespaced else number
                found[key] = found.get(key, 0) | 1 << bit
    return dict(sorted(found.items()))


def _values(tests: Iterable[BinaryTest], comparison: Comparison) -> tuple[bytes, ...]:
    """Return the values of one comparison, the shorter before the longer."""
    found = {
        encode(value)
        for test in tests
        if test.comparison is comparison
        for value in test.values
    }
    return tuple(sorted(found, key=lambda value: (len(value), value)))


def _is_met(test: BinaryTest, prefix: bytes, postfix: bytes) -> bool:
    """Whether a test holds for a path of which these are the longest known ends."""
    values = tuple(map(encode, test.values))
    if test.comparison is Comparison.PREFIX:
        return any(prefix.startswith(value) for value in values)
    if test.comparison is Comparison.POSTFIX:
        return any(postfix.endswith(value) for value in values)
    return False


def _is_equal(test: BinaryTest, path: bytes) -> bool:
    if test.comparison is Comparison.EQUAL:
        return path in map(encode, test.values)
    return _is_met(test, path, path)


def _name(prefix: bytes, postfix: bytes) -> str:
    before, behind = (part.decode(errors="replace") for part in (prefix, postfix))
    return f"{before}*{behind}" if before or behind else "any other"

"""What the names of a path say about the tests of a dimension, before the path is a string.

Before: tests that compare a path with strings.  After: a tree of names from the root, which
decides Equal and Prefix, and ends of the last name, which decide Postfix.  Both say which
selectors may go on, and for whom of them the string must be asked, too (``Judgement``).  A name
of up to eight bytes is known exactly; a longer one is known by a hash, which tells names apart
but does not prove that two are the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lockgate.codegen.tracing.masks import everyone, mask_of, negated, used
from lockgate.codegen.tracing.patterns import encode
from lockgate.ir.tracing_selectors import Comparison

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lockgate.ir.site import Dimension, Site

WORD = 8
"""Bytes of a name that are its key as they are."""

NAME_WORDS = 4
"""Words of a longer name that its hash is made of (name_key.h)."""

TAIL = 8
"""Bytes at the end of a path by which Postfix is decided."""

_FACTOR = 0x9E3779B97F4A7C15
_MOST = (1 << 64) - 1
_LONG = ord("/")
"""The first byte of a hash: no name begins with it."""

BY_NAMES = frozenset({Comparison.EQUAL, Comparison.PREFIX})
"""Comparisons that the names from the root on decide."""

BY_TAILS = frozenset({Comparison.POSTFIX})
"""Comparisons that the end of the last name decides."""

EMPTY = 1
"""The number of the node for a path that is empty, as a pipe's is."""


def key_of(name: bytes) -> int:
    r"""Return what programs tell a name by.

    >>> key_of(b"etc").to_bytes(8, "little")
    b'etc\x00\x00\x00\x00\x00'
    """
    if len(name) <= WORD:
        return int.from_bytes(name, "little")
    mixed, known = 0, name[: WORD * NAME_WORDS]
    for at in range(0, len(known), WORD):
        word = int.from_bytes(known[at : at + WORD], "little")
        mixed = (mixed ^ word) * _FACTOR & _MOST
        mixed ^= mixed >> 32
    return mixed & ~0xFF | _LONG


def child_bit(key: int) -> int:
    """Return the bit that stands for a name among those below a directory."""
    return 1 << ((key * _FACTOR & _MOST) >> 58)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Sets of selectors: those who ``may`` go on, and those whom the string decides (``open``)."""

    may: int = 0
    open: int = 0


@dataclass(slots=True)
class Node:
    """A path that some value has or begins with.

    Sets of selectors: ``whole`` are those with a value that is this path, ``below`` those with
    one that ends behind its slash, ``parts`` those with one that goes on with a part of a name.
    ``passes`` holds where the path goes on with a name that is no child and begins with no
    part, ``ends`` where it ends here, ``beginnings`` where the name begins with so much.
    """

    path: bytes
    is_exact: bool = True
    children: dict[int, Node] = field(default_factory=dict)
    whole: int = 0
    below: int = 0
    parts: dict[bytes, int] = field(default_factory=dict)
    passes: Judgement = Judgement()
    ends: Judgement = Judgement()
    beginnings: dict[bytes, Judgement] = field(default_factory=dict)
    number: int = 0

    def begun_by(self, name: bytes) -> int:
        """Return who has a part that a name begins with."""
        return _join(each for part, each in self.parts.items() if name.startswith(part))


@dataclass(frozen=True, slots=True)
class NameTree:
    """The nodes in the order of their numbers: the root directory, the empty path, the others."""

    nodes: tuple[Node, ...]

    def search(self, path: bytes) -> Judgement:
        """Return who may go on, as the programs find it."""
        if not path:
            return self.nodes[EMPTY].ends
        node = self.nodes[0]
        for name in path[1:].split(b"/") if path != b"/" else ():
            following = node.children.get(key_of(name))
            if following is None:
                begun = [part for part in node.beginnings if name.startswith(part)]
                return node.beginnings[max(begun, key=len)] if begun else node.passes
            node = following
        return node.ends

    def edges(self) -> Iterator[tuple[int, int, int]]:
        """Yield key of a name, number of the directory, number of what is in it."""
        for node in self.nodes:
            for key, child in sorted(node.children.items()):
                yield key, node.number, child.number


def build_tree(dimension: Dimension, site: Site) -> NameTree:
    """Return the tree of a dimension's Equal and Prefix tests."""
    root, empty = Node(b"/"), Node(b"", number=EMPTY)
    always = nothing = 0
    for test in dimension.tests:
        if test.comparison in BY_NAMES:
            for value in map(encode, test.texts):
                _insert(root, value, 1 << test.selector, test.comparison)
            if "" in test.texts:
                nothing |= 1 << test.selector
                always |= (test.comparison is Comparison.PREFIX) << test.selector
    judge = _judge(dimension, site, BY_NAMES)
    empty.passes = empty.ends = judge(nothing, nothing)
    nodes: list[Node] = []
    waiting = [(root, always, always), (empty, nothing, nothing)]
    for node, may, sure in waiting:
        node.number = len(nodes)
        nodes.append(node)
        if node is empty:
            continue
        node.ends = judge(may | node.whole, sure | node.whole * node.is_exact)
        may |= node.below
        sure |= node.below * node.is_exact
        node.passes = judge(may, sure)
        # Without a part: where a name is in the tree of parts, but begins with none of them.
        for part in {b"", *(part[:WORD] for part in node.parts)} if node.parts else ():
            met = _join(n for p, n in node.parts.items() if part.startswith(p[:WORD]))
            proven = node.begun_by(part) * node.is_exact
            node.beginnings[part] = judge(may | met, sure | proven)
        for _, child in sorted(node.children.items()):
            name = child.path.rpartition(b"/")[2]
            begun = node.begun_by(name)
            # Another name may have the key of a long one, and begin otherwise.
            begins = begun if len(name) <= WORD else _join(node.parts.values())
            waiting.append((child, may | begins, sure | begun * child.is_exact))
    return NameTree(tuple(nodes))


def _judge(
    dimension: Dimension, site: Site, comparisons: frozenset[Comparison]
) -> Callable[[int, int], Judgement]:
    """Return what makes a judgement of whose values are met, perhaps and surely."""
    asking = mask_of(t.selector for t in dimension.tests if t.comparison in comparisons)
    turned = negated(dimension) & asking
    others = everyone(len(site.selectors)) & ~asking
    elsewhere = used(dimension) & ~asking

    def judge(may: int, sure: int) -> Judgement:
        going = others | (may & ~turned) | (turned & ~sure)
        return Judgement(going, elsewhere | (may & ~sure & asking))

    return judge


def _join(sets: Iterable[int]) -> int:
    joined = 0
    for each in sets:
        joined |= each
    return joined


def _insert(root: Node, value: bytes, bit: int, comparison: Comparison) -> None:
    """Put a value into the tree; one that no path can have or begin with is left out."""
    if not value.startswith(b"/") or b"\0" in value:
        return
    *names, last = value[1:].split(b"/")
    if b"" in names:
        return
    node = root
    for name in names:
        node = _child(node, name)
    if comparison is Comparison.PREFIX and last:
        node.parts[last] = node.parts.get(last, 0) | bit
    elif comparison is Comparison.PREFIX:
        node.below |= bit
    elif last:
        _child(node, last).whole |= bit
    if not names and not last:
        node.whole |= bit


def _child(node: Node, name: bytes) -> Node:
    key = key_of(name)
    found = node.children.get(key)
    if found is None:
        path = node.path.rstrip(b"/") + b"/" + name
        found = Node(path, node.is_exact and len(name) <= WORD)
        node.children[key] = found
    return found


@dataclass(frozen=True, slots=True)
class Tails:
    """What the last bytes of a path say: each end backwards, with its judgement.

    The first is empty, for paths that have no other.  An end goes no further back than the
    slash before the last name.
    """

    rows: tuple[tuple[bytes, Judgement], ...]

    def search(self, path: bytes) -> Judgement:
        """Return who may go on, as the programs find it."""
        last = path[path.rindex(b"/") :][-TAIL:][::-1]
        fitting = [found for found in self.rows if last.startswith(found[0])]
        return max(fitting, key=lambda found: len(found[0]))[1]


def build_tails(dimension: Dimension, site: Site) -> Tails:
    """Return the ends of a dimension's Postfix tests."""
    may: dict[bytes, int] = {b"": 0}
    sure: dict[bytes, int] = {}
    for test in dimension.tests:
        for value in map(encode, test.texts):
            if test.comparison is not Comparison.POSTFIX or b"\0" in value:
                continue
            bit = 1 << test.selector
            end = value[max(value.rfind(b"/"), 0) :][-TAIL:]
            may[end[::-1]] = may.get(end[::-1], 0) | bit
            if end == value:
                sure[end[::-1]] = sure.get(end[::-1], 0) | bit
    judge = _judge(dimension, site, BY_TAILS)
    rows = []
    for end in sorted(may):
        shorter = [end[:size] for size in range(len(end) + 1)]
        met = _join(may.get(each, 0) for each in shorter)
        proven = _join(sure.get(each, 0) for each in shorter)
        rows.append((end, judge(met, proven)))
    return Tails(tuple(rows))


def has_names(dimension: Dimension) -> bool:
    """Whether some test is decided by names from the root on."""
    return any(test.comparison in BY_NAMES for test in dimension.tests)


def has_tails(dimension: Dimension) -> bool:
    """Whether some test is decided by the end of the last name."""
    return any(test.comparison in BY_TAILS for test in dimension.tests)


def has_parts(dimension: Dimension) -> bool:
    """Whether values may end within a name."""
    return any(test.comparison is Comparison.PREFIX for test in dimension.tests)


def is_equal(dimension: Dimension) -> bool:
    """Whether names decide Equal alone, so that the last one often ends the matter."""
    decided = {test.comparison for test in dimension.tests} & BY_NAMES
    return decided == {Comparison.EQUAL}


def last_names(dimension: Dimension) -> list[int]:
    """Return the keys of the last names of all paths that are asked for."""
    return sorted(
        {
            key_of(encode(text).rpartition(b"/")[2])
            for test in dimension.tests
            if test.comparison is Comparison.EQUAL
            for text in test.texts
        }
    )

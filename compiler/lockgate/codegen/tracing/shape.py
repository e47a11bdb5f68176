"""The shape of a site's dimensions: what of them is C text, and what the tables are called.

Before: a site.  After: for each dimension the names, room and comments that the templates
print.  No value of a policy gets in here, but how many there are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from lockgate.codegen.tracing.automaton import build_automaton
from lockgate.codegen.tracing.intervals import room_for
from lockgate.codegen.tracing.masks import mask_of, negated, spell, used
from lockgate.codegen.tracing.name_tree import (
    has_names,
    has_parts,
    has_tails,
    is_equal,
)
from lockgate.codegen.tracing.patterns import patterns_of
from lockgate.codegen.tracing.readers import may_be_nowhere
from lockgate.ir.expression import ARGUMENT, CAST, LITERAL
from lockgate.ir.site import BY_NUMBER, Facet, Origin, follow_key
from lockgate.ir.tracing_selectors import Comparison, Namespace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockgate.ir.expression import Expression
    from lockgate.ir.site import Dimension, Generation, Site, Test

NUMBERS = frozenset(
    {
        Facet.PID,
        Facet.NUMBER,
        Facet.NAMESPACE_PID,
        Facet.PROTOCOL,
        Facet.FAMILY,
        Facet.STATE,
        Facet.SOURCE_PORT,
        Facet.DESTINATION_PORT,
        Facet.FILE_TYPE,
    }
)
"""Facets that are numbers and collapse to intervals."""

CHANGES = frozenset({Facet.NAMESPACE_CHANGE, Facet.CAPABILITY_CHANGE})
"""Facets that compare a process with what its record says it began with."""

BITS = CHANGES | {Facet.BITS, Facet.CAPABILITY, Facet.CAPABILITIES_GAINED}
"""Facets of which some bits are asked."""

BINARIES = {Facet.BINARY: "binary", Facet.PARENT_BINARY: "parent_binary"}
"""Facets that are classes of a process, and the members of its record."""

SOCKETS = {
    Facet.PROTOCOL: "protocol",
    Facet.FAMILY: "family",
    Facet.STATE: "state",
    Facet.SOURCE_PORT: "source_port",
    Facet.DESTINATION_PORT: "destination_port",
    Facet.SOURCE_ADDRESS: "source",
    Facet.DESTINATION_ADDRESS: "destination",
}
"""Facets of sockets, and the members of struct socket_value."""

ADDRESSES = frozenset({Facet.SOURCE_ADDRESS, Facet.DESTINATION_ADDRESS})
"""Facets that are addresses and collapse to prefixes."""

NAMESPACE_READS = {
    Namespace.UTS: "NAMESPACE_OF(uts_ns)",
    Namespace.IPC: "NAMESPACE_OF(ipc_ns)",
    Namespace.MNT: "NAMESPACE_OF(mnt_ns)",
    Namespace.PID: "pid_namespace()",
    Namespace.PID_FOR_CHILDREN: "NAMESPACE_OF(pid_ns_for_children)",
    Namespace.NET: "NAMESPACE_OF(net_ns)",
    Namespace.TIME: "NAMESPACE_OF(time_ns)",
    Namespace.TIME_FOR_CHILDREN: "NAMESPACE_OF(time_ns_for_children)",
    Namespace.CGROUP: "NAMESPACE_OF(cgroup_ns)",
    Namespace.USER: "user_namespace()",
}
"""C's expressions for the inodes of the task's namespaces."""

NAMESPACE_PLACES = {space: space.name for space in Namespace}
"""Names of their places in struct process (``NAMESPACE_...``)."""

TEXTS = frozenset({Facet.TEXT, Facet.PATH})
"""Facets that are strings."""

JUDGED_TEXTS = 5
"""Strings of one site that can be judged: the rooms of rooms.h but the last."""


INLINE_INTERVALS = 8
"""Intervals that a program looks through in its own text; more have a function of their own."""


@dataclass(frozen=True, slots=True)
class ShapedTest:
    """A test as far as it is code: ``bit`` is that of a rule that follows processes.

    ``truth`` is C's expression for an expression, ``is_there`` for whether all that it is about
    can be read.
    """

    selector: int
    bit: int = 0
    truth: str = ""
    is_there: str = ""


@dataclass(frozen=True, slots=True)
class ShapedDimension:
    """What the templates print of a dimension; ``kind`` chooses them, ``number`` names its maps."""

    number: str
    kind: str
    title: str
    sources: list[str]
    asking: str
    negated: str
    value: int = 0
    about: int | None = None
    expression: str = ""
    is_there: str = ""
    room: int = 0
    steps: list[int] = field(default_factory=list)
    tests: list[ShapedTest] = field(default_factory=list)
    is_large: bool = False
    is_costly: bool = False
    is_anchored: bool = False
    is_typed: str = "false"
    is_judged_by_names: bool = False
    has_names: bool = False
    has_parts: bool = False
    has_tails: bool = False
    is_equal: bool = False
    member: str = ""
    hosts: str = ""
    text: int = 0
    read: str = ""
    dentry: str = ""
    mount: str = ""
    open: str = ""
    is_change: bool = False


def text_rooms(site: Site) -> dict[int, int]:
    """Return for each value that is judged as a string the room that it is read into."""
    values = dict.fromkeys(
        dimension.value
        for dimension in site.dimensions
        if dimension.facet in TEXTS and dimension.value is not None
    )
    return {value: room for room, value in enumerate(values)}


def table_kind(dimension: Dimension) -> str:
    """Return what kind of tables a dimension has."""
    facet = dimension.facet
    if facet is Facet.FOLLOWED and dimension.detail == BY_NUMBER:
        return "numbered"
    if facet in NUMBERS:
        return "number"
    if facet is Facet.NAMESPACE:
        return "namespace"
    if facet in BITS:
        return "bits"
    if facet in BINARIES:
        return "binary"
    if facet in ADDRESSES:
        return "address"
    return "text" if facet in TEXTS else facet.value


def literals_of(dimension: Dimension) -> list[int]:
    """Return the literals of a dimension's expressions, in the order of its table."""
    return [
        leaf.number & (1 << 64) - 1
        for test in dimension.tests
        if test.expression
        for leaf in test.expression.leaves(LITERAL)
    ]


def is_signed(dimension: Dimension, site: Site) -> bool:
    """Whether the numbers of a dimension may be less than zero."""
    if dimension.facet is not Facet.NUMBER or dimension.value is None:
        return False
    return site.values[dimension.value].reading.is_signed


def title(dimension: Dimension, site: Site) -> str:
    """Return what a dimension judges, for comments."""
    if dimension.facet is Facet.WORKLOAD:
        return "pod, container, host or node"
    words = sorted({_word(test) for test in dimension.tests})
    if dimension.value is None:
        what = f"{dimension.detail} {dimension.facet.value}".strip()
    else:
        value = site.values[dimension.value]
        where = {
            Origin.ARGUMENT: f"argument {value.index}",
            Origin.DATA: "data of the task",
            Origin.RETURN: "the return value",
        }[value.origin]
        what = f"{where} ({value.type.value})"
        if dimension.facet not in (Facet.NUMBER, Facet.BITS, *TEXTS):
            what += f", its {dimension.facet.value}"
    return f"{what}: {', '.join(words)}"


def _word(test: Test) -> str:
    return ("Not" if test.is_negated else "") + test.comparison.value


def shape_dimension(
    number: int, dimension: Dimension, site: Site, generation: Generation
) -> ShapedDimension:
    """Return what the templates print of one dimension of a site."""
    kind = table_kind(dimension)
    words = site.words
    room = _room(kind, dimension)
    hosts = mask_of(t.selector for t in dimension.tests if "host" in t.texts)
    numbers = count()
    tests = [
        ShapedTest(
            test.selector,
            _bit(dimension, test, generation),
            _truth(test.expression, numbers) if test.expression else "",
            _are_there((leaf.number for leaf in test.expression.leaves(ARGUMENT)), site)
            if test.expression
            else "",
        )
        for test in dimension.tests
    ]
    return ShapedDimension(
        number=f"{site.number}_{number}",
        kind=kind,
        title=title(dimension, site),
        sources=[f"{test.selector}: {test.span.place}" for test in dimension.tests[:8]],
        asking=spell(used(dimension), words),
        negated=spell(negated(dimension), words),
        value=dimension.value or 0,
        about=dimension.value,
        expression=_expression(dimension, site),
        is_there=_are_there(_numbers_of(dimension), site),
        room=room,
        steps=_halves(room) if kind in ("number", "namespace") else [],
        is_large=room > INLINE_INTERVALS,
        tests=tests,
        is_costly=dimension.value is not None
        and bool(site.values[dimension.value].reading.steps),
        is_anchored=_is_anchored(dimension),
        has_names=has_names(dimension),
        has_parts=has_parts(dimension),
        has_tails=has_tails(dimension),
        is_equal=is_equal(dimension),
        member=NAMESPACE_PLACES[Namespace(dimension.detail)]
        if kind == "namespace"
        else (BINARIES | SOCKETS).get(dimension.facet, ""),
        hosts=spell(hosts, words) if hosts else "",
        open=_open(dimension, words),
        is_change=dimension.facet in CHANGES,
    )


def _numbers_of(dimension: Dimension) -> list[int]:
    """Return the values whose numbers a dimension judges."""
    if dimension.value is None or dimension.facet in (*TEXTS, *SOCKETS):
        return []
    is_pair = dimension.facet is Facet.CAPABILITIES_GAINED
    return [dimension.value, *([int(dimension.detail)] if is_pair else [])]


def _are_there(values: Iterable[int], site: Site) -> str:
    """Return C's expression for whether values are there; empty where nothing can be missing."""
    return " && ".join(
        f"is_there_{number}(context)"
        for number in dict.fromkeys(values)
        if may_be_nowhere(site.values[number])
    )


def _open(dimension: Dimension, words: int) -> str:
    """Return who cannot tell from a text's beginning alone: they look for its end, or a part."""
    if dimension.facet is not Facet.TEXT:
        return ""
    found = mask_of(
        test.selector
        for test in dimension.tests
        if test.comparison not in (Comparison.EQUAL, Comparison.PREFIX)
    )
    return spell(found, words) if found else ""


def _truth(part: Expression, literals: Iterator[int]) -> str:
    """Return an expression in C; its literals are in a table, in their order."""
    kind = part.type.value
    if part.operator == LITERAL:
        return f"({kind})table->of[{next(literals)}]"
    if part.operator == ARGUMENT:
        return f"({kind})value_{part.number}(context)"
    parts = [_truth(inner, literals) for inner in part.parts]
    if part.operator == CAST:
        return f"({kind})({parts[0]})"
    if len(parts) == 1:
        return f"({kind})({part.operator}({parts[0]}))"
    joined = f" {part.operator} ".join(f"({inner})" for inner in parts)
    return f"({kind})({joined})"


def _bit(dimension: Dimension, test: Test, generation: Generation) -> int:
    if dimension.facet is not Facet.FOLLOWED:
        return 0
    return generation.follow_bits[follow_key(test)]


def _room(kind: str, dimension: Dimension) -> int:
    if kind in ("number", "namespace"):
        return room_for(dimension)
    if kind == "expression":
        return max(1, len(literals_of(dimension)))
    if kind == "text":
        return build_automaton(
            patterns_of(dimension), ignores_case=_ignores_case(dimension)
        ).room()
    return 0


def _ignores_case(dimension: Dimension) -> bool:
    return any(
        test.comparison is Comparison.SUBSTRING_IGNORE_CASE for test in dimension.tests
    )


def _is_anchored(dimension: Dimension) -> bool:
    return all(
        test.comparison in (Comparison.EQUAL, Comparison.PREFIX)
        for test in dimension.tests
    )


def _halves(room: int) -> list[int]:
    """Return the steps of a search by halving.

    >>> _halves(8)
    [4, 2, 1]
    """
    return [room >> shift for shift in range(1, room.bit_length())]


def _expression(dimension: Dimension, site: Site) -> str:
    """Return C's expression for the number that a dimension judges."""
    if dimension.value is None:
        return _expression_of_process(dimension)
    if dimension.facet in SOCKETS:
        return f"socket_{dimension.value}.{SOCKETS[dimension.facet]}"
    value = f"value_{dimension.value}(context)"
    if dimension.facet is Facet.CAPABILITIES_GAINED:
        return f"value_{dimension.detail}(context) & ~{value}"
    return f"{value} ^ 1ULL << 63" if is_signed(dimension, site) else value


def _expression_of_process(dimension: Dimension) -> str:
    match dimension.facet:
        case Facet.PID:
            return "bpf_get_current_pid_tgid() >> 32"
        case Facet.NAMESPACE_PID:
            return "number_in_namespace()"
        case Facet.NAMESPACE:
            return NAMESPACE_READS[Namespace(dimension.detail)]
        case Facet.CAPABILITY:
            return f"CAPABILITIES_OF(cap_{dimension.detail.lower()})"
        case Facet.CAPABILITY_CHANGE:
            member = dimension.detail.lower()
            return f"CAPABILITIES_OF(cap_{member}) ^ process->first_{member}"
        case Facet.NAMESPACE_CHANGE:
            asked = 0
            for test in dimension.tests:
                asked |= test.ranges[0].first
            return f"changed_namespaces(process, {asked:#x})"
    return ""

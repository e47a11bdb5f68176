"""What stands at one place of a kernel: the hooks of all policies there, as one decision.

A site is decided by narrowing a set of selectors, dimension by dimension.  Its *shape* (values,
dimensions, types, comparisons, actions) becomes code; what the tests compare with becomes tables.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from lockgate.ir.tracing_arguments import ArgumentType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from ipaddress import IPv4Network, IPv6Network

    from lockgate.ir.expression import Expression
    from lockgate.ir.labels import Selector
    from lockgate.ir.placement import Placement, Reading, Stand
    from lockgate.ir.tracing import Hook, TracingPolicy
    from lockgate.ir.tracing_actions import Action
    from lockgate.ir.tracing_selectors import (
        Comparison,
        HookSelector,
        Range,
        WorkloadMatch,
    )
    from lockgate.ir.workloads import WorkloadClasses
    from lockgate.source import Span


TEXTS = frozenset(
    {
        ArgumentType.STRING,
        ArgumentType.CHAR_BUF,
        ArgumentType.CHAR_IOVEC,
        ArgumentType.CONST_BUF,
        ArgumentType.IOV_ITER,
        ArgumentType.FILENAME,
        ArgumentType.DATA_LOC,
        ArgumentType.NET_DEVICE,
        ArgumentType.MODULE,
        ArgumentType.LOAD_INFO,
        ArgumentType.SOCKADDR_UN,
    }
)
"""Types that are compared as strings."""

PATHS = frozenset(
    {
        ArgumentType.FILE,
        ArgumentType.PATH,
        ArgumentType.DENTRY,
        ArgumentType.KIOCB,
        ArgumentType.FD,
        ArgumentType.LINUX_BINPRM,
    }
)
"""Types that are compared as the path of a file."""


class Origin(Enum):
    """Where a value comes from; the event's places of each kind begin at FIRST_PLACE."""

    ARGUMENT = "argument"
    DATA = "data"
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class Value:
    """Something that a site reads once, for whichever policies want it.

    ``index`` is the parameter (or the place in 'data'); ``size_index`` the parameter that has
    the size of a buffer.
    """

    origin: Origin
    index: int
    reading: Reading
    size_index: int | None = None
    is_long: bool = False
    is_copied_at_return: bool = False

    @property
    def type(self) -> ArgumentType:
        """What it is."""
        return self.reading.type


class Facet(Enum):
    """What of a value, or of the process, a dimension judges, the cheapest first."""

    PID = "pid"
    NUMBER = "number"
    BITS = "bits"
    FOLLOWED = "followed"
    BINARY = "binary"
    PARENT_BINARY = "parent binary"
    NAMESPACE_PID = "pid of its namespace"
    NAMESPACE = "namespace"
    NAMESPACE_CHANGE = "namespace change"
    CAPABILITY = "capability"
    CAPABILITY_CHANGE = "capability change"
    CAPABILITIES_GAINED = "gained capabilities"
    WORKLOAD = "workload"
    EXPRESSION = "expression"
    PROTOCOL = "protocol"
    FAMILY = "family"
    STATE = "state"
    SOURCE_PORT = "source port"
    DESTINATION_PORT = "destination port"
    SOURCE_ADDRESS = "source address"
    DESTINATION_ADDRESS = "destination address"
    FILE_TYPE = "file type"
    PATH = "path"
    TEXT = "text"

    @property
    def order(self) -> int:
        """Place among the facets: what costs less is judged first."""
        return _ORDER[self]


_ORDER = {facet: place for place, facet in enumerate(Facet)}


@dataclass(frozen=True, slots=True)
class WorkloadTest:
    """Whom a selector concerns: what its policy and it say must both hold.

    ``namespace`` is that of a namespaced policy, ``nodes`` its nodes.  ``takes_unknown``: a
    process of which it is not known counts as selected, and its event says so.
    """

    matches: tuple[WorkloadMatch, ...]
    namespace: str = ""
    nodes: Selector | None = None
    takes_unknown: bool = True


@dataclass(frozen=True, slots=True)
class Test:
    """What one selector asks in one dimension; any of the values is a match.

    ``ranges`` hold numbers, ``texts`` strings, ``networks`` addresses, ``workload`` whom it is
    about; the arguments of ``expression`` are places in ``Site.values``; ``is_namespaced``:
    numbers are those of processes in pid namespaces of their own.
    """

    selector: int
    comparison: Comparison
    span: Span
    is_negated: bool = False
    texts: tuple[str, ...] = ()
    ranges: tuple[Range, ...] = ()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    workload: WorkloadTest | None = None
    expression: Expression | None = None
    is_namespaced: bool = False


BY_NUMBER = "by number"
"""``Dimension.detail`` of FOLLOWED where processes are listed by their numbers."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """One thing that is judged for all selectors at once, at most one test for each.

    ``value`` is the place in ``Site.values`` (None where the process is judged); ``detail`` says
    which namespace or set is meant, and of CAPABILITIES_GAINED the place of the new ones.
    """

    facet: Facet
    value: int | None
    tests: tuple[Test, ...]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SiteSelector:
    """One selector: its number in the site, its hook, what it does."""

    number: int
    hook: int
    selector: HookSelector
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class SiteHook:
    """One hook at a site.

    ``number`` counts the hooks of the generation, ``policy_number`` its policies.  ``arguments``,
    ``data`` and ``returned`` are places in ``Site.values``.
    """

    number: int
    policy_number: int
    policy: TracingPolicy
    hook: Hook
    placement: Placement
    arguments: tuple[int, ...]
    data: tuple[int, ...]
    returned: int | None
    selectors: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """All hooks at one place, or at several that have exactly the same hooks.

    ``denial`` is where some of its hooks deny, if they also ask what the function returns: at the
    entry, while the site stands at the return.
    """

    number: int
    stand: Stand
    functions: tuple[str, ...]
    hooks: tuple[SiteHook, ...]
    selectors: tuple[SiteSelector, ...]
    values: tuple[Value, ...]
    dimensions: tuple[Dimension, ...]
    denial: Stand | None = None

    @property
    def denying(self) -> tuple[SiteHook, ...]:
        """The hooks that deny at the entry what the site sees the return of."""
        if self.denial is None:
            return ()
        return tuple(h for h in self.hooks if h.placement.stand is self.denial)

    @property
    def name(self) -> str:
        """Name of the program and its object."""
        return f"site_{self.number}"

    @property
    def words(self) -> int:
        """How many words of 64 bits a set of selectors takes."""
        return max(1, -(-len(self.selectors) // 64))


@dataclass(frozen=True, slots=True)
class EnforcerSite:
    """The calls at which a policy's enforcer sends the signals that hooks asked it for."""

    policy_number: int
    policy: TracingPolicy
    stand: Stand
    functions: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the program and its object."""
        return f"enforcer_{self.policy_number}"


@dataclass(frozen=True, slots=True)
class BinaryTest:
    """What a selector compares binaries' paths with, as a class knows it."""

    comparison: Comparison
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NumberTest:
    """Numbers of processes whose children are followed; see :class:`Test`."""

    numbers: tuple[int, ...]
    is_namespaced: bool


FollowRule = BinaryTest | NumberTest


def follow_rule(test: Test) -> FollowRule:
    """Return the rule of a test that follows processes to their children."""
    if test.ranges:
        return NumberTest(
            tuple(sorted(found.first for found in test.ranges)), test.is_namespaced
        )
    return BinaryTest(test.comparison, test.texts)


class FollowKey(NamedTuple):
    """What has a bit in ``process.followed``: a rule, and where it is written."""

    span: Span
    rule: FollowRule


def follow_key(test: Test) -> FollowKey:
    """Return by what a test that follows processes finds its bit."""
    return FollowKey(test.span, follow_rule(test))


@dataclass(frozen=True, slots=True)
class Generation:
    """Everything that tracing policies make on one target.

    ``follow_bits`` has the bits in ``process.followed`` of the rules that follow a process to its
    children.  ``workloads`` are the classes of pods, containers and hosts, None
    where nobody asks for them.
    """

    target: str
    policies: tuple[TracingPolicy, ...]
    sites: tuple[Site, ...]
    follow_bits: Mapping[FollowKey, int] = field(default_factory=dict)
    enforcers: tuple[EnforcerSite, ...] = ()
    workloads: WorkloadClasses | None = None

    @property
    def followed(self) -> Sequence[FollowRule]:
        """The rules that follow processes, by bit."""
        rules = {bit: key.rule for key, bit in self.follow_bits.items()}
        return [rules[bit] for bit in sorted(rules)]

    @property
    def hooks(self) -> Sequence[SiteHook]:
        """All hooks in the order of their numbers, each once."""
        found = {hook.number: hook for site in self.sites for hook in site.hooks}
        return [found[number] for number in sorted(found)]

"""What a selector of a tracing policy matches: values, processes, workloads."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from lockgate.ir.expression import Expression
    from lockgate.ir.labels import Selector
    from lockgate.ir.tracing_actions import Action
    from lockgate.source import Span


class Comparison(Enum):
    """How a value is compared; ``is_negated`` beside it turns the answer round."""

    EQUAL = "Equal"
    PREFIX = "Prefix"
    POSTFIX = "Postfix"
    SUBSTRING = "SubString"
    SUBSTRING_IGNORE_CASE = "SubStringIgnCase"
    GREATER = "GreaterThan"
    LESS = "LessThan"
    IN_RANGE = "InRange"
    MASK = "Mask"
    SOURCE_PORT = "SPort"
    SOURCE_PORT_PRIVILEGED = "SPortPriv"
    DESTINATION_PORT = "DPort"
    DESTINATION_PORT_PRIVILEGED = "DPortPriv"
    SOURCE_ADDRESS = "SAddr"
    DESTINATION_ADDRESS = "DAddr"
    PROTOCOL = "Protocol"
    FAMILY = "Family"
    STATE = "State"
    IN_MAP = "InMap"
    CAPABILITIES_GAINED = "CapabilitiesGained"
    FILE_TYPE = "FileType"
    EXPRESSION = "CelExpr"


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers ``first`` to ``last``, both included; one number is a range of one."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ListReference:
    """``list:NAME`` as a value: whatever the list of this policy holds."""

    name: str


@dataclass(frozen=True, slots=True)
class ValueMatch:
    """One filter of 'matchArgs', 'matchData' or 'matchReturnArgs'.

    ``arguments`` are places in ``Hook.arguments`` (or ``Hook.data``; none for a return value): one,
    but for CelExpr.  Texts are strings and names (states, families, file types), ``ranges``
    are numbers, ``networks`` are addresses, ``lists`` names of lists; any of them matching is
    a match.  ``expression`` is what the text of CelExpr says of those arguments.
    """

    arguments: tuple[int, ...]
    comparison: Comparison
    span: Span
    is_negated: bool = False
    texts: tuple[str, ...] = ()
    ranges: tuple[Range, ...] = ()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    lists: tuple[ListReference, ...] = ()
    expression: Expression | None = None


@dataclass(frozen=True, slots=True)
class PidMatch:
    """A filter of 'matchPIDs': thread group ids, seen from the host or from the pid namespace."""

    pids: tuple[int, ...]
    span: Span
    is_negated: bool = False
    is_namespaced: bool = False
    follows_forks: bool = False


@dataclass(frozen=True, slots=True)
class BinaryMatch:
    """'matchBinaries' or 'matchParentBinaries': the path that was executed."""

    comparison: Comparison
    values: tuple[str, ...]
    span: Span
    is_negated: bool = False
    follows_children: bool = False


class Namespace(Enum):
    """The namespaces of a task, as the API spells them."""

    UTS = "Uts"
    IPC = "Ipc"
    MNT = "Mnt"
    PID = "Pid"
    PID_FOR_CHILDREN = "PidForChildren"
    NET = "Net"
    TIME = "Time"
    TIME_FOR_CHILDREN = "TimeForChildren"
    CGROUP = "Cgroup"
    USER = "User"


@dataclass(frozen=True, slots=True)
class NamespaceMatch:
    """A filter of 'matchNamespaces'; ``is_host`` stands for the host's own (``host_ns``)."""

    namespace: Namespace
    inodes: tuple[int, ...]
    is_host: bool
    span: Span
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class NamespaceChangeMatch:
    """'matchNamespaceChanges': one of these differs from what the process began with."""

    namespaces: tuple[Namespace, ...]
    span: Span
    is_negated: bool = False


class CapabilitySet(Enum):
    """The sets of capabilities that can be matched."""

    EFFECTIVE = "Effective"
    INHERITABLE = "Inheritable"
    PERMITTED = "Permitted"


@dataclass(frozen=True, slots=True)
class CapabilityMatch:
    """A filter of 'matchCapabilities' or 'matchCapabilityChanges'.

    ``capabilities`` is a bit mask by number (include/uapi/linux/capability.h); a match has one
    of them (negated: none).
    """

    set: CapabilitySet
    capabilities: int
    span: Span
    is_negated: bool = False
    is_namespaced: bool = False


@dataclass(frozen=True, slots=True)
class WorkloadMatch:
    """Whom a policy or a selector concerns: pods, their containers, the host's own processes.

    A selector that is None selects nobody; ``pods`` without ``containers`` means all containers.
    Where neither pods, containers nor host are named, everything is meant (``is_everything``).
    """

    pods: Selector | None = None
    containers: Selector | None = None
    host: bool = False

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return self.pods is None and self.containers is None and not self.host


@dataclass(frozen=True, slots=True)
class HookSelector:
    """All filters must hold; the first selector of a hook that matches acts.

    ``actions`` and ``return_actions`` that are empty post an event.
    """

    span: Span
    label: str = ""
    pids: tuple[PidMatch, ...] = ()
    arguments: tuple[ValueMatch, ...] = ()
    data: tuple[ValueMatch, ...] = ()
    returns: tuple[ValueMatch, ...] = ()
    binaries: tuple[BinaryMatch, ...] = ()
    parent_binaries: tuple[BinaryMatch, ...] = ()
    namespaces: tuple[NamespaceMatch, ...] = ()
    namespace_changes: tuple[NamespaceChangeMatch, ...] = ()
    capabilities: tuple[CapabilityMatch, ...] = ()
    capability_changes: tuple[CapabilityMatch, ...] = ()
    workloads: WorkloadMatch = field(default_factory=WorkloadMatch)
    actions: tuple[Action, ...] = ()
    return_actions: tuple[Action, ...] = ()

    @property
    def is_unconditional(self) -> bool:
        """Whether it matches every hit."""
        return self.workloads.is_everything and not any(
            getattr(self, section) for section in FILTERS
        )


FILTERS = (
    "arguments",
    "data",
    "returns",
    "pids",
    "binaries",
    "parent_binaries",
    "namespaces",
    "namespace_changes",
    "capabilities",
    "capability_changes",
)
"""The fields of a selector that hold its filters, beside whom it concerns."""

"""Tracing policy after the front end: hooks, what they read, whom and what they match.

One :class:`TracingPolicy` for each object, TracingPolicy or TracingPolicyNamespaced of
``cilium.io/v1alpha1`` or a ``trace`` block.  Macros are in place, lists kept by name; nothing
here knows a kernel: whether a function, a field or a type exists is asked of a target.
Field names in quotes are those of the API (``pkg/k8s/apis/cilium.io/v1alpha1/types.go``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from lockgate.ir.tracing_selectors import WorkloadMatch

if TYPE_CHECKING:
    from lockgate.ir.labels import Selector
    from lockgate.ir.tracing_actions import ActionKind
    from lockgate.ir.tracing_arguments import Argument
    from lockgate.ir.tracing_selectors import HookSelector
    from lockgate.source import Span


OF_32_BITS = "__ia32_"
"""What functions are called that serve the system calls of 32-bit programs on x86-64."""


@dataclass(frozen=True, slots=True)
class KernelFunction:
    """A function of the kernel; for a system call the name without an architecture's prefix.

    Only that of 32-bit programs keeps it: it is another function.
    """

    name: str
    is_syscall: bool = False


@dataclass(frozen=True, slots=True)
class KernelFunctions:
    """All functions of a list of the policy (``call: list:NAME``)."""

    list: str
    are_syscalls: bool = False


@dataclass(frozen=True, slots=True)
class Tracepoint:
    """A tracepoint; ``is_raw`` reads its arguments before they are formatted."""

    subsystem: str
    event: str
    is_raw: bool = False


@dataclass(frozen=True, slots=True)
class LsmHook:
    """A hook of the Linux security modules (include/linux/lsm_hook_defs.h)."""

    name: str


@dataclass(frozen=True, slots=True)
class UserFunction:
    """Places in a binary: exactly one of ``symbols``, ``offsets``, ``addresses`` is not empty."""

    path: str
    symbols: tuple[str, ...] = ()
    offsets: tuple[int, ...] = ()
    addresses: tuple[int, ...] = ()
    reference_counters: tuple[int, ...] = ()
    digests: tuple[str, ...] = ()
    is_skipped_on_digest: bool = False
    types: str | None = None


@dataclass(frozen=True, slots=True)
class UserProbe:
    """A statically defined probe of a binary (the ``.note.stapsdt`` section)."""

    path: str
    provider: str
    name: str
    types: str | None = None


@dataclass(frozen=True, slots=True)
class Loader:
    """Binaries and libraries that are mapped for execution, with their build ids."""


Place = (
    KernelFunction
    | KernelFunctions
    | Tracepoint
    | LsmHook
    | UserFunction
    | UserProbe
    | Loader
)


class Attachment(Enum):
    """How a policy asks to stand at its place; lowering may choose better."""

    KPROBE = "kprobe"
    FENTRY = "fentry"
    TRACEPOINT = "tracepoint"
    LSM = "lsm"
    UPROBE = "uprobe"
    USDT = "usdt"
    LOADER = "loader"


@dataclass(frozen=True, slots=True)
class Hook:
    """One entry of 'kprobes', 'fentries', 'tracepoints', 'lsmhooks', 'uprobes' or 'usdts'.

    ``path`` is its place in the object (``spec.kprobes[0]``), stable under edits elsewhere.
    ``has_return`` asks for the return as well; ``returned`` says how it is read;
    ``return_action`` is TRACK_SOCK or UNTRACK_SOCK on what is returned.
    """

    attachment: Attachment
    place: Place
    path: str
    span: Span
    arguments: tuple[Argument, ...] = ()
    data: tuple[Argument, ...] = ()
    has_return: bool = False
    returned: Argument | None = None
    return_action: ActionKind | None = None
    selectors: tuple[HookSelector, ...] = ()
    message: str = ""
    tags: tuple[str, ...] = ()
    is_optional: bool = False


class ListKind(Enum):
    """How the names of a list are found."""

    NAMES = ""
    SYSCALLS = "syscalls"
    EVERY_SYSCALL = "generated_syscalls"
    MATCHING_FUNCTIONS = "generated_ftrace"


@dataclass(frozen=True, slots=True)
class NameList:
    """A list of the policy; ``pattern`` is the regular expression of generated ones."""

    name: str
    kind: ListKind
    span: Span
    values: tuple[str, ...] = ()
    pattern: str | None = None


class Mode(Enum):
    """Whether enforcing actions act, or are only told of."""

    ENFORCE = "enforce"
    MONITOR = "monitor"


@dataclass(frozen=True, slots=True)
class Enforcer:
    """Functions at which the decision of another hook (NotifyEnforcer) is carried out."""

    calls: tuple[KernelFunction | KernelFunctions, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class TracingPolicy:
    """One tracing policy; ``namespace`` is empty for TracingPolicy, which is cluster-wide.

    ``workloads`` narrows every hook to pods, containers or the host; ``nodes`` says on which
    nodes it is loaded (None: all).  ``takes_unknown``: who may or may not be one of those counts as
    one.  ``mode`` is the option ``policy-mode``.
    """

    kind: str
    namespace: str
    name: str
    span: Span
    hooks: tuple[Hook, ...] = ()
    lists: tuple[NameList, ...] = ()
    enforcers: tuple[Enforcer, ...] = ()
    workloads: WorkloadMatch = field(default_factory=WorkloadMatch)
    nodes: Selector | None = None
    takes_unknown: bool = True
    mode: Mode = Mode.ENFORCE
    is_multi_disabled: bool = False
    override_method: str | None = None
    sleepable_preload_size: int | None = None

    @property
    def is_for_everything(self) -> bool:
        """Whether it concerns every process of every node."""
        return (
            self.workloads.is_everything and not self.namespace and self.nodes is None
        )

    @property
    def key(self) -> str:
        """``Kind/namespace/name``, or ``Kind/name`` without a namespace."""
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)

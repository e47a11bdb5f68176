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

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from lockgate.ir.labels import Selector
    from lockgate.source import Span

# ---------------------------------------------------------------- what a hook reads


class ArgumentType(Enum):
    """What an argument is and so how it is read, matched and printed.

    Spellings of one width are one type here: ``sint32`` and ``int32`` are ``int``, ``sint64``,
    ``int64`` and ``long`` are ``long``, ``ulong``, ``uint64`` and ``size_t`` keep their names since
    events print them differently.  AUTO asks the target's BTF.
    """

    AUTO = "auto"
    INT8 = "int8"
    UINT8 = "uint8"
    INT16 = "int16"
    UINT16 = "uint16"
    INT = "int"
    UINT32 = "uint32"
    LONG = "long"
    ULONG = "ulong"
    UINT64 = "uint64"
    SIZE_T = "size_t"
    CHAR_BUF = "char_buf"
    CHAR_IOVEC = "char_iovec"
    CONST_BUF = "const_buf"
    STRING = "string"
    SKB = "skb"
    SOCK = "sock"
    SOCKET = "socket"
    SOCKADDR = "sockaddr"
    SOCKADDR_UN = "sockaddr_un"
    FD = "fd"
    FILE = "file"
    FILENAME = "filename"
    PATH = "path"
    DENTRY = "dentry"
    KIOCB = "kiocb"
    IOV_ITER = "iov_iter"
    LINUX_BINPRM = "linux_binprm"
    NOP = "nop"
    BPF_ATTR = "bpf_attr"
    BPF_CMD = "bpf_cmd"
    BPF_MAP = "bpf_map"
    BPF_PROG = "bpf_prog"
    PERF_EVENT = "perf_event"
    USER_NAMESPACE = "user_namespace"
    CAPABILITY = "capability"
    KERNEL_CAP_T = "kernel_cap_t"
    CAP_INHERITABLE = "cap_inheritable"
    CAP_PERMITTED = "cap_permitted"
    CAP_EFFECTIVE = "cap_effective"
    CRED = "cred"
    LOAD_INFO = "load_info"
    MODULE = "module"
    SYSCALL64 = "syscall64"
    DATA_LOC = "data_loc"
    NET_DEVICE = "net_device"


class Source(Enum):
    """Where a value is taken from."""

    ARGUMENT = "argument"
    CURRENT_TASK = "current_task"
    PT_REGS = "pt_regs"


@dataclass(frozen=True, slots=True)
class Argument:
    """One value that a hook reads: an argument, a piece of data, or what is returned.

    ``index`` is the position in the function's signature (for a tracepoint: the field's
    number in its format; for a raw one: the argument's).  ``resolve`` is the way from there through
    members (``mm.owner.real_parent.comm`` in pieces), from type ``cast`` of ``cast_module`` where
    the policy names one ('btfType').  ``size_index`` is the argument with the size of a buffer;
    ``is_copied_at_return`` reads the buffer when the function returns; ``is_long`` reads as much
    as events can carry ('maxData').
    """

    index: int
    type: ArgumentType
    span: Span
    label: str = ""
    source: Source = Source.ARGUMENT
    resolve: tuple[str, ...] = ()
    cast: str | None = None
    cast_module: str | None = None
    size_index: int | None = None
    is_copied_at_return: bool = False
    is_long: bool = False


# ---------------------------------------------------------------- what a selector matches


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
    a match.
    """

    arguments: tuple[int, ...]
    comparison: Comparison
    span: Span
    is_negated: bool = False
    texts: tuple[str, ...] = ()
    ranges: tuple[Range, ...] = ()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    lists: tuple[ListReference, ...] = ()


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


class RateLimitScope(Enum):
    """Whose repetitions a rate limit holds back."""

    THREAD = "thread"
    PROCESS = "process"
    GLOBAL = "global"


class ActionKind(Enum):
    """What is done on a match; an Override without a register or symbol denies."""

    POST = "Post"
    NO_POST = "NoPost"
    SIGNAL = "Signal"
    OVERRIDE = "Override"
    OVERRIDE_REGISTERS = "Override(argRegs)"
    OVERRIDE_CALL = "Override(argNewSymbol)"
    GET_URL = "GetUrl"
    DNS_LOOKUP = "DnsLookup"
    TRACK_SOCK = "TrackSock"
    UNTRACK_SOCK = "UntrackSock"
    NOTIFY_ENFORCER = "NotifyEnforcer"
    CLEANUP_ENFORCER = "CleanupEnforcerNotification"
    SET = "Set"


@dataclass(frozen=True, slots=True)
class Action:
    """One action of 'matchActions' or 'matchReturnActions'.

    ``signal`` is 9 for Sigkill; ``error`` a negative errno; ``argument`` the place in
    ``Hook.arguments`` of the socket or of the operand that is set to ``value``; ``rate_limit`` in
    seconds; ``text`` the URL, the name, the register assignment or the symbol.
    """

    kind: ActionKind
    span: Span
    signal: int = 0
    error: int = 0
    argument: int | None = None
    value: int = 0
    text: str = ""
    rate_limit: int = 0
    rate_limit_scope: RateLimitScope = RateLimitScope.THREAD
    has_kernel_stack: bool = False
    has_user_stack: bool = False
    has_hash: bool = False


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
            (
                self.pids,
                self.arguments,
                self.data,
                self.returns,
                self.binaries,
                self.parent_binaries,
                self.namespaces,
                self.namespace_changes,
                self.capabilities,
                self.capability_changes,
            )
        )


# ---------------------------------------------------------------- hooks


@dataclass(frozen=True, slots=True)
class KernelFunction:
    """A function of the kernel; for a system call the name without an architecture's prefix."""

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
    nodes it is loaded (None: all).  ``mode`` is the option ``policy-mode``.
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
    mode: Mode = Mode.ENFORCE
    is_multi_disabled: bool = False
    override_method: str | None = None
    sleepable_preload_size: int | None = None

    @property
    def key(self) -> str:
        """``Kind/namespace/name``, or ``Kind/name`` without a namespace."""
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)

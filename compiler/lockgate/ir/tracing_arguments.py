"""What a hook of a tracing policy reads: the types of arguments, and the way to each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockgate.source import Span


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

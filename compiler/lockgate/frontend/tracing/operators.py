"""Which operators there are, and which types each can judge."""

from __future__ import annotations

from lockgate.ir.tracing_arguments import ArgumentType
from lockgate.ir.tracing_selectors import Comparison

TEXT_TYPES = frozenset(
    {
        ArgumentType.CHAR_BUF,
        ArgumentType.CHAR_IOVEC,
        ArgumentType.CONST_BUF,
        ArgumentType.DATA_LOC,
        ArgumentType.DENTRY,
        ArgumentType.FD,
        ArgumentType.FILE,
        ArgumentType.FILENAME,
        ArgumentType.IOV_ITER,
        ArgumentType.KIOCB,
        ArgumentType.LINUX_BINPRM,
        ArgumentType.LOAD_INFO,
        ArgumentType.MODULE,
        ArgumentType.NET_DEVICE,
        ArgumentType.PATH,
        ArgumentType.SOCKADDR_UN,
        ArgumentType.STRING,
    }
)
"""What is compared as text: paths, names, bytes."""

BYTE_TYPES = frozenset(
    {
        ArgumentType.CHAR_BUF,
        ArgumentType.CHAR_IOVEC,
        ArgumentType.CONST_BUF,
        ArgumentType.IOV_ITER,
    }
)
"""What may have a byte 0 in it; other texts end there."""

SIGNED_TYPES = {
    ArgumentType.INT8: 8,
    ArgumentType.INT16: 16,
    ArgumentType.INT: 32,
    ArgumentType.LONG: 64,
    ArgumentType.SIZE_T: 64,
    ArgumentType.SYSCALL64: 64,
    ArgumentType.BPF_CMD: 32,
    ArgumentType.CAPABILITY: 32,
}
UNSIGNED_TYPES = {
    ArgumentType.UINT8: 8,
    ArgumentType.UINT16: 16,
    ArgumentType.UINT32: 32,
    ArgumentType.UINT64: 64,
    ArgumentType.ULONG: 64,
}
NUMBER_TYPES = {**SIGNED_TYPES, **UNSIGNED_TYPES}
"""What is compared as a number, with its bits."""

CAPABILITY_TYPES = frozenset(
    {
        ArgumentType.KERNEL_CAP_T,
        ArgumentType.CAP_EFFECTIVE,
        ArgumentType.CAP_INHERITABLE,
        ArgumentType.CAP_PERMITTED,
    }
)
SOCKET_TYPES = frozenset({ArgumentType.SOCK, ArgumentType.SOCKET, ArgumentType.SKB})
_FILE_TYPES = frozenset(
    {
        ArgumentType.DENTRY,
        ArgumentType.FD,
        ArgumentType.FILE,
        ArgumentType.KIOCB,
        ArgumentType.LINUX_BINPRM,
        ArgumentType.PATH,
    }
)
_MASKED = CAPABILITY_TYPES | frozenset(NUMBER_TYPES)
_FROM_ADDRESS = SOCKET_TYPES | {ArgumentType.SOCKADDR}

APPLIES = {
    Comparison.EQUAL: TEXT_TYPES | _MASKED,
    Comparison.PREFIX: TEXT_TYPES,
    Comparison.POSTFIX: TEXT_TYPES,
    Comparison.SUBSTRING: TEXT_TYPES,
    Comparison.SUBSTRING_IGNORE_CASE: TEXT_TYPES,
    Comparison.GREATER: frozenset(NUMBER_TYPES),
    Comparison.LESS: frozenset(NUMBER_TYPES),
    Comparison.IN_RANGE: frozenset(NUMBER_TYPES),
    Comparison.MASK: _MASKED,
    Comparison.IN_MAP: frozenset(NUMBER_TYPES),
    Comparison.SOURCE_PORT: _FROM_ADDRESS,
    Comparison.SOURCE_PORT_PRIVILEGED: _FROM_ADDRESS,
    Comparison.SOURCE_ADDRESS: _FROM_ADDRESS,
    Comparison.DESTINATION_PORT: SOCKET_TYPES,
    Comparison.DESTINATION_PORT_PRIVILEGED: SOCKET_TYPES,
    Comparison.DESTINATION_ADDRESS: SOCKET_TYPES,
    Comparison.PROTOCOL: SOCKET_TYPES,
    Comparison.STATE: SOCKET_TYPES,
    Comparison.FAMILY: _FROM_ADDRESS | {ArgumentType.SOCKADDR_UN},
    Comparison.CAPABILITIES_GAINED: CAPABILITY_TYPES,
    Comparison.FILE_TYPE: _FILE_TYPES,
}
"""For each comparison the types that it can judge; CelExpr judges any."""

OPERATORS: dict[str, tuple[Comparison, bool]] = {
    **{comparison.value: (comparison, False) for comparison in Comparison},
    "GT": (Comparison.GREATER, False),
    "LT": (Comparison.LESS, False),
    "NotEqual": (Comparison.EQUAL, True),
    "NotPrefix": (Comparison.PREFIX, True),
    "NotPostfix": (Comparison.POSTFIX, True),
    "NotSPort": (Comparison.SOURCE_PORT, True),
    "NotSportPriv": (Comparison.SOURCE_PORT_PRIVILEGED, True),
    "NotDPort": (Comparison.DESTINATION_PORT, True),
    "NotDPortPriv": (Comparison.DESTINATION_PORT_PRIVILEGED, True),
    "NotSAddr": (Comparison.SOURCE_ADDRESS, True),
    "NotDAddr": (Comparison.DESTINATION_ADDRESS, True),
    "NotInMap": (Comparison.IN_MAP, True),
    "NotInRange": (Comparison.IN_RANGE, True),
    "NotFileType": (Comparison.FILE_TYPE, True),
}
"""Operators as the API spells them, and whether they turn the answer round."""

PORTS = frozenset({Comparison.SOURCE_PORT, Comparison.DESTINATION_PORT})
ADDRESSES = frozenset({Comparison.SOURCE_ADDRESS, Comparison.DESTINATION_ADDRESS})
WITHOUT_VALUES = frozenset(
    {
        Comparison.SOURCE_PORT_PRIVILEGED,
        Comparison.DESTINATION_PORT_PRIVILEGED,
        Comparison.CAPABILITIES_GAINED,
    }
)

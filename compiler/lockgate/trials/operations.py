"""What a trial can do: operations, their operands, and what must be there for them."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Address = IPv4Address | IPv6Address
    Needs = list[tuple[str, str]]


class Operand(Enum):
    """What an operand is, as messages say it."""

    PATH = "an absolute path"
    ARGUMENT = "an argument"
    ADDRESS = "an IP address"
    PORT = "a port such as tcp/443"
    NUMBER = "a number"
    NAMESPACE = "a kind of namespace such as user or net"


class OperandError(ValueError):
    """An operand that is not what the operation takes; its number, and why."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: what it takes, and the files that it needs.

    ``files`` are pairs of what must be there (``file``, ``content``: a file whose content, mode
    and owner are as made, ``missing``, ``folder``, ``program``) and the operand's number.
    """

    operands: tuple[Operand, ...]
    files: tuple[tuple[str, int], ...] = ()
    takes_more: bool = False
    listens: bool = False
    meaning: str = ""


_PATH = (Operand.PATH,)
_TWO_PATHS = (Operand.PATH, Operand.PATH)
_END = (Operand.ADDRESS, Operand.PORT)

OPERATIONS = {
    "exec": Operation(
        _PATH, (("program", 0),), takes_more=True, meaning="execute PATH ARGUMENT..."
    ),
    "open": Operation(_PATH, (("file", 0),), meaning="open a file for reading"),
    "read": Operation(_PATH, (("file", 0),), meaning="open a file and read a byte"),
    "write": Operation(_PATH, (("content", 0),), meaning="append a byte to a file"),
    "truncate": Operation(_PATH, (("content", 0),), meaning="open a file with O_TRUNC"),
    "create": Operation(_PATH, (("missing", 0),), meaning="create a file"),
    "unlink": Operation(_PATH, (("file", 0),), meaning="remove a file"),
    "rename": Operation(
        _TWO_PATHS, (("content", 0), ("missing", 1)), meaning="rename a file"
    ),
    "link": Operation(
        _TWO_PATHS, (("content", 0), ("missing", 1)), meaning="make a hard link"
    ),
    "symlink": Operation(
        _TWO_PATHS, (("missing", 1),), meaning="make a symbolic link to PATH at PATH"
    ),
    "mkdir": Operation(_PATH, (("missing", 0),), meaning="make a directory"),
    "rmdir": Operation(
        _PATH, (("missing", 0), ("folder", 0)), meaning="remove a directory"
    ),
    "chmod": Operation(_PATH, (("content", 0),), meaning="make a file 0777"),
    "chown": Operation(_PATH, (("content", 0),), meaning="give a file to user 1"),
    "mount": Operation(_PATH, (("folder", 0),), meaning="mount a tmpfs"),
    "load-module": Operation(
        _PATH, (("content", 0),), meaning="load a file as a module of the kernel"
    ),
    "connect": Operation(_END, listens=True, meaning="connect; somebody listens there"),
    "send": Operation(_END, listens=True, meaning="send a datagram (udp)"),
    "bind": Operation(_END, meaning="bind a socket"),
    "listen": Operation(_END, meaning="bind a socket and listen (tcp)"),
    "setuid": Operation((Operand.NUMBER,), meaning="become another user"),
    "setgid": Operation((Operand.NUMBER,), meaning="become another group"),
    "unshare": Operation((Operand.NAMESPACE,), meaning="enter a new namespace"),
}
"""By name; see ``lockgate explain E6206`` and templates/trial/workload.c."""

NAMESPACES = {
    "cgroup": 0x02000000,
    "ipc": 0x08000000,
    "mnt": 0x00020000,
    "net": 0x40000000,
    "pid": 0x20000000,
    "time": 0x00000080,
    "user": 0x10000000,
    "uts": 0x04000000,
}
"""Flags of unshare(2)."""

_PORT = re.compile(r"(tcp|udp)/([0-9]{1,5})")
_STREAM, _DATAGRAM = 1, 2
_FAMILIES = {4: 2, 6: 10}
_MOST_NUMBER = 0xFFFFFFFE
_MOST_PORT = 65535


def plan_operation(
    name: str, texts: Sequence[str]
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Return the operands as the workload takes them, and what must be there.

    Raises :class:`OperandError`.
    """
    operation = OPERATIONS[name]
    least = len(operation.operands)
    if len(texts) < least:
        message = f"'{name}' takes {_listed(operation)}"
        raise OperandError(len(texts) - 1, message)
    if len(texts) > least and not operation.takes_more:
        raise OperandError(least, f"'{name}' takes {_listed(operation)}, and no more")
    for number, (kind, text) in enumerate(zip(operation.operands, texts, strict=False)):
        _CHECKS[kind](number, text)
    needs = [(kind, texts[number]) for kind, number in operation.files]
    if operation.operands == _END:
        return _plan_end(name, texts, operation)
    if name == "unshare":
        return (str(NAMESPACES[texts[0]]),), ()
    return tuple(texts), tuple(needs)


def _plan_end(
    name: str, texts: Sequence[str], operation: Operation
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    address = ip_address(texts[0])
    protocol, _, port = texts[1].partition("/")
    if name in ("send", "listen") and protocol != {"send": "udp"}.get(name, "tcp"):
        raise OperandError(1, f"'{name}' is not about {protocol}")
    needs = [("address", str(address))]
    if operation.listens:
        needs.append(("listener", f"{protocol} {address} {int(port)}"))
    kind = _STREAM if protocol == "tcp" else _DATAGRAM
    return (str(kind), socket_address(address, int(port)).hex()), tuple(needs)


def socket_address(address: Address, port: int) -> bytes:
    """Return a sockaddr_in or sockaddr_in6 as on x86-64."""
    head = struct.pack("<H", _FAMILIES[address.version]) + struct.pack(">H", port)
    if address.version == 4:
        return head + address.packed + bytes(8)
    return head + bytes(4) + address.packed + bytes(4)


def _listed(operation: Operation) -> str:
    return " and ".join(kind.value for kind in operation.operands)


def _check_path(number: int, text: str) -> None:
    if not text.startswith("/") or "\0" in text:
        raise OperandError(number, f"'{text}' is not {Operand.PATH.value}")


def _check_argument(_number: int, _text: str) -> None:
    """Everything is an argument."""


def _check_address(number: int, text: str) -> None:
    try:
        address = ip_address(text)
    except ValueError:
        raise OperandError(number, f"'{text}' is not {Operand.ADDRESS.value}") from None
    if address.is_multicast or address.is_unspecified or "%" in text:
        raise OperandError(number, f"{text} is no address that a host can have")


def _check_port(number: int, text: str) -> None:
    match = _PORT.fullmatch(text)
    if not match or not 0 < int(match[2]) <= _MOST_PORT:
        raise OperandError(number, f"'{text}' is not {Operand.PORT.value}")


def _check_number(number: int, text: str) -> None:
    if not text.isascii() or not text.isdecimal() or int(text) > _MOST_NUMBER:
        raise OperandError(number, f"'{text}' is not {Operand.NUMBER.value}")


def _check_namespace(number: int, text: str) -> None:
    if text not in NAMESPACES:
        known = ", ".join(sorted(NAMESPACES))
        raise OperandError(number, f"'{text}' is none of {known}")


_CHECKS: dict[Operand, Callable[[int, str], None]] = {
    Operand.PATH: _check_path,
    Operand.ARGUMENT: _check_argument,
    Operand.ADDRESS: _check_address,
    Operand.PORT: _check_port,
    Operand.NUMBER: _check_number,
    Operand.NAMESPACE: _check_namespace,
}

"""Strings, paths and sockets: the C call that reads one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.site import PATHS
from lockgate.ir.tracing_arguments import ArgumentType

if TYPE_CHECKING:
    from lockgate.codegen.tracing.readers import Reader
    from lockgate.ir.site import Site

_READ_AS_STRING = frozenset({ArgumentType.STRING, ArgumentType.DATA_LOC})
_READ_BY = {
    ArgumentType.FILENAME: "PROBE(((const struct filename *){at})->name)",
    ArgumentType.NET_DEVICE: "(u64)((const struct net_device *){at})->name",
    ArgumentType.MODULE: "(u64)((const struct module *){at})->name",
    ArgumentType.LOAD_INFO: "PROBE(((const struct load_info *){at})->name)",
}
_READ_AS_BYTES = frozenset({ArgumentType.CHAR_BUF, ArgumentType.CONST_BUF})


def text_type(kind: ArgumentType) -> str:
    """Return the member of ``enum tracing_type`` that a string of a type is shown as."""
    return {
        ArgumentType.CHAR_BUF: "BYTES",
        ArgumentType.CONST_BUF: "BYTES",
        ArgumentType.NET_DEVICE: "NET_DEVICE",
    }.get(kind, "STRING")


def read_call(site: Site, number: int, reader: Reader, text: str) -> str | None:
    """Return the call that reads a value into ``text``; None for what is no string."""
    value = site.values[number]
    at = f"value_{number}(context)"
    if value.type in PATHS:
        typed = str(reader.is_typed).lower()
        path = f"path_{number}(context)"
        return (
            f"read_path({text}, (u64)LOAD({typed}, {path}->dentry),"
            f"\n\t\t\t  (u64)LOAD({typed}, {path}->mnt))"
        )
    if value.type in _READ_AS_STRING:
        return f"read_string({text}, {at})"
    if value.type in _READ_BY:
        return f"read_string({text}, (u64){_READ_BY[value.type].format(at=at)})"
    if value.type in _READ_AS_BYTES:
        return f"read_bytes({text}, {at}, {_size(site, number)})"
    return None


def read_socket_call(site: Site, number: int, to: str | None = None) -> str:
    """Return the call that reads a socket, packet or address into its common form."""
    word = {
        ArgumentType.SOCK: "read_sock",
        ArgumentType.SOCKET: "read_socket",
        ArgumentType.SKB: "read_skb",
        ArgumentType.SOCKADDR: "read_sockaddr",
    }[site.values[number].type]
    return f"{word}({to or f'&socket_{number}'}, value_{number}(context))"


def _size(site: Site, number: int) -> str:
    """Return how many bytes a buffer has: as many as the argument says that is named."""
    value = site.values[number]
    if value.size_index is None:
        return "TEXT_SIZE"
    return f"size_{number}(context)"

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
    ArgumentType.NET_DEVICE: "((const struct net_device *){at})->name",
    ArgumentType.MODULE: "((const struct module *){at})->name",
    ArgumentType.LOAD_INFO: "PROBE(((const struct load_info *){at})->name)",
}
_READ_AS_BYTES = frozenset({ArgumentType.CHAR_BUF, ArgumentType.CONST_BUF})
_VECTORS = frozenset({ArgumentType.CHAR_IOVEC, ArgumentType.IOV_ITER})
_SHOWN_AS_BYTES = _READ_AS_BYTES | _VECTORS


def text_type(kind: ArgumentType) -> str:
    """Return the member of ``enum tracing_type`` that a string of a type is shown as."""
    if kind in _SHOWN_AS_BYTES:
        return "BYTES"
    return "NET_DEVICE" if kind is ArgumentType.NET_DEVICE else "STRING"


def is_continued(site: Site, number: int) -> bool:
    """Whether an event shows more of a buffer than it has room for itself ('maxData')."""
    value = site.values[number]
    is_measured = value.type in _VECTORS or _size(site, number).startswith("size_")
    return value.is_long and value.type in _SHOWN_AS_BYTES and is_measured


def read_call(site: Site, number: int, reader: Reader, text: str) -> str | None:
    """Return the call that reads a value into ``text``; None for what is no string.

    A second line of arguments is indented by whoever knows where the call stands.
    """
    value = site.values[number]
    at = f"value_{number}(context)"
    if value.type in PATHS:
        return f"read_path({text}, (u64){reader.dentry},\n(u64){reader.mount})"
    if value.type in _READ_AS_STRING:
        return f"read_string({text}, {at})"
    if value.type in _READ_BY:
        return f"read_string({text}, (u64){_READ_BY[value.type].format(at=at)})"
    if value.type is ArgumentType.CHAR_IOVEC:
        if value.is_copied_at_return:
            # What was read fills pieces one after the other, and how many there are is unknown.
            most = "MOST_PIECES" if value.is_long else "MOST_CHUNKS"
            return f"read_vector({text}, {at}, {most}, size_{number}(context))"
        count = f"size_{number}(context)" if value.size_index is not None else "1"
        return f"read_vector({text}, {at}, {count}, ~0ULL)"
    if value.type is ArgumentType.IOV_ITER:
        return f"read_iterator({text}, {at})"
    if value.type is ArgumentType.SOCKADDR_UN:
        length = f"size_{number}(context)" if value.size_index is not None else "0"
        return f"read_unix_path({text}, {at}, {length})"
    if value.type in _READ_AS_BYTES:
        word = "read_long_bytes" if is_continued(site, number) else "read_bytes"
        return f"{word}({text}, {at}, {_size(site, number)})"
    return None


def read_socket_call(site: Site, number: int, to: str | None = None) -> str:
    """Return the call that reads a socket, packet or address into its common form."""
    word = {
        ArgumentType.SOCK: "read_sock",
        ArgumentType.SOCKET: "read_socket",
        ArgumentType.SKB: "read_skb",
        ArgumentType.SOCKADDR: "read_sockaddr",
        ArgumentType.SOCKADDR_UN: "read_sockaddr",
    }[site.values[number].type]
    return f"{word}({to or f'&socket_{number}'}, value_{number}(context))"


def _size(site: Site, number: int) -> str:
    """Return how many bytes a buffer has: as many as the argument says that is named."""
    value = site.values[number]
    if value.size_index is None and not value.is_copied_at_return:
        return str(value.reading.length or "TEXT_SIZE")
    return f"size_{number}(context)"

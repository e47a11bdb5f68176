"""Values of events in the form of the reference's export: ``{"file_arg": {"path": ...}}``.

What a value's bytes are says its type (``layout.TRACING_ENUMERATIONS``); under which name it is
shown depends on the type that the policy gave the argument, too.  Numbers of 64 bits are strings,
as in the JSON form of protocol buffers, and what is empty or zero in an object is left out.
"""

from __future__ import annotations

import base64
import os
import socket
import struct
from typing import TYPE_CHECKING, Any

from lockgate_runtime.tracing import layout, show_objects, words
from lockgate_runtime.tracing.json_text import read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lockgate_runtime.tracing.records import Record, Value

_WIDE_SIGNED = frozenset({"long", "int64", "sint64"})
_WIDE_UNSIGNED = frozenset({"size_t", "ulong", "uint64"})
_SOCKET = struct.Struct("<HHBBHIIHH16s16sQ")
_ADDRESS = struct.Struct("<HHI16s")
_ENDS = {layout.REST_IS_UNREADABLE: "memory", layout.REST_IS_LOST: "loss"}
"""Why a rest ends before its value does, by its flags; else it is too long."""
_CREDENTIALS = struct.Struct("<8I3QIiIIII")
_USER_NAMESPACE = struct.Struct("<iIII")
if (_CREDENTIALS.size, _USER_NAMESPACE.size) != (
    layout.CREDENTIALS_VALUE.size,
    layout.USER_NAMESPACE_VALUE.size,
):
    raise AssertionError("the layout changed")


def show_value(value: Value, declared: str, label: str = "") -> dict[str, Any]:
    """Return the object of one value; ``declared`` is the argument's type in the policy."""
    if value.flags & layout.VALUE_IS_UNREADABLE:
        shown: dict[str, Any] = {"error_arg": {"Message": "the memory cannot be read"}}
    else:
        show = _SHOWN.get(value.type, _show_bytes)
        try:
            shown = show(value, declared)
        except (struct.error, IndexError):
            shown = _show_bytes(value, declared)
    if label:
        shown["label"] = label
    return shown


def _show_signed(value: Value, declared: str) -> dict[str, Any]:
    number = int.from_bytes(value.data, "little", signed=True)
    if declared == "capability":
        return _capability(number)
    if declared == "bpf_cmd":
        return show_objects.show_bpf_command(number)
    if declared in _WIDE_UNSIGNED:
        return {"size_arg": str(number & (1 << 64) - 1)}
    if declared in _WIDE_SIGNED or not -(1 << 31) <= number < 1 << 31:
        return {"long_arg": str(number)}
    return {"int_arg": number}


def _show_unsigned(value: Value, declared: str) -> dict[str, Any]:
    number = int.from_bytes(value.data, "little")
    if declared in (
        "kernel_cap_t",
        "cap_inheritable",
        "cap_permitted",
        "cap_effective",
    ):
        return {f"{declared}_arg": f"{number:016x}"}
    if declared == "capability":
        return _capability(number)
    if declared == "syscall64":
        return {"syscall_id": {"id": number & 0x7FFFFFFF, "abi": _abi(number)}}
    if declared in _WIDE_UNSIGNED or number >> 32:
        return {"size_arg": str(number)}
    return {"uint_arg": number}


def _show_string(value: Value, declared: str) -> dict[str, Any]:
    text = _text(value.data)
    if declared == "net_device":
        return {"net_dev_arg": {"name": text}}
    return {"string_arg": text}


def _show_bytes(value: Value, declared: str) -> dict[str, Any]:
    data = base64.b64encode(value.data).decode()
    if value.flags & layout.VALUE_IS_CUT:
        return {"truncated_bytes_arg": _filled({"bytes_arg": data})}
    return {"bytes_arg": data}


def cuts_of(record: Record) -> dict[int, dict[str, str]]:
    """Return by place what is known of values that are cut: their whole size, why they end."""
    found: dict[int, dict[str, str]] = {}
    for value in record.values:
        if value.type == "whole_size":
            size = int.from_bytes(value.data, "little")
            found.setdefault(value.place, {})["orig_size"] = str(size)
        elif value.type == "rest":
            (flags,) = struct.unpack_from("<H", value.data, 6)
            found.setdefault(value.place, {})["cut_by"] = _ENDS.get(flags, "limit")
    return found


def show_cut_bytes(value: Value, cut: Mapping[str, str], label: str) -> dict[str, Any]:
    """Return the object of bytes that may be cut, and if so with what is known of that."""
    shown = show_value(value, "", label)
    if "truncated_bytes_arg" in shown:
        shown["truncated_bytes_arg"] |= cut
    return shown


def _show_path(value: Value, declared: str) -> dict[str, Any]:
    mode, _flags = struct.unpack_from("<II", value.data)
    shown: dict[str, Any] = _filled({"path": _text(value.data[8:])})
    if value.flags & layout.VALUE_IS_CUT:
        shown["flags"] = "unresolvedPathComponents"
    if mode:
        shown["permission"] = words.permission(mode)
    if declared == "linux_binprm":
        return {"linux_binprm_arg": shown}
    return {"path_arg" if declared in ("path", "dentry") else "file_arg": shown}


def _show_socket(value: Value, declared: str) -> dict[str, Any]:
    (
        family,
        kind,
        protocol,
        state,
        _,
        mark,
        priority,
        source_port,
        destination_port,
        source,
        destination,
        cookie,
    ) = _SOCKET.unpack_from(value.data)
    shown = {
        "family": words.FAMILIES.get(family, str(family)),
        "type": words.SOCKET_TYPES.get(kind, str(kind)),
        "protocol": words.PROTOCOLS.get(protocol, str(protocol)),
        "mark": mark,
        "priority": priority,
        "saddr": _address(family, source),
        "daddr": _address(family, destination),
        "sport": source_port,
        "dport": destination_port,
        "cookie": str(cookie) if cookie else "",
        "state": words.STATES[state] if state < len(words.STATES) else str(state),
    }
    return {"sock_arg": _filled(shown)}


def _show_skb(value: Value, declared: str) -> dict[str, Any]:
    shown = _show_socket(value, declared)["sock_arg"]
    names = (
        "mark",
        "priority",
        "saddr",
        "daddr",
        "sport",
        "dport",
        "protocol",
        "family",
    )
    return {"skb_arg": {name: shown[name] for name in names if name in shown}}


def _show_address(value: Value, declared: str) -> dict[str, Any]:
    family, port, _, address = _ADDRESS.unpack_from(value.data)
    name = words.FAMILIES.get(family, str(family))
    if family == socket.AF_UNIX or declared == "sockaddr_un":
        path = _text(value.data[_ADDRESS.size :])
        return {"sockaddrun_arg": _filled({"family": name, "path": path})}
    shown = {"family": name, "addr": _address(family, address), "port": port}
    return {"sockaddr_arg": _filled(shown)}


def _show_credentials(value: Value, declared: str) -> dict[str, Any]:
    fields = _CREDENTIALS.unpack_from(value.data)
    inode, level, owner, group, secure_bits, _ = fields[11:]
    return {
        "process_credentials_arg": {
            **show_ids(fields[:8], secure_bits),
            "caps": show_capabilities(*fields[8:11]),
            "user_ns": _user_namespace(level, owner, group, inode),
        }
    }


def _show_user_namespace(value: Value, declared: str) -> dict[str, Any]:
    return {"user_ns_arg": _user_namespace(*_USER_NAMESPACE.unpack_from(value.data))}


def _user_namespace(level: int, owner: int, group: int, inode: int) -> dict[str, Any]:
    shown: dict[str, Any] = {"inum": inode}
    if level == 0:
        shown["is_host"] = True
    return {"level": level, "uid": owner, "gid": group, "ns": shown}


def show_ids(ids: Sequence[int], secure_bits: int) -> dict[str, Any]:
    """Return ids by their names, and the secure bits where any is set."""
    shown: dict[str, Any] = dict(zip(layout.CREDENTIALS, ids, strict=True))
    bits = [name for n, name in enumerate(words.SECURE_BITS) if secure_bits >> n & 1]
    return shown | ({"securebits": bits} if bits else {})


def show_capabilities(
    permitted: int, effective: int, inheritable: int
) -> dict[str, list[str]]:
    """Return the three sets by their names; those that are empty are left out."""
    sets = {"permitted": permitted, "effective": effective, "inheritable": inheritable}
    return {name: words.capability_names(bits) for name, bits in sets.items() if bits}


def _capability(number: int) -> dict[str, Any]:
    known = 0 <= number < len(words.CAPABILITIES)
    name = words.CAPABILITIES[number] if known else str(number)
    return {"capability_arg": {"value": number, "name": name}}


def _address(family: int, data: bytes) -> str:
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, data[:4])
    if family == socket.AF_INET6:
        return socket.inet_ntop(socket.AF_INET6, data)
    return ""


def _text(data: bytes) -> str:
    return read_text(data.rstrip(b"\0"))


def _filled(shown: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is empty, as the JSON form of protocol buffers does."""
    return {name: value for name, value in shown.items() if value}


_SHOWN: dict[str, Callable[[Value, str], dict[str, Any]]] = {
    "signed": _show_signed,
    "unsigned": _show_unsigned,
    "string": _show_string,
    "bytes": _show_bytes,
    "path": _show_path,
    "socket": _show_socket,
    "skb": _show_skb,
    "socket_address": _show_address,
    "credentials": _show_credentials,
    "user_namespace": _show_user_namespace,
    "capability": _show_signed,
    "capabilities": _show_unsigned,
    "net_device": lambda value, _: _show_string(value, "net_device"),
    "module": show_objects.show_module,
    "bpf_attr": show_objects.show_bpf_attr,
    "bpf_map": show_objects.show_bpf_map,
    "bpf_program": show_objects.show_bpf_program,
    "perf_event": show_objects.show_perf_event,
    "system_call": lambda value, _: _show_unsigned(value, "syscall64"),
    "binary_program": lambda value, _: _show_path(value, "linux_binprm"),
}


def _abi(number: int) -> str:
    """Return by what convention a system call was made, as the reference calls it."""
    is_short = bool(number & 0x80000000)
    if os.uname().machine == "aarch64":
        return "arm32" if is_short else "arm64"
    return "i386" if is_short else "x64"

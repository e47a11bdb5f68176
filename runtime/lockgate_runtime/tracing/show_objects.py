"""Objects of the kernel in the form of the reference's export: BPF programs, maps, perf, modules.

Layouts are those of templates/lib/tracing/objects.h: numbers, then a name that ends with a zero.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from lockgate_runtime.tracing.words import TAINTS

if TYPE_CHECKING:
    from lockgate_runtime.tracing.records import Value

_PROGRAM = struct.Struct("<II16s")
_MAP = struct.Struct("<IIII16s")
_PERF = struct.Struct("<IIQQ128s")
_MODULE = struct.Struct("<QII64s")

_COMMANDS = (
    "MAP_CREATE MAP_LOOKUP_ELEM MAP_UPDATE_ELEM MAP_DELETE_ELEM MAP_GET_NEXT_KEY PROG_LOAD "
    "OBJ_PIN OBJ_GET PROG_ATTACH PROG_DETACH PROG_TEST_RUN PROG_GET_NEXT_ID MAP_GET_NEXT_ID "
    "PROG_GET_FD_BY_ID MAP_GET_FD_BY_ID OBJ_GET_INFO_BY_FD PROG_QUERY RAW_TRACEPOINT_OPEN "
    "BTF_LOAD BTF_GET_FD_BY_ID TASK_FD_QUERY MAP_LOOKUP_AND_DELETE_ELEM MAP_FREEZE "
    "BTF_GET_NEXT_ID MAP_LOOKUP_BATCH MAP_LOOKUP_AND_DELETE_BATCH MAP_UPDATE_BATCH "
    "MAP_DELETE_BATCH LINK_CREATE LINK_UPDATE LINK_GET_FD_BY_ID LINK_GET_NEXT_ID ENABLE_STATS "
    "ITER_CREATE LINK_DETACH PROG_BIND_MAP TOKEN_CREATE"
)
"""``enum bpf_cmd`` of include/uapi/linux/bpf.h, as the next two."""

_PROGRAM_TYPES = (
    "UNSPEC SOCKET_FILTER KPROBE SCHED_CLS SCHED_ACT TRACEPOINT XDP PERF_EVENT CGROUP_SKB "
    "CGROUP_SOCK LWT_IN LWT_OUT LWT_XMIT SOCK_OPS SK_SKB CGROUP_DEVICE SK_MSG RAW_TRACEPOINT "
    "CGROUP_SOCK_ADDR LWT_SEG6LOCAL LIRC_MODE2 SK_REUSEPORT FLOW_DISSECTOR CGROUP_SYSCTL "
    "RAW_TRACEPOINT_WRITABLE CGROUP_SOCKOPT TRACING STRUCT_OPS EXT LSM SK_LOOKUP SYSCALL NETFILTER"
)
_MAP_TYPES = (
    "UNSPEC HASH ARRAY PROG_ARRAY PERF_EVENT_ARRAY PERCPU_HASH PERCPU_ARRAY STACK_TRACE "
    "CGROUP_ARRAY LRU_HASH LRU_PERCPU_HASH LPM_TRIE ARRAY_OF_MAPS HASH_OF_MAPS DEVMAP SOCKMAP "
    "CPUMAP XSKMAP SOCKHASH CGROUP_STORAGE REUSEPORT_SOCKARRAY PERCPU_CGROUP_STORAGE QUEUE STACK "
    "SK_STORAGE DEVMAP_HASH STRUCT_OPS RINGBUF INODE_STORAGE TASK_STORAGE BLOOM_FILTER "
    "USER_RINGBUF CGRP_STORAGE ARENA"
)
_PERF_TYPES = ("HARDWARE", "SOFTWARE", "TRACEPOINT", "HW_CACHE", "RAW", "BREAKPOINT")
"""``enum perf_type_id`` of include/uapi/linux/perf_event.h."""


def show_bpf_command(number: int) -> dict[str, Any]:
    """Return what bpf(2) was asked to do."""
    return {"bpf_cmd_arg": _word("BPF_", _COMMANDS.split(), number)}


def show_bpf_attr(value: Value, declared: str) -> dict[str, Any]:
    """Return what a program is to be loaded from."""
    return {"bpf_attr_arg": _program(value)}


def show_bpf_program(value: Value, declared: str) -> dict[str, Any]:
    """Return a program that is loaded."""
    return {"bpf_prog_arg": _program(value)}


def show_bpf_map(value: Value, declared: str) -> dict[str, Any]:
    """Return a map."""
    kind, key, size, entries, name = _MAP.unpack_from(value.data)
    shown = {
        "MapType": _word("BPF_MAP_TYPE_", _MAP_TYPES.split(), kind),
        "KeySize": key,
        "ValueSize": size,
        "MaxEntries": entries,
        "MapName": _name(name),
    }
    return {"bpf_map_arg": _filled(shown)}


def show_perf_event(value: Value, declared: str) -> dict[str, Any]:
    """Return an event of perf; ``KprobeFunc`` only where it is one of a probe."""
    kind, _, config, offset, symbol = _PERF.unpack_from(value.data)
    shown = {
        "KprobeFunc": _name(symbol),
        "Type": _word("PERF_TYPE_", _PERF_TYPES, kind),
        "Config": str(config) if config else "",
        "ProbeOffset": str(offset) if offset else "",
    }
    return {"perf_event_arg": _filled(shown)}


def show_module(value: Value, declared: str) -> dict[str, Any]:
    """Return a module; only while it is loaded it is known whether its signature is right."""
    taints, is_signed, is_known, name = _MODULE.unpack_from(value.data)
    shown: dict[str, Any] = {"name": _name(name)}
    if is_known:
        shown["signature_ok"] = bool(is_signed)
    tainted = [word for bit, word in TAINTS.items() if taints >> bit & 1]
    if tainted:
        shown["tainted"] = tainted
    return {"module_arg": shown}


def _program(value: Value) -> dict[str, Any]:
    kind, instructions, name = _PROGRAM.unpack_from(value.data)
    shown = {
        "ProgType": _word("BPF_PROG_TYPE_", _PROGRAM_TYPES.split(), kind),
        "InsnCnt": instructions,
        "ProgName": _name(name),
    }
    return _filled(shown)


def _word(prefix: str, words: list[str] | tuple[str, ...], number: int) -> str:
    return prefix + words[number] if 0 <= number < len(words) else str(number)


def _name(data: bytes) -> str:
    return data.split(b"\0")[0].decode(errors="replace")


def _filled(shown: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is empty, as the JSON form of protocol buffers does."""
    return {name: value for name, value in shown.items() if value}

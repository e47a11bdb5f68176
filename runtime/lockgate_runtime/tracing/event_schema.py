"""What an event is made of: messages, fields and types, as the reference's interface has them.

Who needs types reads them here: filters in CEL (a number of 64 bits is a string in JSON),
field filters (a field that is none is refused), the export without our own additions, tests.

A type is a scalar, an enumeration, a message of :data:`MESSAGES`; ``*`` behind it means a list
and ``?`` that a zero is shown, too (a wrapper, or one of a choice): all other scalars are left out
of JSON where they are zero or empty, as the JSON form of protocol buffers does.
"""

from __future__ import annotations

from typing import Any

from lockgate_runtime.tracing import words

NUMBERS = {
    "uint32": (0, (1 << 32) - 1),
    "int32": (-(1 << 31), (1 << 31) - 1),
    "uint64": (0, (1 << 64) - 1),
    "int64": (-(1 << 63), (1 << 63) - 1),
}
"""Integers and their bounds; those of 64 bits are strings in JSON."""

SCALARS = (*NUMBERS, "string", "bool", "bytes", "time")

ENUMERATIONS: dict[str, tuple[str, ...]] = {
    "action": tuple(sorted({*words.ACTIONS.values(), *words.OTHER_ACTIONS})),
    "capability": words.CAPABILITIES,
    "secure_bit": words.SECURE_BITS,
    "privilege": words.PRIVILEGES,
    "taint": tuple(words.TAINTS.values()),
    "bpf_command": (),
    "throttle": ("THROTTLE_UNKNOWN", "THROTTLE_START", "THROTTLE_STOP"),
}
"""Enumerations by their words; where there are none, any word will do."""


def _fields(text: str) -> dict[str, str]:
    """Read ``type: name name; type: name``."""
    return {
        name: kind.strip()
        for kind, _, names in (part.partition(":") for part in text.split(";"))
        for name in names.split()
    }


_WHO = "process: process parent; process*: ancestors; "
_POLICY = "string: policy_name message; string*: tags; action: action; "

MESSAGES: dict[str, dict[str, str]] = {
    "event": _fields(
        "exec: process_exec; exit: process_exit; kprobe: process_kprobe; "
        "tracepoint: process_tracepoint; loader: process_loader; uprobe: process_uprobe; "
        "usdt: process_usdt; lsm: process_lsm; throttle_event: process_throttle; "
        "rate_limit: rate_limit_info; string: node_name cluster_name; labels: node_labels; "
        "time: time; aggregation: aggregation_info"
    ),
    "exec": _fields(_WHO),
    "exit": _fields(_WHO + "string: signal; uint32: status; time: time"),
    "kprobe": _fields(
        _WHO + _POLICY + "string: function_name; argument*: args data; "
        "argument: return; action: return_action; "
        "stack*: kernel_stack_trace user_stack_trace"
    ),
    "tracepoint": _fields(_WHO + _POLICY + "string: subsys event; argument*: args"),
    "loader": _fields(_WHO + "string: path; bytes: buildid"),
    "uprobe": _fields(
        _WHO + _POLICY + "string: path symbol; argument*: args data; "
        "uint64: offset ref_ctr_offset"
    ),
    "usdt": _fields(
        _WHO + _POLICY + "string: path provider name flags; argument*: args"
    ),
    "lsm": _fields(_WHO + _POLICY + "string: function_name ima_hash; argument*: args"),
    "throttle_event": _fields("throttle: type; string: cgroup"),
    "rate_limit": _fields("uint64: number_of_dropped_process_events"),
    "aggregation": _fields("uint64: count"),
    "process": _fields(
        "string: exec_id cwd binary arguments flags docker parent_exec_id; "
        "uint32?: pid uid auid tid; uint32: refcnt; time: start_time; pod: pod; "
        "capabilities: cap; namespaces: ns; credentials: process_credentials; "
        "binary_properties: binary_properties; user: user; bool?: in_init_tree; "
        "variable*: environment_variables"
    ),
    "pod": _fields(
        "string: namespace name uid workload workload_kind; container: container; "
        "labels: pod_labels pod_annotations"
    ),
    "container": _fields(
        "string: id name; image: image; time: start_time; uint32?: pid; "
        "bool: maybe_exec_probe; security_context: security_context"
    ),
    "image": _fields("string: id name"),
    "security_context": _fields("bool: privileged"),
    "capabilities": _fields("capability*: permitted effective inheritable"),
    "namespaces": _fields(
        "namespace: uts ipc mnt pid pid_for_children net time time_for_children cgroup user"
    ),
    "namespace": _fields("uint32: inum; bool: is_host"),
    "user_namespace": _fields("int32?: level; uint32?: uid gid; namespace: ns"),
    "credentials": _fields(
        "uint32?: uid gid euid egid suid sgid fsuid fsgid; secure_bit*: securebits; "
        "capabilities: caps; user_namespace: user_ns"
    ),
    "binary_properties": _fields(
        "uint32?: setuid setgid; privilege*: privileges_changed; file_properties: file"
    ),
    "file_properties": _fields("inode: inode; string: path"),
    "inode": _fields("uint64: number; uint32?: links"),
    "user": _fields("string: name"),
    "variable": _fields("string: Key Value"),
    "stack": _fields("uint64: address offset; string: symbol module"),
    "argument": _fields(
        "string?: string_arg kernel_cap_t_arg cap_inheritable_arg cap_permitted_arg "
        "cap_effective_arg; int32?: int_arg; uint32?: uint_arg; uint64?: size_arg; "
        "int64?: long_arg; bytes?: bytes_arg; path: path_arg file_arg linux_binprm_arg; "
        "truncated: truncated_bytes_arg; socket: sock_arg; skb: skb_arg; "
        "capabilities: cred_arg; bpf_program: bpf_attr_arg bpf_prog_arg; "
        "perf_event: perf_event_arg; bpf_map: bpf_map_arg; named_capability: capability_arg; "
        "credentials: process_credentials_arg; user_namespace: user_ns_arg; "
        "module: module_arg; named: net_dev_arg; bpf_command?: bpf_cmd_arg; "
        "system_call: syscall_id; address: sockaddr_arg; unix_address: sockaddrun_arg; "
        "fault: error_arg; string: label"
    ),
    "path": _fields("string: mount path flags permission"),
    "truncated": _fields("bytes: bytes_arg; uint64: orig_size"),
    "socket": _fields(
        "string: family type protocol saddr daddr state; "
        "uint32: mark priority sport dport; uint64: cookie"
    ),
    "skb": _fields(
        "uint32: hash len priority mark sport dport proto sec_path_len sec_path_olen; "
        "string: saddr daddr protocol family"
    ),
    "bpf_program": _fields("string: ProgType ProgName; uint32: InsnCnt"),
    "bpf_map": _fields("string: MapType MapName; uint32: KeySize ValueSize MaxEntries"),
    "perf_event": _fields("string: KprobeFunc Type; uint64: Config ProbeOffset"),
    "named_capability": _fields("int32?: value; string: name"),
    "module": _fields("string: name; bool?: signature_ok; taint*: tainted"),
    "named": _fields("string: name"),
    "system_call": _fields("uint32: id; string: abi"),
    "address": _fields("string: family addr; uint32: port"),
    "unix_address": _fields("string: family path"),
    "fault": _fields("string: Message"),
    # This one is ours: what GetUrl and DnsLookup asked for, and what came of it.
    "request": _fields(
        "string: action url fqdn state cure policy_name error; string*: addresses; int32: status"
    ),
}
"""Messages: their fields by name.  ``labels`` is a map of strings."""

EVENTS = tuple(
    name
    for name in MESSAGES["event"]
    if name.startswith("process_") or name == "rate_limit_info"
)
"""Events, of which a line has one."""

_SUPPLEMENTS = (
    "request*: requests; stack*: kernel_stack_trace user_stack_trace; "
    "string: ima_hash ima_hash_error"
)
"""What the reference has at some kinds of hooks, and we at all."""

ADDITIONS: dict[str, dict[str, str]] = {
    "event": {"losses": "labels", "request": "request"},
    "process": {"systemd_unit": "string"},
    # Why a value with 'maxData' is cut: limit (of 327,360 bytes), memory (that cannot be read),
    # loss (of records, for want of room).
    "truncated": {"cut_by": "string"},
    **{
        name: _fields(
            "string*: policy_names because; action: withheld_action; "
            "bool: lost_values workload_unknown; " + _SUPPLEMENTS
        )
        for name in ("kprobe", "tracepoint", "uprobe", "usdt", "lsm")
    },
    "loader": _fields(
        "string: policy_name message; string*: tags policy_names because; "
        "action: withheld_action; bool: lost_values workload_unknown; " + _SUPPLEMENTS
    ),
}
"""Fields that are ours: the reference's readers ignore or refuse them."""


def without_additions(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event with the fields of the reference's interface alone."""
    found: dict[str, Any] = _only_known(event, "event")
    return found


def _only_known(value: Any, kind: str) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return [_only_known(item, kind) for item in value]
    fields = MESSAGES.get(kind.rstrip("*?"))
    if not isinstance(value, dict) or fields is None:
        return value
    return {
        name: _only_known(inner, fields[name])
        for name, inner in value.items()
        if name in fields
    }

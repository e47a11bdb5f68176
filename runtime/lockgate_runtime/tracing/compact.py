"""Events in one short line for people: ``🚀 process``, ``💥 exit``, ``📚 read``.

The pictures and words are the reference's; where the terminal has no UTF-8 there is only the
word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_WIDTH = 120
"""Columns after which the mark of capabilities stands."""
_RESET = "\033[0m"
_COLOURS = {"event": "\033[34m", "node": "\033[32m", "binary": "\033[35m"}
_COLOURS |= {"what": "\033[36m", "end": "\033[31m"}
_SYSCALL_PREFIXES = ("__x64_", "__arm64_", "__ia32_")
_MODES = {2: ("📝", "write"), 4: ("📚", "read")}
_FUNCTIONS = {
    "sys_write": ("📝", "write"),
    "sys_read": ("📚", "read"),
    "fd_install": ("📬", "open"),
    "sys_openat": ("📬", "openat"),
    "sys_open": ("📬", "open"),
    "sys_close": ("📪", "close"),
    "sys_mount": ("💾", "mount"),
    "sys_setuid": ("🔑", "setuid"),
    "sys_clock_settime": ("⏰", "clock_settime"),
    "sys_pivot_root": ("💾", "pivot_root"),
    "proc_exec_connector": ("🔧", "proc_exec_connector"),
    "sys_setns": ("🔧", "setns"),
    "tcp_connect": ("🔌", "connect"),
    "tcp_close": ("🧹", "close"),
    "tcp_sendmsg": ("📤", "sendmsg"),
    "bpf_check": ("🐝", "bpf_load"),
    "security_perf_event_alloc": ("🐝", "perf_event_alloc"),
    "security_bpf_map_alloc": ("🗺", "bpf_map_create"),
    "security_bpf_map_create": ("🗺", "bpf_map_create"),
    "security_path_truncate": ("📝", "truncate"),
    "security_file_truncate": ("📝", "truncate"),
}


def print_event(
    event: Mapping[str, Any], *, pictures: bool = True, colour: bool = False
) -> str:
    """Return the line of an event as :mod:`lockgate_runtime.tracing.render` makes it."""
    name = next((key for key in event if key.startswith("process_")), None)
    if name is None:
        return _print_other(event)
    body = event[name]
    picture, word, *rest = _KINDS[name](body) if name in _KINDS else ("❓", name)
    process = body.get("process", {})

    def paint(style: str, text: str) -> str:
        return f"{_COLOURS[style]}{text}{_RESET}" if colour and text else text

    pod = process.get("pod") or {}
    where = pod.get("uid") or event.get("node_name", "")
    head = f"{word:<7}"
    parts = [
        paint("event", f"{picture} {head}" if pictures else head),
        paint("node", where),
        paint("binary", _quoted(process.get("binary", f"pid {process.get('pid')}"))),
    ]
    style = "end" if name == "process_exit" else "what"
    parts += [
        paint(style if i == len(rest) - 1 else "what", t) for i, t in enumerate(rest)
    ]
    line = " ".join(part for part in parts if part)
    if "CAP_SYS_ADMIN" in process.get("cap", {}).get("effective", ()):
        mark = "🛑 CAP_SYS_ADMIN" if pictures else "CAP_SYS_ADMIN"
        line = f"{line} {' ' * max(0, _WIDTH - len(line) - len(mark))}{mark}"
    return line


def _print_other(event: Mapping[str, Any]) -> str:
    if "losses" in event:
        text = ", ".join(f"{count} {name}" for name, count in event["losses"].items())
        return f"lost events: {text}"
    flow = event.get("flow")
    if flow:
        ends = (flow["source"], flow["destination"])
        first, second = (end["name"] or end["address"] or "?" for end in ends)
        return f"flow {first} -> {second} {flow['verdict']}"
    return next(iter(event), "")


def _exec(body: Mapping[str, Any]) -> tuple[str, ...]:
    return "🚀", "process", _line(body["process"].get("arguments", ""))


def _exit(body: Mapping[str, Any]) -> tuple[str, ...]:
    arguments = _line(body["process"].get("arguments", ""))
    return "💥", "exit", arguments, body.get("signal") or str(body.get("status", 0))


def _kprobe(body: Mapping[str, Any]) -> tuple[str, ...]:
    function = body.get("function_name", "")
    for prefix in _SYSCALL_PREFIXES:
        function = function.removeprefix(prefix)
    arguments = body.get("args", [])
    if (
        function in ("security_file_permission", "security_mmap_file")
        and len(arguments) > 1
    ):
        picture, word = _file_access(function, arguments[1])
        return picture, word, *_texts(arguments[:1])
    if function in _FUNCTIONS:
        picture, word = _FUNCTIONS[function]
        return picture, word, *_texts(arguments)
    return "❓", "syscall", function


def _file_access(function: str, argument: Mapping[str, Any]) -> tuple[str, str]:
    number = argument.get("int_arg", argument.get("uint_arg", 0))
    if function == "security_file_permission":
        return _MODES.get(number, ("❓", function))
    letters = "".join(c for bit, c in enumerate("rwx") if number >> bit & 1)
    return "📝", f"mmap-{letters}"


def _tracepoint(body: Mapping[str, Any]) -> tuple[str, ...]:
    return "⁉️", "tracepoint", f"{body.get('subsys')} {body.get('event')}"


def _lsm(body: Mapping[str, Any]) -> tuple[str, ...]:
    return "🔒", "LSM", body.get("function_name", "")


def _uprobe(body: Mapping[str, Any]) -> tuple[str, ...]:
    return "🕵️", "uprobe", f"{_quoted(body.get('path', ''))} {body.get('symbol', '')}"


def _usdt(body: Mapping[str, Any]) -> tuple[str, ...]:
    names = (body.get("path", ""), body.get("provider", ""), body.get("name", ""))
    return "🕵️", "usdt", " ".join(map(_quoted, names))


def _loader(body: Mapping[str, Any]) -> tuple[str, ...]:
    return "🧬", "loader", _quoted(body.get("path", ""))


_KINDS = {
    "process_exec": _exec,
    "process_exit": _exit,
    "process_kprobe": _kprobe,
    "process_tracepoint": _tracepoint,
    "process_lsm": _lsm,
    "process_uprobe": _uprobe,
    "process_usdt": _usdt,
    "process_loader": _loader,
}


def _texts(arguments: list[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(filter(None, map(_argument, arguments)))


def _argument(argument: Mapping[str, Any]) -> str:
    for name, value in argument.items():
        if name in ("file_arg", "path_arg", "linux_binprm_arg"):
            return _quoted(value.get("path", ""))
        if name == "sock_arg":
            ends = (("saddr", "sport"), ("daddr", "dport"))
            first, second = (f"{value.get(a, '')}:{value.get(p, 0)}" for a, p in ends)
            protocol = value.get("protocol", "").removeprefix("IPPROTO_").lower()
            return f"{protocol} {first} -> {second}"
        if name == "size_arg":
            return f"{value} bytes"
        if name in ("string_arg", "int_arg", "uint_arg", "long_arg"):
            return _line(str(value))
        if name == "bpf_map_arg":
            return f"{value.get('MapType')} {value.get('MapName')}"
    return ""


def _quoted(text: str) -> str:
    """Quote what has spaces or characters that a terminal would obey."""
    if text and text.isprintable() and " " not in text:
        return text
    return '"' + _line(text) + '"' if text else ""


def _line(text: str) -> str:
    """Keep what is printed on one line, and a terminal from obeying it."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)

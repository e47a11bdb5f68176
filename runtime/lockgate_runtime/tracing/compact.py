"""Events in one short line for people: ``🚀 process``, ``💥 exit``, ``📚 read``.

The pictures and words are the reference's; where the terminal has no UTF-8 there is only the
word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lockgate_runtime.tracing.compact_values import on_one_line, quoted, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_WIDTH = 120
"""Columns after which the mark of capabilities stands."""
_RESET = "\033[0m"
_COLOURS = {"event": "\033[34m", "node": "\033[32m", "binary": "\033[35m"}
_COLOURS |= {"what": "\033[36m", "end": "\033[31m"}
_SYSCALL_PREFIXES = ("__x64_", "__arm64_", "__ia32_")
_MODES = {2: ("📝", "write"), 4: ("📚", "read")}
_ACCESSES = ("security_file_permission", "security_mmap_file")
"""What is told of a file, and in which way it is used."""
_DEEDS = {
    "KPROBE_ACTION_OVERRIDE": "denied",
    "KPROBE_ACTION_SIGKILL": "killed",
    "KPROBE_ACTION_SIGNAL": "signalled",
    "KPROBE_ACTION_NOTIFYENFORCER": "handed to the enforcer",
}
"""Actions that stop somebody, in a word."""
_CLONE_FLAGS = {
    0: "any",
    0x80: "time",
    0x20000: "mnt",
    0x2000000: "cgroup",
    0x4000000: "uts",
    0x8000000: "ipc",
    0x10000000: "user",
    0x20000000: "pid",
    0x40000000: "net",
}
"""Namespaces by their flags (include/uapi/linux/sched.h)."""
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
    "security_sock_graft": ("🤝", "accept"),
    "inet_csk_listen_start": ("👂", "listen"),
    "tcp_close": ("🧹", "close"),
    "udp_sendmsg": ("📤", "sendmsg"),
    "udpv6_sendmsg": ("📤", "sendmsg"),
    "tcp_sendmsg": ("📤", "sendmsg"),
    "bpf_check": ("🐝", "bpf_load"),
    "security_perf_event_alloc": ("🐝", "perf_event_alloc"),
    "security_bpf_map_alloc": ("🗺", "bpf_map_create"),
    "security_bpf_map_create": ("🗺", "bpf_map_create"),
    "security_path_truncate": ("📝", "truncate"),
    "security_file_truncate": ("📝", "truncate"),
}


@dataclass(frozen=True, slots=True)
class Style:
    """How lines look: what the terminal can, what the user asks for."""

    pictures: bool = True
    colour: bool = False
    times: bool = False
    stacks: bool = False
    hashes: bool = False

    def paint(self, name: str, text: str) -> str:
        """Colour a text, where there are colours."""
        return f"{_COLOURS[name]}{text}{_RESET}" if self.colour and text else text


PLAIN = Style()


def print_event(event: Mapping[str, Any], style: Style = PLAIN) -> str:
    """Return the line of an event as :mod:`lockgate_runtime.tracing.render` makes it.

    Stacks and hashes stand in lines of their own below.
    """
    name = next((key for key in event if key in _KINDS), None)
    line = _print_other(event, style) if name is None else _print(event, name, style)
    if style.times and event.get("time"):
        line = f"{event['time']} {line}"
    body = event[name] if name else {}
    below = [*_stacks(body, style), *_hashes(body, style)]
    return "\n".join([line, *below])


def _print(event: Mapping[str, Any], name: str, style: Style) -> str:
    body = event[name]
    picture, word, *rest = _KINDS[name](body)
    process = body.get("process", {})
    head = f"{word:<7}"
    parts = [style.paint("event", f"{picture} {head}" if style.pictures else head)]
    if name != "process_throttle":
        binary = quoted(process.get("binary", f"pid {process.get('pid')}"))
        parts += [
            style.paint("node", _where(event, process)),
            style.paint("binary", binary),
        ]
    last = "end" if name == "process_exit" else "what"
    parts += [style.paint("what", text) for text in rest[:-1]]
    parts += [style.paint(last, text) for text in rest[-1:]]
    parts.append(style.paint("end", _done(body)))
    line = " ".join(part for part in parts if part)
    if "CAP_SYS_ADMIN" in process.get("cap", {}).get("effective", ()):
        mark = "🛑 CAP_SYS_ADMIN" if style.pictures else "CAP_SYS_ADMIN"
        line = f"{line} {' ' * max(0, _WIDTH - len(line) - len(mark))}{mark}"
    return line


def _done(body: Mapping[str, Any]) -> str:
    """Say what was done about it, or would have been in enforce mode."""
    done = _DEEDS.get(body.get("action", ""), "")
    withheld = _DEEDS.get(body.get("withheld_action", ""), "")
    return done or (f"would be {withheld}" if withheld else "")


def _where(event: Mapping[str, Any], process: Mapping[str, Any]) -> str:
    """Name the pod, or else the node."""
    pod = process.get("pod") or {}
    if pod.get("name"):
        return quoted(f"{pod.get('namespace', '')}/{pod['name']}")
    return quoted(pod.get("uid") or event.get("node_name", ""))


def _stacks(body: Mapping[str, Any], style: Style) -> Iterator[str]:
    if not style.stacks:
        return
    for name in ("kernel_stack_trace", "user_stack_trace"):
        entries = body.get(name) or ()
        if entries:
            yield f"  {name.partition('_')[0]}:"
        for entry in entries:
            where = quoted(entry.get("symbol", "") or entry.get("address", "?"))
            offset = f"+0x{int(entry.get('offset', 0)):x}"
            module = quoted(entry.get("module", ""))
            if name == "user_stack_trace":  # a place in the file, not in the function
                yield f"    {where} ({module}{offset})"
            else:
                yield f"    {where}{offset}{f' ({module})' if module else ''}"


def _hashes(body: Mapping[str, Any], style: Style) -> Iterator[str]:
    if style.hashes and body.get("ima_hash"):
        path = next(iter(texts(list(body.get("args", ())))), "")
        yield f"   {path} {body['ima_hash']}"


def _print_other(event: Mapping[str, Any], style: Style) -> str:
    if "rate_limit_info" in event:
        told = event["rate_limit_info"].get("number_of_dropped_process_events", "0")
        reasons = event.get("losses") or {"lost": told}
        text = ", ".join(f"{count} {name}" for name, count in reasons.items())
        return style.paint("end", f"lost events: {text}")
    flow = event.get("flow")
    if flow:
        ends = (flow["source"], flow["destination"])
        first, second = (end["name"] or end["address"] or "?" for end in ends)
        return f"flow {first} -> {second} {flow['verdict']}"
    if answer := event.get("request"):
        return _answer(answer)
    return next(iter(event), "")


def _answer(answer: Mapping[str, Any]) -> str:
    """Say what came of a request that a policy made."""
    what = answer.get("url") or answer.get("fqdn", "")
    came = (
        answer.get("error")
        or answer.get("status")
        or ", ".join(answer.get("addresses", ()))
    )
    return (
        f"request {answer.get('action', '')} {quoted(what)}: {on_one_line(str(came))}"
    )


def _exec(body: Mapping[str, Any]) -> tuple[str, ...]:
    return "🚀", "process", on_one_line(body["process"].get("arguments", ""))


def _exit(body: Mapping[str, Any]) -> tuple[str, ...]:
    arguments = on_one_line(body["process"].get("arguments", ""))
    return "💥", "exit", arguments, body.get("signal") or str(body.get("status", 0))


def _kprobe(body: Mapping[str, Any]) -> tuple[str, ...]:
    function = body.get("function_name", "")
    for prefix in _SYSCALL_PREFIXES:
        function = function.removeprefix(prefix)
    arguments = body.get("args", [])
    if function in _ACCESSES and len(arguments) > 1:
        picture, word = _file_access(function, arguments[1])
        return picture, word, *texts(arguments[:1])
    if function in _FUNCTIONS:
        picture, word = _FUNCTIONS[function]
        tell = _TELL.get(function)
        return picture, word, *(tell(arguments) if tell else texts(arguments))
    return "❓", "syscall", function, *texts(arguments)


def _file_access(function: str, argument: Mapping[str, Any]) -> tuple[str, str]:
    number = argument.get("int_arg", argument.get("uint_arg", 0))
    if function == "security_file_permission":
        return _MODES.get(number, ("❓", function))
    letters = "".join(c for bit, c in enumerate("rwx") if number >> bit & 1)
    return "📝", f"mmap-{letters}"


def _sent(arguments: list[Mapping[str, Any]]) -> tuple[str, ...]:
    count = arguments[1] if len(arguments) > 1 else {}
    size = count.get("int_arg", count.get("size_arg", 0))
    return (*texts(arguments[:1]), f"bytes {size}")


def _namespace(arguments: list[Mapping[str, Any]]) -> tuple[str, ...]:
    kind = arguments[1].get("int_arg", 0) if len(arguments) > 1 else 0
    return (_CLONE_FLAGS.get(kind, str(kind)),)


_TELL: dict[str, Callable[[list[Mapping[str, Any]]], tuple[str, ...]]] = {
    "tcp_sendmsg": _sent,
    "sys_setns": _namespace,
}


def _throttle(body: Mapping[str, Any]) -> tuple[str, ...]:
    kind = str(body.get("type", "")).removeprefix("THROTTLE_")
    return "🧬", "throttle", kind, quoted(body.get("cgroup", ""))


def _tracepoint(body: Mapping[str, Any]) -> tuple[str, ...]:
    if (body.get("subsys"), body.get("event")) == ("raw_syscalls", "sys_enter"):
        number = next(iter(_system_calls(body)), None)
        return "☎ ", "syscall", *([] if number is None else [str(number)])
    return "⁉️", "tracepoint", f"{body.get('subsys')} {body.get('event')}"


def _system_calls(body: Mapping[str, Any]) -> Iterator[int]:
    """Give the numbers of calls that the arguments of an event say."""
    for argument in body.get("args", ()):
        if "syscall_id" in argument:
            yield int(argument["syscall_id"].get("id", 0))
        elif "long_arg" in argument:
            yield int(argument["long_arg"])


def _lsm(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Tell more than the reference, which names the hook alone."""
    hook, arguments = body.get("function_name", ""), body.get("args", [])
    function = f"security_{hook}"
    if function in _ACCESSES and len(arguments) > 1:
        _, word = _file_access(function, arguments[1])
        words = () if word == function else (word,)
        return "🔒", "LSM", hook, *words, *texts(arguments[:1])
    return "🔒", "LSM", hook, *texts(arguments)


def _uprobe(body: Mapping[str, Any]) -> tuple[str, ...]:
    return "🕵️", "uprobe", f"{quoted(body.get('path', ''))} {body.get('symbol', '')}"


def _usdt(body: Mapping[str, Any]) -> tuple[str, ...]:
    names = (body.get("path", ""), body.get("provider", ""), body.get("name", ""))
    return "🕵️", "usdt", " ".join(map(quoted, names))


def _loader(body: Mapping[str, Any]) -> tuple[str, ...]:
    return "🧬", "loader", quoted(body.get("path", ""))


_KINDS = {
    "process_exec": _exec,
    "process_exit": _exit,
    "process_kprobe": _kprobe,
    "process_tracepoint": _tracepoint,
    "process_lsm": _lsm,
    "process_uprobe": _uprobe,
    "process_usdt": _usdt,
    "process_loader": _loader,
    "process_throttle": _throttle,
}

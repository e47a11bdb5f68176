"""Values of arguments as short lines show them: a path, two ends of a connection, a number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def texts(arguments: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return what arguments show, without those that show nothing."""
    return tuple(filter(None, map(argument_text, arguments)))


def argument_text(argument: Mapping[str, Any]) -> str:
    """Return one argument in a few words; empty where there is no short form."""
    return next(
        (_FORMS[name](value) for name, value in argument.items() if name in _FORMS), ""
    )


def quoted(text: str) -> str:
    """Quote what has spaces or characters that a terminal would obey."""
    if text and text.isprintable() and " " not in text:
        return text
    return '"' + on_one_line(text) + '"' if text else ""


def on_one_line(text: str) -> str:
    """Keep what is printed on one line, and a terminal from obeying it."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _path(value: Mapping[str, Any]) -> str:
    return quoted(value.get("path", ""))


def _name(value: Mapping[str, Any]) -> str:
    return quoted(value.get("name", ""))


def _ends(value: Mapping[str, Any]) -> str:
    ends = (("saddr", "sport"), ("daddr", "dport"))
    first, second = (f"{value.get(a, '')}:{value.get(p, 0)}" for a, p in ends)
    protocol = str(value.get("protocol", "")).removeprefix("IPPROTO_").lower()
    return f"{protocol} {first} -> {second}"


def _address(value: Mapping[str, Any]) -> str:
    family = str(value.get("family", "")).removeprefix("AF_").lower()
    if not value.get("addr"):
        return family
    return f"{family} {value['addr']}:{value.get('port', 0)}"


def _plain(value: object) -> str:
    return on_one_line(str(value))


def _map(value: Mapping[str, Any]) -> str:
    numbers = ("KeySize", "key size"), ("ValueSize", "value size")
    sizes = (*numbers, ("MaxEntries", "max entries"))
    told = (f"{word} {value.get(field, 0)}" for field, word in sizes)
    who = f"{value.get('MapType', '')} {value.get('MapName', '')}"
    return on_one_line(" ".join((who, *told)))


def _program(value: Mapping[str, Any]) -> str:
    who = f"{value.get('ProgType', '')} {value.get('ProgName', '')}"
    return on_one_line(f"{who} instruction count {value.get('InsnCnt', 0)}")


def _perf_event(value: Mapping[str, Any]) -> str:
    return on_one_line(f"{value.get('Type', '')} {value.get('KprobeFunc', '')}")


def _credentials(value: Mapping[str, Any]) -> str:
    return f"uid {value.get('uid', 0)} euid {value.get('euid', 0)}"


_FORMS: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys(("file_arg", "path_arg", "linux_binprm_arg"), _path),
    "sockaddrun_arg": _path,
    **dict.fromkeys(("sock_arg", "skb_arg"), _ends),
    "sockaddr_arg": _address,
    "size_arg": lambda value: f"{value} bytes",
    **dict.fromkeys(("string_arg", "int_arg", "uint_arg", "long_arg"), _plain),
    "bpf_cmd_arg": _plain,
    "bpf_map_arg": _map,
    **dict.fromkeys(("bpf_attr_arg", "bpf_prog_arg"), _program),
    "perf_event_arg": _perf_event,
    **dict.fromkeys(("capability_arg", "module_arg", "net_dev_arg"), _name),
    "process_credentials_arg": _credentials,
    "error_arg": lambda value: on_one_line(f"({value.get('Message', '')})"),
}

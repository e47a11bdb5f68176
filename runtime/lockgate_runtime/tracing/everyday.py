"""What every process does every day: whether values narrow a selector, or hit everybody.

A filter on values spares the processes that a node needs only if these do not have such values.
Nobody knows beforehand what they will open and with which numbers, but some of it is sure: the
libraries that they run on, the files in which they look up users and hosts, the small numbers of
descriptors and modes, a page of bytes, the Internet.  A filter that excludes values spares nobody,
but for networks: who lets nothing out but to some means it.
"""

from __future__ import annotations

import platform
import re
from ipaddress import IPv4Network, collapse_addresses, ip_network
from typing import TYPE_CHECKING, Any, Protocol

from lockgate_runtime.tracing.roles import calls

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from ipaddress import IPv6Network

    from lockgate_runtime.tracing.connections import Address, Connection
    from lockgate_runtime.tracing.roles import Role

_PREFIX = re.compile(
    r"^_*((x64|ia32|arm64)_)?(compat_)?(k?sys_|security_|bpf_lsm_|do_|vfs_|filp_)*"
    r"((enter|exit)_)?"
)
_EVERYDAY = re.compile(
    r"\*|open|p?read|p?write|close|mmap|mprotect|munmap|brk|exec|bprm|clone|fork|vfork|exit|"
    r"wait|e?poll|p?select|futex|socket|sock_|accept|connect|bind|listen|send|recv|f?l?stat|"
    r"access|ioctl|fcntl|lseek|dup|pipe|rt_sig|file_|inode_permission|inode_getattr|"
    r"tcp_|udp_|sched_process|sched_switch|fd_install|set[ug]id|task_alloc|task_free|enter$|"
    r"exit$|group$|path_open|inet6?_|ip6?_(rcv|local|output|queue)|kernel_clone|"
    r"begin_new_exec|schedule$|wake_up|finish_task_switch|handle_mm_fault|fput|"
    r"capable$|bpf$|bpf_(map|prog)"
)
"""Functions, without their prefixes, that every process calls; those of BPF init and we do."""
_READS = re.compile(
    r"open|path_open|p?read|f?l?stat|access|file_(open|permission)|"
    r"inode_(permission|getattr)|\*"
)
_ALL_CALLS = re.compile(r"(enter|exit)$")

_EXECUTES = re.compile(r"exec|bprm|\*")
IPV4 = 4

_NUMBERS = (-100, *range(41), 1000, 4096, 1 << 16, 1 << 20)
"""Numbers that everybody uses: AT_FDCWD, descriptors, small flags, capabilities and system calls,
somebody who logs in; bytes: a page, a pipe, a large read."""
_CALL_NUMBERS = {
    "x86_64": (56, 57, 59, 61, 202, 231, 232, 257, 262, 270, 271, 281, 288),
    "aarch64": (56, 57, 63, 64, 73, 79, 80, 94, 98, 134, 203, 220, 221, 222, 260),
}
"""System calls that everybody makes, beside small numbers: begin, wait, open, poll, end."""
_FILES = frozenset(
    (
        *("/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/ld.so.cache"),
        *("/etc/hosts", "/etc/localtime", "/dev/null", "/dev/urandom"),
        *("/proc/1/stat", "/sys/fs/cgroup/cgroup.procs"),
    )
)
"""What everybody opens to read, and cannot go on without."""
_TEXTS = frozenset(
    (
        *("AF_INET", "AF_INET6", "AF_UNIX", "AF_LOCAL", "AF_NETLINK"),
        *("IPPROTO_TCP", "IPPROTO_UDP", "TCP", "UDP"),
        *("TCP_ESTABLISHED", "TCP_CLOSE", "TCP_LISTEN", "TCP_SYN_SENT", "TCP_SYN_RECV"),
        *("reg", "file", "dir", "char", "chr", "sock", "socket", "fifo"),
    )
)
_PORTS = (22, 6443, 10250)
"""sshd, the API server, the kubelet."""
_READING = (4, 0x24)
"""MAY_READ, alone and with MAY_OPEN (include/linux/fs.h): what hooks of permissions are told."""
_OF_CONNECTIONS = frozenset(
    ("SAddr", "DAddr", "SPort", "SPortPriv", "DPort", "DPortPriv", "Family", "Protocol")
)

_COMPARISONS: Mapping[str, Callable[[str, str], bool]] = {
    "Equal": lambda path, text: path == text,
    "Prefix": lambda path, text: path.startswith(text),
    "Postfix": lambda path, text: path.endswith(text),
    "SubString": lambda path, text: text in path,
    "SubStringIgnCase": lambda path, text: text.lower() in path.lower(),
}


class Subject(Protocol):
    """A process that values may spare."""

    @property
    def role(self) -> Role: ...  # noqa: D102  # what it does beside what all do
    @property
    def files(self) -> Collection[str]: ...  # noqa: D102  # what it has mapped
    @property
    def executes(self) -> Collection[str]: ...  # noqa: D102  # what it must be able to begin
    @property
    def connections(self) -> Iterable[Connection]: ...  # noqa: D102  # what it has now


def is_everyday(function: str) -> bool:
    """Whether every process calls a function, many times a day."""
    return bool(_EVERYDAY.match(_PREFIX.sub("", function) or function))


def is_narrow(deed: Mapping[str, Any], process: Subject) -> bool:
    """Whether functions and values of a selector spare a process that does as it always does."""
    functions = deed.get("functions", ())
    values = deed.get("values", ())
    bare = [_PREFIX.sub("", function) or function for function in functions]
    # A probe in a program has no name of a function here: who runs the program comes by.
    everyday = not functions or any(map(is_everyday, functions))
    if not calls(process.role, bare, are_everyday=everyday):
        return True
    values = _but_connections(values, functions, process.connections)
    paths, numbers = set(process.files), set(_NUMBERS)
    if any(_EXECUTES.search(function) for function in functions):
        paths |= set(process.executes)
    if any(map(_READS.match, bare)) and _may_be_reading(values):
        paths |= _FILES | set(process.role.reads)
        numbers |= set(_READING)
    if any(map(_begins, functions)):
        paths |= set(process.role.connects)
    if any(map(_ALL_CALLS.match, bare)):
        numbers |= set(_CALL_NUMBERS.get(platform.machine(), ()))
    return any(_narrows(value, paths, numbers, everyday=everyday) for value in values)


def _may_be_reading(values: Iterable[Mapping[str, Any]]) -> bool:
    """Whether who opens a file to read can be meant.

    Who asks for more than a path may mean writing: files that all read say nothing of that.
    """
    more = [value for value in values if not _is_about_paths(value)]
    return not more or (
        len(more) == 1
        and more[0]["comparison"] in ("Equal", "Mask", "InRange")
        and any(
            _holds(more[0], mode) != bool(more[0]["is_negated"]) for mode in _READING
        )
    )


def _begins(function: str) -> bool:
    """Whether a function begins a connection."""
    return function.endswith("connect")


def _but_connections(
    values: Iterable[Mapping[str, Any]],
    functions: Iterable[str],
    connections: Iterable[Connection],
) -> list[Mapping[str, Any]]:
    """Leave out filters on addresses and ports that hold for a connection of the process."""
    asked = [value for value in values if value["comparison"] in _OF_CONNECTIONS]
    is_beginning = any(map(_begins, functions))
    for one in connections:
        if (one.is_outgoing or not is_beginning) and all(
            _holds_connection(value, one) for value in asked
        ):
            return [value for value in values if value not in asked]
    return list(values)


def _holds_connection(value: Mapping[str, Any], one: Connection) -> bool:
    """Whether a filter holds for a connection; the source may be either end.

    What is told of a socket begins here; an address that is connected to is a source, too.
    """
    comparison = value["comparison"]
    is_source = comparison.startswith("S")
    if comparison.endswith("Addr"):
        ends = (one.local, one.remote) if is_source else (one.remote,)
        networks = list(map(ip_network, value["networks"]))
        found = [any(_is_within(end, n) for n in networks) for end in ends]
    elif comparison.endswith(("Port", "PortPriv")):
        ports = (one.local_port, one.remote_port) if is_source else (one.remote_port,)
        found = [_has(value["ranges"], port) for port in ports]
    elif comparison == "Family":
        family = "AF_INET" if one.remote.version == IPV4 else "AF_INET6"
        found = [family in value["texts"]]
    else:
        found = [bool({"IPPROTO_TCP", "TCP"} & set(value["texts"]))]
    return any(held != bool(value["is_negated"]) for held in found)


def _is_within(address: Address, network: IPv4Network | IPv6Network) -> bool:
    return address.version == network.version and address in network


def _narrows(
    value: Mapping[str, Any], paths: set[str], numbers: Iterable[int], *, everyday: bool
) -> bool:
    comparison, is_negated = value["comparison"], bool(value["is_negated"])
    if value["networks"]:
        # All but some networks is somebody's intention.
        return is_negated or not _is_internet(value["networks"])
    if comparison.endswith(("Port", "PortPriv")):
        return not any(_has(value["ranges"], p) != is_negated for p in _PORTS)
    if not everyday:
        return not is_negated
    if value["has_lists"] or comparison == "CelExpr":
        return False
    judged = _judged_paths(comparison, value["texts"], paths)
    if judged is not None:
        return all(held == is_negated for held in judged)
    if value["texts"]:
        return not is_negated and not _TEXTS & set(value["texts"])
    if comparison in ("Mask", "FileType"):
        return False
    if not value["ranges"]:
        return not is_negated
    return all(_holds(value, number) == is_negated for number in numbers)


def _is_internet(networks: Iterable[str]) -> bool:
    """Whether networks, in however many parts, are half of all addresses or more."""
    found = list(map(ip_network, networks))
    v4 = collapse_addresses(n for n in found if isinstance(n, IPv4Network))
    v6 = collapse_addresses(n for n in found if not isinstance(n, IPv4Network))
    return any(
        sum(network.num_addresses for network in family) >= 1 << (bits - 1)
        for family, bits in ((v4, 32), (v6, 128))
    )


def _holds(value: Mapping[str, Any], number: int) -> bool:
    if not value["ranges"]:
        return False
    first, last = value["ranges"][0]
    if value["comparison"] == "Mask":
        return any(number & low for low, _ in value["ranges"])
    if value["comparison"] == "GreaterThan":
        return bool(number > last)
    if value["comparison"] == "LessThan":
        return bool(number < first)
    return _has(value["ranges"], number)


def _is_about_paths(value: Mapping[str, Any]) -> bool:
    return _judged_paths(value["comparison"], value["texts"], set()) is not None


def _judged_paths(
    comparison: str, texts: Iterable[str], paths: set[str]
) -> list[bool] | None:
    """Return for each path whether the filter names it; None if it is not about paths."""
    holds = _COMPARISONS.get(comparison)
    texts = list(texts)
    is_path = comparison != "Equal" or any(text.startswith("/") for text in texts)
    if holds is None or not texts or not is_path:
        return None
    return [any(holds(path, text) for text in texts) for path in sorted(paths)]


def _has(ranges: Iterable[Iterable[int]], number: int) -> bool:
    return any(first <= number <= last for first, last in ranges)

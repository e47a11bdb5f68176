"""What every process does every day: whether values narrow a selector, or hit everybody.

A filter on values spares the processes that a node needs only if these do not have such values.
Nobody knows beforehand what they will open and with which numbers, but some of it is sure: the
libraries that they run on, the files in which they look up users and hosts, the small numbers of
descriptors and modes, a page of bytes, the Internet.  A filter that excludes values spares nobody,
but for networks: who lets nothing out but to some means it.
"""

from __future__ import annotations

import platform
import pwd
import re
from ipaddress import IPv4Network, collapse_addresses, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

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
_FILES_OF = {
    "ssh": ("/etc/ssh/sshd_config", "/root/.ssh/authorized_keys", "/dev/ptmx"),
}
"""Besides, what programs open whose names begin so."""
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
_SHELLS = ("/bin/sh", "/bin/bash")

_COMPARISONS: Mapping[str, Callable[[str, str], bool]] = {
    "Equal": lambda path, text: path == text,
    "Prefix": lambda path, text: path.startswith(text),
    "Postfix": lambda path, text: path.endswith(text),
    "SubString": lambda path, text: text in path,
    "SubStringIgnCase": lambda path, text: text.lower() in path.lower(),
}


def is_everyday(function: str) -> bool:
    """Whether every process calls a function, many times a day."""
    return bool(_EVERYDAY.match(_PREFIX.sub("", function) or function))


def is_narrow(deed: Mapping[str, Any], files: Iterable[str], name: str = "") -> bool:
    """Whether a filter on values spares a program called ``name`` that lives on these files."""
    functions = deed.get("functions", ())
    values = deed.get("values", ())
    # A probe in a program has no name of a function here: who runs the program comes by.
    everyday = not functions or any(map(is_everyday, functions))
    paths, numbers = set(files), set(_NUMBERS)
    if any(_EXECUTES.search(function) for function in functions):
        paths |= login_shells()
    bare = [_PREFIX.sub("", function) or function for function in functions]
    # Who asks for more than a path may mean writing: files that all read say nothing of that.
    if len(values) == 1 and any(map(_READS.match, bare)):
        paths |= everyday_files(name)
    if any(map(_ALL_CALLS.match, bare)):
        numbers |= set(_CALL_NUMBERS.get(platform.machine(), ()))
    return any(_narrows(value, paths, numbers, everyday=everyday) for value in values)


def everyday_files(name: str) -> set[str]:
    """Return what a program of this name opens to read wherever it runs."""
    own = (files for begin, files in _FILES_OF.items() if name.startswith(begin))
    return {*_FILES, *(file for files in own for file in files)}


def login_shells() -> set[str]:
    """Return the shells without which no administrator logs in, as the kernel names them."""
    try:
        shells = {pwd.getpwuid(0).pw_shell or _SHELLS[0]}
    except KeyError:
        shells = set(_SHELLS)
    return shells | {str(Path(shell).resolve()) for shell in shells}


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
    first, last = value["ranges"][0]
    if value["comparison"] == "GreaterThan":
        return bool(number > last)
    if value["comparison"] == "LessThan":
        return bool(number < first)
    return _has(value["ranges"], number)


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

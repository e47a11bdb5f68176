"""What every process does every day: whether values narrow a selector, or hit everybody.

A filter on values spares the processes that a node needs only if these do not have such values.
Nobody knows beforehand what they will open and with which numbers, but some of it is sure: the
libraries that they run on, the small numbers of descriptors and modes, the Internet.  A filter that
excludes values spares nobody, but for networks: who lets nothing out but to some means it.
"""

from __future__ import annotations

import pwd
import re
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_PREFIX = re.compile(
    r"^(__(x64|ia32|arm64)_)?(compat_)?(sys_|security_|bpf_lsm_|do_|vfs_)*"
    r"((enter|exit)_)?"
)
_EVERYDAY = re.compile(
    r"\*|open|p?read|p?write|close|mmap|mprotect|munmap|brk|exec|bprm|clone|fork|vfork|exit|"
    r"wait|e?poll|p?select|futex|socket|sock_|accept|connect|bind|listen|send|recv|f?l?stat|"
    r"access|ioctl|fcntl|lseek|dup|pipe|rt_sig|file_|inode_permission|inode_getattr|"
    r"tcp_|udp_|sched_process|sched_switch|fd_install|set[ug]id|task_alloc|task_free|enter$|"
    r"exit$|group$"
)
"""Functions, without their prefixes, that every process calls."""

_EXECUTES = re.compile(r"exec|bprm|\*")
_NUMBERS = (-100, *range(32))
"""Numbers that everybody uses: AT_FDCWD, descriptors, small flags and system calls."""
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


def is_narrow(deed: Mapping[str, Any], files: Iterable[str]) -> bool:
    """Whether a filter on values spares who lives on these files."""
    functions = deed.get("functions", ())
    # A probe in a program stands where its functions are, whoever calls them.
    everyday = any(map(is_everyday, functions))
    paths = set(files)
    if any(_EXECUTES.search(function) for function in functions):
        paths |= login_shells()
    return any(
        _narrows(value, paths, everyday=everyday) for value in deed.get("values", ())
    )


def login_shells() -> set[str]:
    """Return the shells without which no administrator logs in, as the kernel names them."""
    try:
        shells = {pwd.getpwuid(0).pw_shell or _SHELLS[0]}
    except KeyError:
        shells = set(_SHELLS)
    return shells | {str(Path(shell).resolve()) for shell in shells}


def _narrows(value: Mapping[str, Any], paths: set[str], *, everyday: bool) -> bool:
    comparison, is_negated = value["comparison"], bool(value["is_negated"])
    if value["networks"]:
        # Two halves are the Internet, too; all but some networks is somebody's intention.
        return is_negated or all(ip_network(n).prefixlen > 1 for n in value["networks"])
    if comparison.endswith(("Port", "PortPriv")):
        return not any(_has(value["ranges"], p) != is_negated for p in _PORTS)
    if not everyday:
        return not is_negated
    judged = _judged_paths(comparison, value["texts"], paths)
    if judged is not None:
        return all(held == is_negated for held in judged)
    if value["texts"]:
        return not is_negated and not _TEXTS & set(value["texts"])
    if value["has_lists"] or comparison in ("CelExpr", "Mask", "FileType"):
        return False
    if not value["ranges"]:
        return not is_negated
    return all(_holds(value, number) == is_negated for number in _NUMBERS)


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

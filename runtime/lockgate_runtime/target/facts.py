"""Read what a running kernel says of itself: functions, symbols, tracepoints, configuration.

Everything is text of the kernel's own files; nothing here changes anything but for mounting
tracefs where it is not mounted.
"""

from __future__ import annotations

import gzip
import os
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate_runtime.environment import check_btf
from lockgate_runtime.errors import NodeError
from lockgate_runtime.libbpf import mount

if TYPE_CHECKING:
    from collections.abc import Iterator

_TRACING = Path("/sys/kernel/tracing")
_BTF = Path("/sys/kernel/btf")
_LSM = Path("/sys/kernel/security/lsm")
_INJECTION = Path("/sys/kernel/debug/error_injection/list")
_FIELD = re.compile(
    r"\tfield:(?P<declaration>.*);\toffset:(?P<offset>\d+);\tsize:(?P<size>\d+);"
    r"\tsigned:(?P<signed>[01]);"
)
_NAME = re.compile(r"(?P<name>[A-Za-z_]\w*)(?P<array>\[.*\])?$")
_SYMBOL = re.compile(r"\S+ (?P<kind>[TtWw]) (?P<name>\S+)(?:\s+\[(?P<module>\S+)\])?")
_MADE_AT_RUN_TIME = ("bpf", "__builtin__ftrace", "__builtin__kprobes")
"""What kallsyms calls the code of programs and trampolines that are loaded just now."""

OPTIONS = (
    "BPF",
    "BPF_EVENTS",
    "BPF_JIT",
    "BPF_KPROBE_OVERRIDE",
    "BPF_LSM",
    "BPF_SYSCALL",
    "CGROUPS",
    "DEBUG_INFO_BTF",
    "DEBUG_INFO_BTF_MODULES",
    "DYNAMIC_FTRACE",
    "DYNAMIC_FTRACE_WITH_DIRECT_CALLS",
    "FPROBE",
    "FTRACE_SYSCALLS",
    "FUNCTION_ERROR_INJECTION",
    "FUNCTION_TRACER",
    "IMA",
    "KALLSYMS_ALL",
    "KPROBES",
    "KPROBE_EVENTS",
    "LSM",
    "SECURITY",
    "SECURITY_NETWORK",
    "SECURITY_PATH",
    "SECURITY_LOCKDOWN_LSM",
    "UPROBES",
    "UPROBE_EVENTS",
)
"""Options of the kernel's configuration that say which hooks there can be."""


def read_types() -> dict[str, bytes]:
    """Return the BTF of the kernel (``vmlinux``) and of each module that has it."""
    check_btf()
    return {path.name: path.read_bytes() for path in sorted(_BTF.iterdir())}


def read_functions() -> tuple[str, ...]:
    """Return the functions that ftrace, and so kprobes and trampolines, can attach to.

    A line is ``name`` or ``name [module]``, sorted; empty where the kernel has no ftrace, or
    does not let us see (a guest whose text may not be patched).
    """
    try:
        text = (mount_tracing() / "available_filter_functions").read_text()
    except (FileNotFoundError, PermissionError):
        return ()
    return tuple(sorted(set(text.splitlines())))


def read_symbols() -> tuple[str, ...]:
    """Return the names of the kernel's code, sorted: ``name``, ``name [module]``.

    A name that several functions have is followed by how many: ``name 3``.
    """
    found: Counter[str] = Counter()
    with Path("/proc/kallsyms").open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            match = _SYMBOL.match(line)
            if match is not None and match["module"] not in _MADE_AT_RUN_TIME:
                module = match["module"]
                found[match["name"] + (f" [{module}]" if module else "")] += 1
    return tuple(
        name if count == 1 else f"{name} {count}"
        for name, count in sorted(found.items())
    )


def read_tracepoints() -> dict[str, list[list[Any]]]:
    """Return the fields of each tracepoint: declaration, name, offset, size, is signed.

    Fields are numbered from 0 as the policy language numbers them, the common ones (type,
    flags, preemption, pid) included.
    """
    events = mount_tracing() / "events"
    return {
        f"{path.parent.parent.name}/{path.parent.name}": list(_fields(path.read_text()))
        for path in sorted(events.glob("*/*/format"))
    }


def _fields(text: str) -> Iterator[list[Any]]:
    for match in _FIELD.finditer(text):
        declaration = match["declaration"].strip()
        name = _NAME.search(declaration)
        if name is None:
            continue
        kind = declaration[: name.start()].strip() + (name["array"] or "")
        size, offset = int(match["size"]), int(match["offset"])
        yield [kind, name["name"], offset, size, match["signed"] == "1"]


def read_error_injection() -> tuple[str, ...]:
    """Return the functions whose return value may be replaced (``bpf_override_return``)."""
    if not _INJECTION.exists():
        return ()
    return tuple(
        sorted({line.split()[0] for line in _INJECTION.read_text().splitlines()})
    )


def read_security_modules() -> tuple[str, ...]:
    """Return the security modules in their order; without ``bpf`` no LSM program runs."""
    if not _LSM.exists():
        mount("securityfs", Path("/sys/kernel/security"))
    return tuple(_LSM.read_text().strip().split(",")) if _LSM.exists() else ()


def read_options() -> dict[str, str]:
    """Return the options of the configuration that matter; empty where it is not there."""
    release = os.uname().release
    places = (
        Path("/proc/config.gz"),
        Path(f"/boot/config-{release}"),
        Path(f"/lib/modules/{release}/config"),
    )
    for path in places:
        if path.exists():
            data = path.read_bytes()
            text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
            found = dict(re.findall(r"^CONFIG_(\w+)=(.*)$", text, re.MULTILINE))
            return {name: found[name] for name in OPTIONS if name in found}
    return {}


def mount_tracing() -> Path:
    """Return where tracefs is, mounted if it was not; E5003 where the kernel has none."""
    if not (_TRACING / "events").exists():
        mount("tracefs", _TRACING)
    if not (_TRACING / "events").exists():
        raise NodeError(
            "E5003",
            "this kernel has no tracefs",
            "use a kernel with CONFIG_TRACING, and mount tracefs at /sys/kernel/tracing",
        )
    return _TRACING

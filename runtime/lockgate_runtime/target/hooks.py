"""Try out which hooks this kernel lets programs attach to, and which helpers they may call.

A configuration says what was built in; only trying says what works: a hypervisor may refuse
text patching, and a lockdown may refuse helpers.  Every trial loads a program that does
nothing, attaches it where it must, and is gone at once.
"""

from __future__ import annotations

import os
import struct
from functools import cache
from pathlib import Path
from typing import NamedTuple

from lockgate_runtime.bpf import Descriptor
from lockgate_runtime.errors import BpfError
from lockgate_runtime.kernel_constants import Command
from lockgate_runtime.libbpf import address, bpf, vmlinux_type

_DEVICES = Path("/sys/bus/event_source/devices")

_KPROBE, _TRACEPOINT, _RAW_TRACEPOINT, _TRACING, _LSM = 2, 5, 17, 26, 29
_TRACE, _FENTRY, _FEXIT, _FMOD_RET, _LSM_MAC, _KPROBE_MULTI = 23, 24, 25, 26, 27, 42
_SLEEPABLE = 1 << 4
_RAW_TRACEPOINT_OPEN = 17

_MOVE_ZERO = struct.pack("=BBhi", 0xB7, 0, 0, 0)
_EXIT = struct.pack("=BBhi", 0x95, 0, 0, 0)
_NOTHING = _MOVE_ZERO + _EXIT

_FUNCTION = "security_file_permission"
"""Something that every kernel with security hooks has, and that may be made to fail."""
_LSM_HOOK = "bpf_lsm_file_permission"
_SLEEPABLE_HOOK = "bpf_lsm_bprm_committed_creds"

HELPERS = {
    27: "get_stackid",
    67: "get_stack",
    36: "probe_write_user",
    58: "override_return",
    80: "get_current_cgroup_id",
    109: "send_signal",
    113: "probe_read_kernel",
    114: "probe_read_user_str",
    117: "send_signal_thread",
    123: "get_current_ancestor_cgroup_id",
    125: "ktime_get_boot_ns",
    130: "ringbuf_output",
    147: "d_path",
    148: "copy_from_user",
    156: "task_storage_get",
    158: "get_current_task_btf",
    161: "ima_inode_hash",
    173: "get_func_ip",
    174: "get_attach_cookie",
    181: "loop",
    182: "strncmp",
    183: "get_func_arg",
    193: "ima_file_hash",
}
"""Helpers that a tracing policy may need, by number (enum bpf_func_id)."""


class Kind(NamedTuple):
    """A type of program: numbers of the type, the attachment, and what it attaches to.

    ``place`` is a name in the kernel's BTF, ``place_kind`` its ``BTF_KIND_*``.
    """

    type: int
    attach_type: int = 0
    place: str = ""
    flags: int = 0
    place_kind: int = 12


KINDS = {
    "kprobe": Kind(_KPROBE),
    "tracepoint": Kind(_TRACEPOINT),
    "raw_tracepoint": Kind(_RAW_TRACEPOINT),
    "raw_tracepoint_btf": Kind(_TRACING, _TRACE, "btf_trace_sys_enter", place_kind=8),
    "fentry": Kind(_TRACING, _FENTRY, _FUNCTION),
    "fexit": Kind(_TRACING, _FEXIT, _FUNCTION),
    "fmod_ret": Kind(_TRACING, _FMOD_RET, _FUNCTION),
    "lsm": Kind(_LSM, _LSM_MAC, _LSM_HOOK),
    "lsm_sleepable": Kind(_LSM, _LSM_MAC, _SLEEPABLE_HOOK, _SLEEPABLE),
}


def try_hooks() -> dict[str, bool]:
    """Return for each way to attach whether it works here; needs CAP_SYS_ADMIN."""
    found = {name: _attaches(kind) for name, kind in KINDS.items()}
    found["kprobe"] = found["kprobe"] and (_DEVICES / "kprobe/type").exists()
    found["uprobe"] = (_DEVICES / "uprobe/type").exists()
    found["kprobe_multi"] = found["kprobe"] and attaches_many_kprobes()
    release = tuple(map(int, os.uname().release.split("-")[0].split(".")[:2]))
    found["uprobe_multi"] = found["uprobe"] and release >= (6, 6)
    return found


def try_helpers() -> dict[str, list[str]]:
    """Return the names of the helpers that each type of program may call."""
    return {
        name: [helper for number, helper in HELPERS.items() if _calls(kind, number)]
        for name, kind in KINDS.items()
    }


def load_program(kind: Kind, instructions: bytes, log: bytearray) -> int:
    """Load a program and return its descriptor."""
    function = vmlinux_type(kind.place, kind.place_kind) if kind.place else 0
    licence = b"GPL\0"
    attributes = bytearray(
        struct.pack(
            "=IIQQIIQII16sII",
            kind.type,
            len(instructions) // 8,
            address(instructions),
            address(licence),
            1,
            len(log),
            address(log),
            # Kprobes of kernels before 5.0 wanted the version; later ones do not look.
            0,
            kind.flags,
            b"lockgate_try",
            0,
            kind.attach_type,
        ).ljust(108, b"\0")
        + struct.pack("=III", function, 0, 0)
        + bytes(24)
    )
    return bpf(Command.PROG_LOAD, attributes, "load a program to try a hook")


def _attaches(kind: Kind) -> bool:
    try:
        with Descriptor(load_program(kind, _NOTHING, bytearray(4096))) as program:
            if kind.place:
                attributes = bytearray(struct.pack("=QII", 0, program.fd, 0))
                what = "attach a program to try a hook"
                Descriptor(bpf(_RAW_TRACEPOINT_OPEN, attributes, what)).close()
    except (BpfError, LookupError):
        return False
    return True


@cache
def attaches_many_kprobes() -> bool:
    """Whether one link can attach a kprobe to many functions."""
    name = _FUNCTION.encode() + b"\0"
    names = struct.pack("=Q", address(name))
    kind = Kind(_KPROBE, _KPROBE_MULTI)
    try:
        with Descriptor(load_program(kind, _NOTHING, bytearray(4096))) as program:
            attributes = bytearray(
                struct.pack(
                    "=IIIIIIQQQ",
                    program.fd,
                    0,
                    _KPROBE_MULTI,
                    0,
                    0,
                    1,
                    address(names),
                    0,
                    0,
                )
            )
            what = "attach a program to try a hook"
            Descriptor(bpf(Command.LINK_CREATE, attributes, what)).close()
    except BpfError:
        return False
    return True


def _calls(kind: Kind, helper: int) -> bool:
    """Whether the verifier knows a helper for a type of program.

    The call lacks its arguments, so it is refused in any case; what matters is the reason.
    """
    log = bytearray(8192)
    call = struct.pack("=BBhi", 0x85, 0, 0, helper)
    try:
        Descriptor(load_program(kind, call + _EXIT, log)).close()
    except LookupError:
        return False
    except BpfError:
        text = log.rstrip(b"\0").decode(errors="replace")
        unknown = ("unknown func", "invalid func", "cannot use helper")
        return bool(text) and not any(words in text for words in unknown)
    return True

"""lockgate.targets.btf: the types of a kernel, and of a module on top of them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from lockgate.targets.btf import Btf, BtfError, Kind

VMLINUX = Path("/sys/kernel/btf/vmlinux")


def blob(types: list[bytes], strings: list[str]) -> bytes:
    """Return BTF with these types and strings; the first string is the empty one."""
    text = b"".join(s.encode() + b"\0" for s in strings)
    body = b"".join(types)
    header = struct.pack(
        "<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(body), len(body), len(text)
    )
    return header + body + text


def type_(name: int, kind: Kind, last: int, count: int = 0, rest: bytes = b"") -> bytes:
    """Return one type."""
    return struct.pack("<III", name, kind << 24 | count, last) + rest


# Offsets of strings in the base: int 1, inode 5, mode 11, next 16, open 21, node 26
STRINGS = ["", "int", "inode", "mode", "next", "open", "node"]
BASE = [
    type_(1, Kind.INT, 4, rest=struct.pack("<I", 1 << 24 | 32)),  # 1
    type_(  # 2: struct inode { int mode; struct inode *next; struct { int node; }; }
        5,
        Kind.STRUCT,
        24,
        3,
        struct.pack("<III", 11, 1, 0)
        + struct.pack("<III", 16, 3, 64)
        + struct.pack("<III", 0, 6, 128),
    ),
    type_(0, Kind.POINTER, 2),  # 3
    type_(0, Kind.PROTOTYPE, 1, 1, struct.pack("<II", 5, 7)),  # 4
    type_(21, Kind.FUNCTION, 4),  # 5
    type_(0, Kind.STRUCT, 4, 1, struct.pack("<III", 26, 1, 0)),  # 6
    type_(0, Kind.CONST, 3),  # 7
]


def test_types_are_found_and_spelt() -> None:
    """A function leads to its prototype, and its parameter to a struct's members."""
    types = Btf(blob(BASE, STRINGS))
    prototype = types.function("open")
    assert prototype is not None
    (parameter,) = prototype.parameters
    assert types.spell(parameter.type) == "const struct inode *"
    assert types.spell(prototype.target) == "int"
    inode = types.pointee(parameter.type)
    assert inode is not None
    assert (inode.kind, inode.name, inode.size) == (Kind.STRUCT, "inode", 24)
    assert types.functions() == ["open"]
    assert types.find("inode", Kind.UNION) is None


def test_members_of_unnamed_parts_belong_to_the_whole() -> None:
    """Their offsets add up."""
    types = Btf(blob(BASE, STRINGS))
    inode = types.find("inode", Kind.STRUCT)
    assert inode is not None
    node = types.member(inode, "node")
    assert node is not None
    assert node.offset == 128
    assert types.member(inode, "none") is None


def test_members_of_named_parts_belong_to_the_part() -> None:
    """A name that stands in a member is not the whole's."""
    outer = type_(0, Kind.STRUCT, 24, 1, struct.pack("<III", 26, 2, 0))
    types = Btf(blob([*BASE, outer], STRINGS))
    whole = types.type(len(BASE) + 1)
    assert types.member(whole, "node") is not None
    assert types.member(whole, "mode") is None


def test_a_module_goes_on_where_the_kernel_ends() -> None:
    """Its types and strings are numbered on; it finds the kernel's by name too."""
    base = Btf(blob(BASE, STRINGS))
    more = [
        type_(base.text_end, Kind.FUNCTION, base.end + 1),
        type_(0, Kind.PROTOTYPE, 1, 1, struct.pack("<II", 5, 3)),
    ]
    module = Btf(blob(more, ["veth_open"]), base)
    prototype = module.function("veth_open")
    assert prototype is not None
    assert module.spell(prototype.parameters[0].type) == "struct inode *"
    assert module.function("open") is not None
    assert base.function("veth_open") is None
    assert module.functions() == ["veth_open"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 24,
        blob(BASE, STRINGS)[:-8],
        blob([BASE[0][:-2]], STRINGS),
        blob([type_(0, Kind.VOID, 0)[:4] + b"\0\0\0\x1f" + b"\0" * 4], STRINGS),
    ],
)
def test_what_is_no_btf_is_refused(data: bytes) -> None:
    """Cut off, or of a kind that nobody knows."""
    with pytest.raises(BtfError):
        Btf(data)


@pytest.mark.skipif(
    not VMLINUX.exists(),
    reason=f"needs {VMLINUX}, of a kernel with CONFIG_DEBUG_INFO_BTF",
)
def test_the_running_kernel() -> None:
    """Every type decodes, and what every kernel has is there."""
    types = Btf(VMLINUX.read_bytes())
    for number in range(1, types.end):
        types.type(number)
    task = types.find("task_struct", Kind.STRUCT)
    assert task is not None
    pid = types.member(task, "pid")
    assert pid is not None
    assert types.spell(pid.type) == "pid_t"
    assert types.strip(pid.type).size == 4

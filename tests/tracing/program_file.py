"""A program with a function and probes of its own, for x86-64, written byte by byte.

``program ARGUMENT...`` calls ``work(argc, argv[1])``, which returns twice its first argument; runs
over ``lockgate:stop`` at two places, whose notes differ; and exits with what stands in memory then:
what ``work`` returned, unless somebody sets it.
"""

from __future__ import annotations

import struct

CODE, BASE = 0x1000, 0x400000
SYMBOL = "work"

_START = (
    b"\x48\x89\xe5"  # mov rbp, rsp
    b"\x8b\x3c\x24"  # mov edi, [rsp]: argc
    b"\x48\x8b\x74\x24\x10"  # mov rsi, [rsp + 16]: argv[1]
    b"\xe8\x20\x00\x00\x00"  # call work
    b"\x48\x83\xec\x20"  # sub rsp, 32
    b"\x89\x04\x24"  # mov [rsp], eax
    b"\x48\x8b\x75\x10"  # mov rsi, [rbp + 16]
    b"\xb9\x01\x00\x00\x00"  # mov ecx, 1
)
_PROBES = b"\x90\x90"
_END = (
    b"\x8b\x3c\x24"  # mov edi, [rsp]
    b"\xb8\x3c\x00\x00\x00"  # mov eax, exit
    b"\x0f\x05"  # syscall
    b"\x90\x90\x90\x90"
)
_WORK = b"\x8d\x04\x3f\xc3"  # lea eax, [rdi + rdi]; ret
_CODE = _START + _PROBES + _END + _WORK

WORK = BASE + CODE + len(_START + _PROBES + _END)
"""The address of the function."""

IN_MEMORY = "-4@-32(%rbp) 8@%rsi -4@$-5 4@-36(%rbp,%rcx,4)"
IN_REGISTERS = "-4@%eax 8@%rsi -4@$-6 4@%ecx"


def make_program() -> bytes:
    """Return the file."""
    first = BASE + CODE + len(_START)
    notes = _note("stop", first, IN_MEMORY) + _note("stop", first + 1, IN_REGISTERS)
    notes += _note("memory", first, IN_MEMORY) + _note("lost", first, "8@%xmm0")
    notes += _note("frame", first, "8@%rbp")
    names = b"\0.note.stapsdt\0.shstrtab\0.symtab\0.strtab\0"
    texts = b"\0" + SYMBOL.encode() + b"\0"
    symbol = struct.pack("=IBBHQQ", 1, 0x12, 0, 1, WORK, len(_WORK))
    parts = {
        ".note.stapsdt": (7, 0, notes),
        ".shstrtab": (3, 0, names),
        ".symtab": (2, 4, bytes(24) + symbol),
        ".strtab": (3, 0, texts),
    }
    content = bytearray(CODE + 0x1000)
    content[CODE : CODE + len(_CODE)] = _CODE
    headers = [bytes(64)]
    for name, (kind, link, body) in parts.items():
        place = names.index(name.encode() + b"\0")
        at = len(content)
        content += body + bytes(-len(body) % 8)
        fields = (place, kind, 0, 0, at, len(body), link, 0, 4, 24)
        headers.append(struct.pack("=IIQQQQIIQQ", *fields))
    start = len(content)
    content += b"".join(headers)
    content[:64] = struct.pack(
        "=16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",
        *(2, 62, 1, BASE + CODE, 64, start, 0, 64, 56, 1, 64, len(headers), 2),
    )
    content[64:120] = struct.pack(
        "=IIQQQQQQ", 1, 5, CODE, BASE + CODE, BASE + CODE, 0x1000, 0x1000, 0x1000
    )
    return bytes(content)


def _note(name: str, address: int, arguments: str) -> bytes:
    body = struct.pack("=QQQ", address, 0, 0)
    body += f"lockgate\0{name}\0{arguments}\0".encode()
    note = struct.pack("=III", 8, len(body), 3) + b"stapsdt\0" + body
    return note + bytes(-len(note) % 4)


def make_types() -> bytes:
    """Return types (BTF) by which the program's stack and arguments can be read.

    ``struct letters { char first, second; }`` and
    ``struct frame { long count; char *name; struct letters *argument; }``.
    """
    names = b"\0char\0long\0letters\0frame\0first\0second\0count\0name\0argument\0"

    def name(text: str) -> int:
        return names.index(b"\0" + text.encode() + b"\0") + 1

    def head(text: str, kind: int, last: int, members: int = 0) -> bytes:
        place = name(text) if text else 0
        return struct.pack("<III", place, kind << 24 | members, last)

    def member(text: str, kind: int, bits: int) -> bytes:
        return struct.pack("<III", name(text), kind, bits)

    number, pointer, structure = 1, 2, 4
    types = head("char", number, 1) + struct.pack("<I", 1 << 24 | 8)  # 1
    types += head("long", number, 8) + struct.pack("<I", 1 << 24 | 64)  # 2
    types += head("", pointer, 1)  # 3
    types += head("letters", structure, 2, 2)  # 4
    types += member("first", 1, 0) + member("second", 1, 8)
    types += head("", pointer, 4)  # 5
    types += head("frame", structure, 24, 3)  # 6
    types += member("count", 2, 0) + member("name", 3, 64) + member("argument", 5, 128)
    sizes = (0, len(types), len(types), len(names))
    return struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, *sizes) + types + names

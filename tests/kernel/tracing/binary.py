"""A whole ELF program with a statically defined probe, written byte by byte.

It runs over its probe and ends with the probe's counter of users as exit code: 0 where
nobody watches it.
"""

from __future__ import annotations

import struct

CODE, DATA = 0x1000, 0x2000
BASE = 0x400000
SEMAPHORE = 0x10
ARGUMENTS = "-4@%edi 8@8(%rsp)"
FUNCTION = "start_here"

_PROGRAM = (
    b"\x90"  # nop: the probe
    + b"\x66\x8b\x3d"  # mov di, the counter
    + struct.pack("=i", DATA + SEMAPHORE - (CODE + 8))
    + b"\x0f\xb7\xff"  # movzx edi, di
    + b"\xb8\x3c\x00\x00\x00"  # mov eax, exit
    + b"\x0f\x05"  # syscall
)


def make_binary(moved: int = 0) -> bytes:
    """Return the file; ``moved``: how far it was moved after the note was written."""
    note = _note(moved)
    names = b"\0.note.stapsdt\0.stapsdt.base\0.shstrtab\0.symtab\0.strtab\0"
    texts = b"\0" + FUNCTION.encode() + b"\0"
    symbol = struct.pack("=IBBHQQ", 1, 0x12, 0, 1, BASE + CODE, len(_PROGRAM))
    parts = {
        ".note.stapsdt": (7, 0, note),
        ".stapsdt.base": (1, BASE + DATA, b"\0"),
        ".shstrtab": (3, 0, names),
        ".symtab": (2, 0, bytes(24) + symbol),
        ".strtab": (3, 0, texts),
    }
    content = bytearray(DATA + 0x100)
    content[CODE : CODE + len(_PROGRAM)] = _PROGRAM
    headers = [bytes(64)]
    for name, (kind, address, body) in parts.items():
        place = names.index(name.encode() + b"\0")
        at = len(content)
        content += body + bytes(-len(body) % 8)
        link = 5 if name == ".symtab" else 0
        headers.append(
            struct.pack(
                "=IIQQQQIIQQ", place, kind, 0, address, at, len(body), link, 0, 8, 24
            )
        )
    start = len(content)
    content += b"".join(headers)
    content[:64] = struct.pack(
        "=16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",
        *(2, 62, 1, BASE + CODE, 64, start, 0, 64, 56, 2, 64, len(headers), 3),
    )
    for number, (flags, at) in enumerate(((5, CODE), (6, DATA))):
        header = struct.pack(
            "=IIQQQQQQ", 1, flags, at, BASE + at, BASE + at, 0x100, 0x100, 0x1000
        )
        content[64 + 56 * number : 120 + 56 * number] = header
    return bytes(content)


def _note(moved: int) -> bytes:
    body = struct.pack(
        "=QQQ",
        BASE + CODE - moved,
        BASE + DATA - moved,
        BASE + DATA + SEMAPHORE - moved,
    )
    body += f"lockgate\0here\0{ARGUMENTS}\0".encode()
    note = struct.pack("=III", 8, len(body), 3) + b"stapsdt\0" + body
    return note + bytes(-len(note) % 4)

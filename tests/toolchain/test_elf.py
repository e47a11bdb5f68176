"""What is read from an object is what its C says."""

from __future__ import annotations

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.toolchain.clang import compile_c
from lockgate.toolchain.elf import ElfMap, ElfProgram, read_elf

EXAMPLE = """
typedef unsigned int u32;
struct value { unsigned long long a; u32 b[3]; };
#define SEC(name) __attribute__((section(name), used))

struct {
        int (*type)[1];
        const u32 *key;
        struct value *value;
        int (*max_entries)[4096];
} some_hash SEC(".maps");

struct {
        int (*type)[27];
        int (*max_entries)[65536];
} some_ring SEC(".maps");

struct {
        int (*type)[3];
        int (*key_size)[4];
        int (*value_size)[4];
        int (*max_entries)[8];
} some_programs SEC(".maps");

SEC("tc") int two(void *context __attribute__((unused))) { return 7; }
SEC("syscall") int one(void *context __attribute__((unused))) { return 1; }
"""


def test_programs_and_maps_are_found() -> None:
    """Both ways to give a size, qualifiers, names and arrays are followed."""
    diagnostics = Diagnostics()
    (content,) = compile_c({"example.c": EXAMPLE}, diagnostics).values()
    assert diagnostics.ok, diagnostics.found
    elf = read_elf(content)
    assert elf.programs == (ElfProgram("one", "syscall", 2), ElfProgram("two", "tc", 2))
    assert elf.maps == (
        ElfMap("some_hash", "hash", 4, 24, 4096),
        ElfMap("some_programs", "prog_array", 4, 4, 8),
        ElfMap("some_ring", "ringbuf", 0, 0, 65536),
    )
    assert elf.instructions == 4


@pytest.mark.parametrize("content", [b"", b"\x7fELF\x01\x01", b"\x7fELF\x02\x02"])
def test_another_file_is_refused(content: bytes) -> None:
    """Neither 32 bits nor big-endian, nor no object at all."""
    with pytest.raises(ValueError, match="not a little-endian"):
        read_elf(content)

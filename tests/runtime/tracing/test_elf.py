"""Places in binaries are found, and files that are none are told."""

from __future__ import annotations

import pytest

from lockgate_runtime.tracing.elf import Binary, ElfError, UserProbe
from tests.kernel.tracing.binary import (
    ARGUMENTS,
    BASE,
    CODE,
    DATA,
    FUNCTION,
    SEMAPHORE,
    make_binary,
)


@pytest.mark.parametrize("moved", [0, 0x7000])
def test_probe(moved: int) -> None:
    """A note gives place and counter in the file, also after prelink moved the code."""
    (probe,) = Binary(make_binary(moved)).probes()
    assert probe == UserProbe("lockgate", "here", CODE, DATA + SEMAPHORE, ARGUMENTS)


def test_function() -> None:
    """A symbol's address becomes a place in the file."""
    binary = Binary(make_binary())
    assert binary.function(FUNCTION) == CODE
    with pytest.raises(ElfError, match="no function nowhere"):
        binary.function("nowhere")
    with pytest.raises(ElfError, match="no part of it is mapped at 0x500000"):
        binary.file_offset(BASE + 0x100000)


def test_no_binary() -> None:
    """A script is no binary."""
    with pytest.raises(ElfError, match="no little-endian 64-bit ELF"):
        Binary(b"#!/bin/sh\n")

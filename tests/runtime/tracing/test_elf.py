"""Places in binaries are found, and files that are none are told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lockgate_runtime.tracing.elf import Binary, ElfError, UserProbe, read_binary
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


def test_what_never_ends(tmp_path: Path) -> None:
    """A pipe that nobody writes to, and a device, are no binaries; nobody waits for them."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(ElfError, match="no regular file"):
            read_binary(path)
    with pytest.raises(IsADirectoryError):
        read_binary(tmp_path)
    whole = tmp_path / "whole"
    whole.write_bytes(make_binary())
    assert Binary(read_binary(whole)).function(FUNCTION) == CODE

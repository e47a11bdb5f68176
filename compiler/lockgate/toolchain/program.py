"""Compile a program of our own for user space: without a library, linked with nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lockgate.toolchain.clang import CompilationError, find_compiler, run_in

_FLAGS = (
    "--target=x86_64-linux-gnu",
    "-O2",
    "-std=gnu17",
    "-ffreestanding",
    "-nostdinc",
    "-fno-pie",
    "-fno-builtin",
    "-fno-stack-protector",
    "-fno-ident",
    "-Wall",
    "-Wextra",
    "-Werror",
)


def compile_program(source: str) -> bytes:
    """Return an executable for x86-64 Linux whose only file is ``source``, in C.

    Raises :class:`CompilationError`: E4001 refused, E4002 no compiler.
    """
    compiler = find_compiler()
    linker = (*compiler.command[:-1], "ld.lld")
    with tempfile.TemporaryDirectory(prefix="lockgate-") as path:
        folder = Path(path)
        (folder / "program.c").write_text(source)
        for command in (
            (*compiler.command, *_FLAGS, "-c", "program.c", "-o", "program.o"),
            (*linker, "-static", "-s", "-o", "program", "program.o"),
        ):
            done = run_in(command, folder)
            if done.returncode:
                raise CompilationError(
                    "E4001",
                    f"the compiler refused a program of ours:\n{done.stderr}",
                    "this is a fault of lockgate: please report it",
                )
        return (folder / "program").read_bytes()

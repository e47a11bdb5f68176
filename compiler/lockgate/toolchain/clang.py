"""Compile the rendered C, the same bytes on every machine.

The compiler is the clang of one version of PyPI's ``ziglang``.  Another clang can be named
for an experiment; the bundle then says so.  What was compiled before is taken from a cache,
whose key leaves comments out: a comment in a policy never calls clang.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockgate.diagnostics import Diagnostics

ZIGLANG = "0.17.1"
"""The one version whose objects are the reference; bytecode differs between clangs."""

FLAGS = (
    # Little-endian BPF; the objects are for x86-64 and arm64 alike.
    "--target=bpfel",
    # 32-bit arithmetic and jumps: shorter code; every kernel from 5.1 on has them.
    "-mcpu=v3",
    # The verifier refuses unoptimised code.
    "-O2",
    # BTF describes maps and functions to the kernel, and needs debug information.
    "-g",
    "-std=gnu17",
    # No header of the machine or of the compiler: everything included is ours.
    "-nostdinc",
    "-ffreestanding",
    # Addresses are compared as words of several widths.
    "-fno-strict-aliasing",
    # What the kernel and the verifier have no use for.
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-fno-ident",
    # A jump table would need a section that kernels before 6.19 refuse.
    "-fno-jump-tables",
    # The folder is no part of the object.
    "-ffile-prefix-map=.=",
    "-fdebug-compilation-dir=.",
    "-Wall",
    "-Wextra",
    "-Werror",
    # A callback has the arguments that the kernel gives it.
    "-Wno-unused-parameter",
)

_SECONDS = 60
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|(\"(?:\\.|[^\"\\])*\")", re.DOTALL)
_LINES_OF_ERRORS = 20


class CompilationError(Exception):
    """Clang is absent, or refused our own C: code, sentence, what it printed."""

    def __init__(self, code: str, sentence: str, help_: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.help = help_


@dataclass(frozen=True, slots=True)
class Compiler:
    """A clang: how it is called, and what a bundle says about it.

    ``name`` is ``ziglang`` or ``clang``, ``version`` the package's (or clang's again).
    """

    command: tuple[str, ...]
    name: str
    version: str
    clang: str

    @property
    def is_pinned(self) -> bool:
        """Whether its objects are the reference."""
        return self.name == "ziglang" and self.version == ZIGLANG


@cache
def find_compiler(path: str | None = None) -> Compiler:
    """Find the pinned clang, or the one at ``path``; CompilationError where it is not."""
    if path is not None:
        found = _clang_version((path,))
        return Compiler((path,), "clang", found, found)
    try:
        package = version("ziglang")
    except PackageNotFoundError:
        package = "none"
    if package != ZIGLANG:
        raise CompilationError(
            "E4002",
            f"the pinned compiler is ziglang {ZIGLANG}, and {package} is installed",
            f"install it (pip install ziglang=={ZIGLANG}), or name a clang with --clang",
        )
    # What `python -m ziglang` becomes, without a Python for each object.
    spec = find_spec("ziglang")
    folders = (spec and spec.submodule_search_locations) or ["ziglang"]
    command = (str(Path(folders[0], "zig")), "clang")
    return Compiler(command, "ziglang", package, _clang_version(command))


def _cannot_run(program: str, error: Exception) -> CompilationError:
    """Say why a compiler did not run: it is none, or the machine has no room for it now."""
    is_busy = isinstance(error, subprocess.TimeoutExpired) or (
        isinstance(error, OSError) and error.errno in (errno.EAGAIN, errno.ENOMEM)
    )
    cure = "try again when the machine has less to do"
    return CompilationError(
        "E4002",
        f"cannot run {program}: {error}",
        cure if is_busy else "name another clang with --clang",
    )


def _clang_version(command: tuple[str, ...]) -> str:
    with tempfile.TemporaryDirectory(prefix="lockgate-") as folder:
        try:
            printed = run_in((*command, "--version"), Path(folder))
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _cannot_run(command[0], error) from None
    match = re.search(r"clang version (\S+)", printed.stdout)
    if not match:
        raise CompilationError(
            "E4002", f"{command[0]} is no clang", "name another with --clang"
        )
    return match[1]


def compile_c(
    sources: Mapping[str, str],
    diagnostics: Diagnostics,
    *,
    clang: str | None = None,
    cache_folder: Path | None = None,
) -> dict[str, bytes]:
    """Compile each ``.c`` of ``sources``; return ``NAME.o`` to object.

    ``.h`` files are what they include.  On an error the dictionary is empty, and the
    diagnostic (E4001 refused, E4002 no compiler) has clang's words.
    """
    try:
        compiler = find_compiler(clang)
        names = sorted(name for name in sources if name.endswith(".c"))
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as workers:
            objects = list(
                workers.map(
                    lambda name: _compile_cached(name, sources, compiler, cache_folder),
                    names,
                )
            )
    except CompilationError as error:
        diagnostics.error(error.code, str(error), None, help=error.help)
        return {}
    return {
        name.removesuffix(".c") + ".o": object_
        for name, object_ in zip(names, objects, strict=True)
    }


def cache_key(name: str, sources: Mapping[str, str], compiler: Compiler) -> str:
    """Hash what decides the object: C without comments, flags, toolchain."""
    digest = hashlib.sha256()
    parts = [name, compiler.name, compiler.version, compiler.clang, *FLAGS]
    for file in _included(name, sources):
        parts += [file, strip_comments(sources[file])]
    for part in parts:
        digest.update(f"{len(part)}:{part}".encode())
    return digest.hexdigest()


def strip_comments(text: str) -> str:
    """Take comments out of C; lines keep their numbers, which debug information has.

    >>> strip_comments('int a; /* why */ // not')
    'int a;'
    """

    def replace(match: re.Match[str]) -> str:
        return match[1] or "\n" * match[0].count("\n")

    stripped = _COMMENT.sub(replace, text)
    return "\n".join(line.rstrip() for line in stripped.split("\n"))


def _included(name: str, sources: Mapping[str, str]) -> list[str]:
    """Return a file and all that it includes, sorted."""
    found, waiting = {name}, [name]
    while waiting:
        for header in re.findall(r'#include "([^"]+)"', sources[waiting.pop()]):
            if header not in found:
                found.add(header)
                waiting.append(header)
    return sorted(found)


def _compile_cached(
    name: str, sources: Mapping[str, str], compiler: Compiler, folder: Path | None
) -> bytes:
    if folder is None:
        return _compile(name, sources, compiler)
    file = folder / f"{cache_key(name, sources, compiler)}.o"
    try:
        return file.read_bytes()
    except OSError:
        pass
    object_ = _compile(name, sources, compiler)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as temporary:
        temporary.write(object_)
    Path(temporary.name).replace(file)
    return object_


def _compile(name: str, sources: Mapping[str, str], compiler: Compiler) -> bytes:
    with tempfile.TemporaryDirectory(prefix="lockgate-") as path:
        folder = Path(path)
        for file in _included(name, sources):
            (folder / file).write_text(sources[file])
        command = (*compiler.command, *FLAGS, "-I.", "-c", name, "-o", "object.o")
        try:
            done = run_in(command, folder)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _cannot_run(command[0], error) from None
        if done.returncode:
            lines = done.stderr.replace(path, ".").splitlines()[:_LINES_OF_ERRORS]
            raise CompilationError(
                "E4001",
                f"clang refused {name}:\n" + "\n".join(lines),
                "this is a fault of lockgate (or of the clang that --clang names): "
                "please report it",
            )
        return (folder / "object.o").read_bytes()


def run_in(command: tuple[str, ...], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run with nothing of the user's environment; zig keeps its caches in ``folder``."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "LC_ALL": "C",
        "ZIG_GLOBAL_CACHE_DIR": str(folder / "zig"),
        "ZIG_LOCAL_CACHE_DIR": str(folder / "zig"),
    }
    return subprocess.run(  # noqa: S603  # our own arguments, no shell
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )

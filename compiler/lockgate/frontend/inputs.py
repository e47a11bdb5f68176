"""The files that the user names: found, opened, not yet read."""

from __future__ import annotations

import mmap
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.diagnostics import quote
from lockgate.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lockgate.diagnostics import Diagnostics

SUFFIXES = (".gate", ".json", ".yaml", ".yml")
NATIVE = (".gate", ".gatetest")
"""Files of the native language; those of tests are taken only where they are named."""

MODELINE = b"# lockgate: gate"
"""How a file of another name, or standard input, says that it is of the native language."""

STANDARD_INPUT = "-"

_BLANK = 1 << 12
"""A file of so many bytes is not called blank, whatever is in it."""

_MAPPED = 1 << 20
"""Files from this size on are mapped, so that a large snapshot costs no memory of ours."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file: ``name`` as diagnostics print it, ``alias`` as artifacts do.

    The alias is that below the user's argument: the same in every directory.
    """

    name: str
    alias: str
    data: bytes | mmap.mmap

    @property
    def is_native(self) -> bool:
        """Whether this is of the native language, not YAML or JSON."""
        return self.name.endswith(NATIVE) or self.data[: len(MODELINE)] == MODELINE

    def close(self) -> None:
        """Give the mapping back; spans into the file cannot be quoted any more."""
        if isinstance(self.data, mmap.mmap):
            self.data.close()


def open_inputs(
    arguments: Sequence[str],
    diagnostics: Diagnostics,
    suffixes: tuple[str, ...] = SUFFIXES,
) -> tuple[InputFile, ...]:
    """Open every file that the arguments name, in a fixed order.

    A directory stands for the files below it that have one of the suffixes, hidden ones left
    out; ``-`` is standard input.
    """
    found = []
    for argument in dict.fromkeys(arguments):
        for name, alias in _files(argument, suffixes, diagnostics):
            file = _open(name, alias, diagnostics)
            if file is None:
                continue
            found.append(file)
            if name == argument and _is_blank(file):
                message = f"{quote(file.name)} holds nothing"
                cure = "see whether the command that wrote it failed; or do not name it"
                diagnostics.error("E1025", message, _place(file.name), help=cure)
    return tuple(found)


def _is_blank(file: InputFile) -> bool:
    return len(file.data) < _BLANK and not file.data[:_BLANK].strip()


def _files(
    argument: str, suffixes: tuple[str, ...], diagnostics: Diagnostics
) -> Iterator[tuple[str, str]]:
    if not Path(argument).is_dir():
        yield argument, Path(argument).name
        return
    paths = []

    def complain(error: OSError) -> None:
        _cannot_read(str(error.filename), error, diagnostics)

    for folder, folders, names in os.walk(argument, onerror=complain):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.endswith(suffixes) and not name.startswith("."):
                path = Path(folder, name)
                paths.append(path.relative_to(argument).parts)
    if not paths:
        kinds = ", ".join(f"*{suffix}" for suffix in suffixes)
        message = f"no file below {quote(argument)} is of {kinds}"
        diagnostics.error("E1001", message, _place(argument))
    for parts in sorted(paths):
        yield str(Path(argument, *parts)), "/".join(parts)


def _open(name: str, alias: str, diagnostics: Diagnostics) -> InputFile | None:
    try:
        if name == STANDARD_INPUT:
            data = _contents(sys.stdin.fileno(), sys.stdin.buffer.read)
            return InputFile("<stdin>", "stdin", data)
        with Path(name).open("rb") as file:
            return InputFile(name, alias, _contents(file.fileno(), file.read))
    except (OSError, ValueError) as error:
        _cannot_read(name, error, diagnostics)
        return None


def _contents(descriptor: int, read: Callable[[], bytes]) -> bytes | mmap.mmap:
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_size >= _MAPPED:
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    return read()


def _cannot_read(
    name: str, error: OSError | ValueError, diagnostics: Diagnostics
) -> None:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    message = f"cannot read {quote(name)}: {reason}"
    diagnostics.error("E1001", message, _place(name))


def _place(name: str) -> Span:
    return Span(Source(name, ""), 0, 0)

"""The files that the user names: found, opened, not yet read."""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.bounded import read_file, read_stream, standard_input
from lockgate.diagnostics import quote
from lockgate.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lockgate.bounded import Data
    from lockgate.diagnostics import Diagnostics

SUFFIXES = (".gate", ".json", ".yaml", ".yml")
NATIVE = (".gate", ".gatetest")
"""Files of the native language; those of tests are taken only where they are named."""

MODELINE = b"# lockgate: gate"
"""How a file of another name, or standard input, says that it is of the native language."""

STANDARD_INPUT = "-"

_BLANK = 1 << 12
"""A file of so many bytes is not called blank, whatever is in it."""

_LARGEST_NATIVE = 1 << 24
"""Most bytes of a file of the native language, which people write; reading it takes long."""

_LOOKED_AT = 1 << 24
"""Bytes of a mapping that are searched before the kernel may have them back."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff")


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
            is_named = name == argument
            file = _open(name, alias, diagnostics, is_named=is_named)
            if file is None:
                continue
            found.append(file)
            if is_named and _is_blank(file):
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


def _open(
    name: str, alias: str, diagnostics: Diagnostics, *, is_named: bool
) -> InputFile | None:
    if not _is_utf8(name):
        # Bundles and reports name it, and they are UTF-8.
        shown = os.fsencode(name).decode(errors="replace")
        what = "its name is not UTF-8: rename it"
        _cannot_read(shown, ValueError(what), diagnostics)
        return None
    try:
        if name == STANDARD_INPUT:
            file = InputFile("<stdin>", "stdin", read_stream(standard_input()))
        elif not is_named and Path(name).is_fifo():
            # Whoever made it perhaps never writes, and we would wait.
            raise ValueError("it is a pipe: name it itself, if it is meant")
        else:
            file = InputFile(name, alias, read_file(name))
    except (OSError, ValueError) as error:
        _cannot_read(name, error, diagnostics)
        return None
    if not _is_text(file, diagnostics):
        file.close()
        return None
    if file.is_native and len(file.data) > _LARGEST_NATIVE:
        what = f"it has more than {_LARGEST_NATIVE >> 20} MiB"
        _cannot_read(file.name, ValueError(what), diagnostics)
        return None
    return file


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_text(file: InputFile, diagnostics: Diagnostics) -> bool:
    """Whether a file can be text: before all of something else is looked through."""
    data: Data = file.data
    at = _find_nul(data)
    if at < 0:
        return True
    message = f"{quote(file.name)} is no text: it has a byte 0x00"
    cure = "name a file of YAML, JSON or the native language"
    line, column = 1, 1
    if data[:2] in _UTF16:
        message = f"{quote(file.name)} is UTF-16, not UTF-8"
        cure = "save the file as UTF-8; in PowerShell: '| Out-File -Encoding utf8'"
    else:
        before = data[:at]
        line += before.count(b"\n")
        column += len(before[before.rfind(b"\n") + 1 :].decode(errors="replace"))
    place = Span(Source(file.name, "", (line, column)), 0, 0)
    diagnostics.error("E1002", message, place, help=cure)
    return False


def _find_nul(data: Data) -> int:
    """Return where the first NUL is, or -1; of a mapping little is in memory at once."""
    for start in range(0, len(data), _LOOKED_AT):
        at = data.find(b"\0", start, start + _LOOKED_AT)
        if at >= 0:
            return at
        if isinstance(data, mmap.mmap):
            data.madvise(mmap.MADV_DONTNEED, start, min(_LOOKED_AT, len(data) - start))
    return -1


def _cannot_read(
    name: str, error: OSError | ValueError, diagnostics: Diagnostics
) -> None:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    message = f"cannot read {quote(name)}: {reason}"
    diagnostics.error("E1001", message, _place(name))


def _place(name: str) -> Span:
    return Span(Source(name, ""), 0, 0)

"""Replace a directory, or a file, at once, so that nobody ever sees half of it.

The new directory is filled beside the old one and changes places with it in one step
(``renameat2`` with ``RENAME_EXCHANGE``; Linux 3.15, most file systems).  A full disk or
``kill -9`` at any moment leaves the old directory as it was.  Where the kernel or the file
system cannot exchange, the old one is moved aside first; then a kill between the two steps
leaves it under a name that :func:`recover` finds.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import secrets
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_AT_FDCWD = -100  # linux/fcntl.h
_RENAME_EXCHANGE = 2  # linux/fs.h
_AT_ONCE = 16
_CANNOT_EXCHANGE = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM)


@contextmanager
def replaced_directory(target: Path) -> Iterator[Path]:
    """Give an empty directory beside ``target``; on success put it in its place.

    An exception inside the block, or one of writing, removes it and leaves ``target`` alone.
    What killed processes left behind is removed, too.  A symbolic link is followed.
    """
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.parent / f".{target.name}.new-{secrets.token_hex(6)}"
    with _locked(target.parent):
        recover(target)
        new.mkdir()
        # Held while we live: it tells our directory from one that a killed process left.
        lock = os.open(new, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield new
        _synchronise(new)
        with _locked(target.parent):
            _put_in_place(new, target)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        os.close(lock)


@contextmanager
def replaced_file(target: Path, text: str) -> Iterator[None]:
    """Write ``text`` beside ``target`` now, and in its place when the block has succeeded.

    A file that has this text already is not touched; one that is replaced keeps its mode.
    What is no file, such as a pipe, is written to when the block has succeeded.
    """
    data = text.encode()
    if target.exists() and not target.is_file():
        yield
        target.write_bytes(data)
        return
    target = target.resolve()
    is_there = target.exists()
    if is_there and target.read_bytes() == data:
        yield
        return
    if is_there and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))
    beside = target.parent / f".{target.name}.new-{secrets.token_hex(6)}"
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if is_there:
            shutil.copymode(target, beside)
        yield
        beside.replace(target)
        _synchronise_directory(target.parent)
    finally:
        beside.unlink(missing_ok=True)


def recover(target: Path) -> None:
    """Put back a directory that was moved aside, and remove what was left half written."""
    aside = _aside(target)
    if aside.exists():
        if target.exists():
            shutil.rmtree(aside)
        else:
            aside.rename(target)
    for left in target.parent.glob(f".{escape(target.name)}.new-*"):
        descriptor = os.open(left, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue  # somebody is writing it now
        else:
            shutil.rmtree(left)
        finally:
            os.close(descriptor)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold off other processes that replace a directory here, for a few system calls."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _put_in_place(new: Path, target: Path) -> None:
    """Make ``new`` be ``target``; afterwards ``new`` is what ``target`` was, or nothing."""
    try:
        if not target.exists():
            new.rename(target)
        elif not _exchange(new, target):
            aside = _aside(target)
            target.rename(aside)
            new.rename(target)
            shutil.rmtree(aside)
    finally:
        _synchronise_directory(target.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names; False where that cannot be done."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False
    paths = os.fsencode(one), os.fsencode(other)
    if renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(other))


def _synchronise(directory: Path) -> None:
    """Have the disk know all of it before a name points to it.

    All files at once: the disk then writes its journal once, not for each of them.
    """
    files, folders = [], []
    for folder, _, names in os.walk(directory):
        folders.append(Path(folder))
        files += [Path(folder, name) for name in names]
    with ThreadPoolExecutor(_AT_ONCE) as workers:
        list(workers.map(_synchronise_one, files))
    for path in folders:
        _synchronise_directory(path)


def _synchronise_directory(directory: Path) -> None:
    _synchronise_one(directory)


def _synchronise_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _aside(target: Path) -> Path:
    return target.parent / f".{target.name}.aside"

"""The files, addresses and listeners that operations need, and what became of them."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate_runtime.netlink import Netlink
from lockgate_runtime.tracing.proc import cgroup_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate_runtime.trial.plan import Trial

_CONTENT = b"lockgate\n"
_EXECUTABLE = 0o755


class Stage:
    """What is there for operations; ``workload`` is the program that does them."""

    def __init__(self, workload: bytes) -> None:
        self._workload = workload
        self._addresses: set[str] = set()
        self._listeners: dict[str, socket.socket] = {}

    def prepare(self, trial: Trial) -> None:
        """Make what a trial needs; what is there already stays as it is, but for contents."""
        if trial.cgroup:
            _folder_of(trial.cgroup).mkdir(parents=True, exist_ok=True)
        for kind, what in trial.needs:
            if kind == "address":
                self._add_address(what)
            elif kind == "listener":
                self._listen(what)
            else:
                _prepare_path(kind, Path(what), self._workload)

    @contextmanager
    def acting(self, path: str) -> Iterator[None]:
        """Put the workload in the place of a program for a while; links are followed."""
        place = Path(os.path.realpath(path))
        kept = place.with_name(place.name + ".lockgate-kept")
        place.parent.mkdir(parents=True, exist_ok=True)
        is_there = place.exists()
        if is_there:
            place.rename(kept)
        try:
            place.write_bytes(self._workload)
            place.chmod(_EXECUTABLE)
            yield
        finally:
            if is_there:
                kept.rename(place)
            else:
                place.unlink(missing_ok=True)

    def took_effect(self, trial: Trial) -> bool | None:
        """Tell whether an operation left something behind; None where that cannot be seen."""
        try:
            return self._left(trial)
        except OSError:
            return None

    def _left(self, trial: Trial) -> bool | None:
        paths = [Path(text) for text in trial.operands]
        match trial.operation:
            case "truncate":
                return paths[0].exists() and not paths[0].stat().st_size
            case "write":
                return paths[0].exists() and paths[0].stat().st_size > len(_CONTENT)
            case "create" | "mkdir":
                return paths[0].exists()
            case "unlink" | "rmdir":
                return not paths[0].exists()
            case "rename" | "link" | "symlink":
                return os.path.lexists(paths[1])
            case "chmod":
                return stat.S_IMODE(paths[0].stat().st_mode) == 0o777
            case "chown":
                return paths[0].stat().st_uid == 1
            case "mount":
                return os.path.ismount(paths[0])
            case "connect" | "send":
                return self._was_reached(trial)
        return None

    def _was_reached(self, trial: Trial) -> bool | None:
        """Tell whether a listener saw something; a datagram socket's connection is not seen."""
        for kind, what in trial.needs:
            if kind == "listener" and what.startswith("tcp "):
                try:
                    self._listeners[what].accept()[0].close()
                except BlockingIOError:
                    return False
                return True
            if kind == "listener" and trial.operation == "send":
                try:
                    self._listeners[what].recv(16)
                except BlockingIOError:
                    return False
                return True
        return None

    def _add_address(self, address: str) -> None:
        if address not in self._addresses:
            with Netlink() as netlink:
                netlink.add_local_address(ip_address(address))
        self._addresses.add(address)

    def _listen(self, what: str) -> None:
        protocol, address, port = what.split()
        if what not in self._listeners:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            is_stream = protocol == "tcp"
            kind = socket.SOCK_STREAM if is_stream else socket.SOCK_DGRAM
            one = socket.socket(family, kind)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.setblocking(False)
            one.bind((address, int(port)))
            if is_stream:
                one.listen(8)
            self._listeners[what] = one


def enter_cgroup(path: str) -> None:
    """Move this process to a cgroup that was prepared."""
    (_folder_of(path) / "cgroup.procs").write_text(str(os.getpid()))


def _folder_of(cgroup: str) -> Path:
    root = cgroup_root()
    if root is None:
        raise OSError(errno.ENODEV, "no cgroups of version 2")
    return root / cgroup.lstrip("/")


def _prepare_path(kind: str, path: Path, workload: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "missing":
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    elif kind == "folder":
        path.mkdir(exist_ok=True)
    elif kind == "program":
        if not path.exists():
            path.write_bytes(workload)
            path.chmod(_EXECUTABLE)
    elif kind == "content":
        # A policy may refuse to open it, to us as well.
        new = path.with_name(path.name + ".lockgate-new")
        new.write_bytes(_CONTENT)
        new.replace(path)
    elif not path.exists():
        path.write_bytes(_CONTENT)

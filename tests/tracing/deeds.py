"""What the children of the tests do in a machine: the words of their workloads."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

from tests.tracing.credential_deeds import (  # noqa: F401  # words of rows, too
    be,
    be_user,
    begin,
    begin_apart,
    drop_capabilities,
    enter_beside,
    hold,
    leave,
    leave_for_children,
)
from tests.tracing.object_deeds import (  # noqa: F401  # words of rows, too
    bind_unix,
    bpf_map,
    bpf_program,
    call_32,
    change_policy,
    connect_unix,
    load,
    perf_probe,
    unload,
    up,
)
from tests.tracing.path_deeds import (  # noqa: F401  # words of rows, too
    bind,
    detached,
    from_outside,
    list_folder,
    mount_at,
    overlay,
    read_at,
    read_beyond,
    read_nameless,
)
from tests.tracing.workload_deeds import (  # noqa: F401  # words of rows, too
    enter,
    forget,
    forget_cgroup,
    getioprio,
    getpgid,
    getscheduler,
    getsid,
    in_endless_path,
    in_long_path,
)

_SYSCALL_GETPRIORITY = 140
_SET_NAME = 15
HERE = Path("/lg")
_libc = ctypes.CDLL(None, use_errno=True)


def prepare() -> None:
    """Make the files and mounts that the workloads use."""
    for name in ("one", "two", "denied", "ne", "np", "mnt", "bound", "source", "bin"):
        (HERE / name).mkdir(parents=True)
    (HERE / "root/opt").mkdir(parents=True)
    for command in (
        ("mount", "-t", "tmpfs", "none", str(HERE / "mnt")),
        ("mount", "--bind", str(HERE / "source"), str(HERE / "bound")),
    ):
        subprocess.run(command, check=True)  # noqa: S603  # our own words
    busybox = shutil.which("cat") or "/bin/cat"
    for name in ("reader", "other"):
        shutil.copy(busybox, HERE / "bin" / name)
    shutil.copy("/bin/sh", HERE / "bin/shell")
    for name in ("starter", "env"):
        shutil.copy(shutil.which("env") or "/usr/bin/env", HERE / "bin" / name)


def read(path: str) -> None:
    """Read a file, which is made first."""
    place = Path(path)
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    descriptor = os.open(path, os.O_RDONLY)
    os.read(descriptor, 1)
    os.close(descriptor)


def write(path: str) -> None:
    """Write a file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.write(descriptor, b"x")
    os.close(descriptor)


def read_unlinked(path: str) -> None:
    """Read a file that has no name any more."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    Path(path).unlink()
    os.read(descriptor, 1)
    os.close(descriptor)


def read_renamed(before: str, after: str) -> None:
    """Read a file that has another name than when it was opened."""
    descriptor = os.open(before, os.O_RDWR | os.O_CREAT)
    Path(before).rename(after)
    os.read(descriptor, 1)
    os.close(descriptor)


def chroot(path: str) -> None:
    """Take another directory for the root."""
    os.chroot(path)
    os.chdir("/")


def getpriority(which: int, who: int) -> None:
    """Make a system call that needs nothing and does nothing."""
    _libc.syscall(_SYSCALL_GETPRIORITY, ctypes.c_long(which), ctypes.c_long(who))


def put_nowhere(descriptor: int, data: bytes) -> None:
    """Write bytes to a descriptor that is not there."""
    _libc.write(descriptor, data, len(data))


def open_from(descriptor: int, path: bytes | None) -> None:
    """Open a path, or none at all, from a directory that is not there."""
    _libc.openat(descriptor, path, 0)


def getxattr(path: str, name: str) -> None:
    """Ask for an attribute that no file has."""
    with contextlib.suppress(OSError):
        os.getxattr(path, name)


def run(*command: str) -> None:
    """Execute a program in this child's place, on a file that is there."""
    Path(command[-1]).touch()
    with Path("/dev/null").open("wb") as nothing:
        os.dup2(nothing.fileno(), 1)
    os.execv(command[0], command)  # noqa: S606  # our own words


def connect(host: str, port: int, own: str = "", own_port: int = 0) -> None:
    """Begin a connection over TCP; that nobody listens does not matter."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if own:
            one.bind((own, own_port))
        with contextlib.suppress(ConnectionRefusedError):
            one.connect((host, port))


def accept(host: str, port: int) -> None:
    """Listen, connect to it, and accept that."""
    with socket.create_server((host, port)) as server:
        connect(host, port)
        server.accept()[0].close()


def send(host: str, port: int, own_port: int = 0) -> None:
    """Send a packet over UDP."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        if own_port:
            one.bind(("", own_port))
        one.sendto(b"x", (host, port))


def drop() -> None:
    """Be nobody, without any capability."""
    os.setresuid(65534, 65534, 65534)


def put(data: bytes) -> None:
    """Write bytes into a pipe."""
    there, here = os.pipe()
    os.write(here, data)
    os.close(there)


def rename(name: str) -> None:
    """Take another name for this task."""
    _libc.prctl(_SET_NAME, name.encode(), 0, 0, 0)


def map_file(path: str, protection: int) -> None:
    """Map a file into memory, or without a name memory that is no file's."""
    kind = mmap.MAP_PRIVATE | (0 if path else mmap.MAP_ANONYMOUS)
    if path:
        Path(path).write_bytes(bytes(mmap.PAGESIZE))
    descriptor = os.open(path, os.O_RDONLY) if path else -1
    mmap.mmap(descriptor, mmap.PAGESIZE, kind, protection).close()


def repeat(who: int) -> None:
    """Make a call twice: here, in another thread, and in a child."""

    def twice() -> None:
        getpriority(0, who)
        getpriority(0, who)

    twice()
    other = threading.Thread(target=twice)
    other.start()
    other.join()
    child = os.fork()
    if not child:
        twice()
        os._exit(0)
    os.waitpid(child, 0)


def put_vector(*pieces: bytes) -> None:
    """Write bytes of several places into a pipe at once."""
    there, here = os.pipe()
    os.writev(here, pieces)
    os.close(there)


def setxattr(path: str, value: bytes) -> None:
    """Set an attribute, if the file system has any."""
    with contextlib.suppress(OSError):
        os.setxattr(path, "user.lockgate", value)


def take(data: bytes, size: int) -> None:
    """Read bytes out of a pipe into a buffer that is larger."""
    there, here = os.pipe()
    os.write(here, data)
    os.read(there, size)
    os.close(here)


def take_vector(data: bytes, *sizes: int) -> None:
    """Read bytes out of a pipe into several buffers."""
    there, here = os.pipe()
    os.write(here, data)
    os.readv(there, [bytearray(size) for size in sizes])
    os.close(here)

"""Declare what we use of libbpf.so.1 and of bpf(2); the only importer of ctypes.

libbpf (1.1 of Debian 12, or any newer 1.x) opens and loads objects; everything else is
bpf(2) itself, because libbpf 1.1 does not know links that kernels after it brought.
Its messages are kept for our errors and never printed.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import platform
import signal
import threading
from collections import deque
from functools import cache
from typing import TYPE_CHECKING, Final

from lockgate_runtime.errors import BpfError, NodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_P, _I, _U, _S, _Z = (
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_uint32,
    ctypes.c_char_p,
    ctypes.c_size_t,
)

_FUNCTIONS: Final[dict[str, tuple[type | None, tuple[type, ...]]]] = {
    "libbpf_set_print": (_P, (_P,)),
    "bpf_object__open_mem": (_P, (_P, _Z, _P)),
    "bpf_object__load": (_I, (_P,)),
    "bpf_object__close": (None, (_P,)),
    "bpf_object__btf": (_P, (_P,)),
    "bpf_object__next_program": (_P, (_P, _P)),
    "bpf_object__next_map": (_P, (_P, _P)),
    "bpf_program__name": (_S, (_P,)),
    "bpf_program__section_name": (_S, (_P,)),
    "bpf_program__fd": (_I, (_P,)),
    "bpf_program__insn_cnt": (_Z, (_P,)),
    "bpf_program__type": (_I, (_P,)),
    "bpf_program__set_autoload": (_I, (_P, ctypes.c_bool)),
    "bpf_program__set_expected_attach_type": (_I, (_P, _I)),
    "bpf_program__expected_attach_type": (_I, (_P,)),
    "bpf_program__set_attach_target": (_I, (_P, _I, _S)),
    "bpf_program__set_log_level": (_I, (_P, _U)),
    "bpf_program__set_log_buf": (_I, (_P, _P, _Z)),
    "bpf_map__name": (_S, (_P,)),
    "bpf_map__fd": (_I, (_P,)),
    "bpf_map__max_entries": (_U, (_P,)),
    "bpf_map__set_max_entries": (_I, (_P, _U)),
    "bpf_map__set_pin_path": (_I, (_P, _S)),
    "bpf_map__reuse_fd": (_I, (_P, _I)),
    "bpf_map__initial_value": (_P, (_P, _P)),
    "btf__load_vmlinux_btf": (_P, ()),
    "btf__find_by_name_kind": (_I, (_P, _S, _U)),
    "btf__type_by_id": (_P, (_P, _U)),
    "btf__name_by_offset": (_S, (_P, _U)),
    "bpf_map__key_size": (_U, (_P,)),
    "bpf_map__value_size": (_U, (_P,)),
    "bpf_map__type": (_I, (_P,)),
    "ring_buffer__new": (_P, (_I, _P, _P, _P)),
    "ring_buffer__poll": (_I, (_P, _I)),
    "ring_buffer__consume": (_I, (_P,)),
    "ring_buffer__free": (None, (_P,)),
}

# syscall(2) numbers of bpf(2); most newer architectures share the generic table.
_SYSCALL: Final = {"x86_64": 321, "s390x": 351, "ppc64le": 361, "ppc64": 361}.get(
    platform.machine(), 280
)
_SYSCALL_PERF: Final = {"x86_64": 298, "s390x": 331, "ppc64le": 319, "ppc64": 319}.get(
    platform.machine(), 241
)
_SYSCALL_MEMBARRIER: Final = {
    "x86_64": 324,
    "s390x": 356,
    "ppc64le": 365,
    "ppc64": 365,
}.get(platform.machine(), 283)
_VERIFIER_LOG_LIMIT: Final = (16 << 20) + 4096
_libc = ctypes.CDLL(None, use_errno=True)
_quick = ctypes.PyDLL(None)  # keeps the interpreter's lock: for calls of a microsecond
_libc.vsnprintf.argtypes = [_P, _Z, _S, _P]
_messages = threading.local()


def _keep(_level: int, form: bytes, arguments: int | None) -> int:
    # libbpf prints a verifier log as one argument; its end is what matters, so that one
    # message needs a buffer of the log's greatest size.
    size = _VERIFIER_LOG_LIMIT if b"LOAD LOG" in form else 4096
    buffer = ctypes.create_string_buffer(size)
    _libc.vsnprintf(buffer, size, form, arguments)
    messages().append(buffer.value.decode(errors="replace"))
    return 0


_PRINTER = ctypes.CFUNCTYPE(_I, _I, _S, _P)
_printer = _PRINTER(_keep)


def messages() -> deque[str]:
    """Return the last messages of libbpf in this thread, oldest first."""
    if not hasattr(_messages, "lines"):
        _messages.lines = deque(maxlen=64)
    lines: deque[str] = _messages.lines
    return lines


@contextlib.contextmanager
def signals_wait() -> Iterator[None]:
    """Let signals wait while libbpf may call us back.

    Python would run their handlers in the callback, and ctypes prints and forgets what a
    callback raises: a Ctrl-C would be lost.  Nor does the verifier begin anew for each.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@cache
def load_libbpf() -> ctypes.CDLL:
    """Load libbpf once and declare its functions; they take and return plain Python."""
    try:
        lib = ctypes.CDLL("libbpf.so.1", use_errno=True)
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(lib, name)
            function.restype = result
            function.argtypes = list(arguments)
    except (OSError, AttributeError) as error:
        raise NodeError(
            "E5004",
            f"libbpf.so.1 cannot be used: {error}",
            "install the package libbpf1 (Debian, Ubuntu) or libbpf (Fedora), 1.1 or newer",
        ) from None
    lib.libbpf_set_print(ctypes.cast(_printer, _P))
    return lib


@cache
def vmlinux_type(name: str, kind: int) -> int:
    """Return the number of a type in the running kernel's BTF; LookupError without.

    ``kind`` is a ``BTF_KIND_*``: 12 for a function, 8 for a typedef.
    """
    types = _vmlinux_types()
    number = load_libbpf().btf__find_by_name_kind(types, name.encode(), kind)
    if number <= 0:
        raise LookupError(name)
    return int(number)


@cache
def _vmlinux_types() -> int:
    types = load_libbpf().btf__load_vmlinux_btf()
    if not types:
        raise LookupError("the running kernel has no BTF")
    return int(types)


def mount(kind: str, place: Path) -> bool:
    """Mount a file system of the kernel's own (tracefs, securityfs); False where it fails."""
    name = kind.encode()
    result: int = _libc.mount(name, bytes(place), name, ctypes.c_ulong(0), None)
    return result == 0


def last_errno() -> int:
    """Return errno of the last libbpf call in this thread that returned no pointer."""
    return ctypes.get_errno()


def address(buffer: bytes | bytearray | memoryview | None) -> int:
    """Return where a buffer begins; the caller keeps it alive.  Empty or None: 0."""
    if not buffer:
        return 0
    if isinstance(buffer, bytes):
        return ctypes.cast(ctypes.c_char_p(buffer), _P).value or 0
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


def memory(start: int, size: int) -> bytes:
    """Copy memory that libbpf owns."""
    return ctypes.string_at(start, size)


def write_memory(start: int, data: bytes) -> None:
    """Overwrite memory that libbpf owns: the content of a .rodata section before load."""
    ctypes.memmove(start, data, len(data))


def initial_value(handle: int) -> tuple[int, int]:
    """Return where a map's initial content lies (libbpf owns it) and its size."""
    size = ctypes.c_size_t()
    start = load_libbpf().bpf_map__initial_value(handle, ctypes.byref(size))
    return start or 0, size.value


def bpf(command: int, attributes: bytearray, what: str) -> int:
    """Make the system call; ``attributes`` is union bpf_attr.  Raises :class:`BpfError`."""
    result: int = _libc.syscall(
        _SYSCALL,
        ctypes.c_int(command),
        ctypes.c_void_p(address(attributes)),
        ctypes.c_uint(len(attributes)),
    )
    if result < 0:
        raise BpfError(ctypes.get_errno(), what)
    return result


def perf_event_open(attributes: bytes, what: str) -> int:
    """Open a perf event of every task; ``attributes`` is struct perf_event_attr.

    The event is of one CPU, as the call demands, but programs on probes and tracepoints run
    on all.  Raises :class:`BpfError`.
    """
    close_on_exec, any_task, first_cpu, no_group = 8, -1, 0, -1
    result: int = _libc.syscall(
        _SYSCALL_PERF,
        ctypes.c_void_p(address(attributes)),
        any_task,
        first_cpu,
        no_group,
        ctypes.c_ulong(close_on_exec),
    )
    if result < 0:
        raise BpfError(ctypes.get_errno(), what)
    return result


def wait_for_running_programs() -> bool:
    """Return when every program that runs now, and cannot be preempted, has ended.

    membarrier(2) with MEMBARRIER_CMD_GLOBAL is the kernel's synchronize_rcu().  False where the
    kernel refuses (CPUs without a tick, ``nohz_full``).
    """
    everywhere, no_flags = 1, 0
    result: int = _libc.syscall(_SYSCALL_MEMBARRIER, everywhere, no_flags)
    return result == 0


def prepare_bpf(command: int, attributes: bytearray) -> Callable[[], int]:
    """Return the same system call as a function that costs little to call again.

    ``attributes`` may be changed in place meanwhile, and must live as long.  A negative
    answer is a failure; :func:`bpf` says which.
    """
    return functools.partial(
        _quick.syscall,
        _SYSCALL,
        ctypes.c_int(command),
        ctypes.c_void_p(address(attributes)),
        ctypes.c_uint(len(attributes)),
    )


_SAMPLE = ctypes.CFUNCTYPE(_I, _P, _P, _Z)
_ENOUGH = -errno.EXFULL
"""What our callback returns to stop; libbpf counts the record as taken."""


class RingBuffer:
    """The reader's side of a ring buffer; libbpf knows its memory ordering."""

    def __init__(self, fd: int, most: int = 4096) -> None:
        """Read the map ``fd``; ``most`` is how many records one :meth:`take` returns."""
        self._records: list[bytes] = []
        self._most = most
        self._callback = _SAMPLE(self._keep)  # libbpf holds only the bare pointer
        handle = load_libbpf().ring_buffer__new(
            fd, ctypes.cast(self._callback, _P), None, None
        )
        if not handle:
            raise BpfError(ctypes.get_errno(), "read the ring buffer")
        self._handle: int | None = handle

    def take(self, milliseconds: int) -> list[bytes]:
        """Wait for records, at most so long, and return them, oldest first.

        A signal ends the waiting early, so that its Python handler can run.  Writers need
        not wake who waits: what is there is taken in any case.
        """
        if self._handle is None:
            raise ValueError("the ring buffer is closed")
        result = load_libbpf().ring_buffer__consume(self._handle)
        if not self._records and result >= 0:
            result = load_libbpf().ring_buffer__poll(self._handle, milliseconds)
        if not self._records and result == 0:
            result = load_libbpf().ring_buffer__consume(self._handle)
        if result < 0 and result not in (_ENOUGH, -errno.EINTR):
            raise BpfError(-result, "read the ring buffer")
        records, self._records = self._records, []
        return records

    def close(self) -> None:
        """Free what libbpf holds; the map and what is in it stay."""
        if self._handle is not None:
            load_libbpf().ring_buffer__free(self._handle)
            self._handle = None

    def _keep(self, _context: int | None, start: int, size: int) -> int:
        self._records.append(ctypes.string_at(start, size))
        return _ENOUGH if len(self._records) >= self._most else 0


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def keep_freed_memory(size: int) -> None:
    """Let this process keep so much of what it frees, to use it again.

    glibc gives it back to the kernel at once, and whoever makes and frees batch after batch pays
    for each page anew: mallopt(3).  Other libraries are left as they are.
    """
    if hasattr(_libc, "mallopt"):
        _libc.mallopt(_TRIM_THRESHOLD, size)
        _libc.mallopt(_MMAP_THRESHOLD, size)


def find_function(name: str) -> int:
    """Return where a function of this very process is in memory; LookupError without it."""
    try:
        function = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError) as error:
        raise LookupError(f"this process has no {name}: {error}") from None
    return ctypes.cast(function, ctypes.c_void_p).value or 0

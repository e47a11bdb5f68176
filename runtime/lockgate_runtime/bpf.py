"""Own kernel objects: maps, programs, links as context managers over file descriptors.

Everything here is bpf(2); :mod:`lockgate_runtime.bpf_object` loads objects through libbpf.
Keys and values are bytes as the kernel has them (little-endian structures of
:mod:`lockgate_runtime.layout`).  All failures are :class:`BpfError` with errno's name.
"""

from __future__ import annotations

import errno
import os
import struct
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from lockgate_runtime.errors import BpfError, PinError
from lockgate_runtime.kernel_constants import (
    F_BEFORE,
    AttachType,
    Command,
    MapType,
    ProgramType,
)
from lockgate_runtime.libbpf import address, bpf
from lockgate_runtime.program_runs import run_alone, run_test

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from lockgate_runtime.program_runs import TestRun

    Buffer = bytes | bytearray | memoryview


__all__ = [
    "F_BEFORE",
    "AttachType",
    "Command",
    "Descriptor",
    "Link",
    "LinkInfo",
    "Map",
    "MapInfo",
    "MapType",
    "Program",
    "ProgramInfo",
    "ProgramType",
    "possible_cpus",
]

_PER_CPU = {MapType.PERCPU_HASH, MapType.PERCPU_ARRAY, MapType.LRU_PERCPU_HASH}
_Self = TypeVar("_Self", bound="Descriptor")


class Descriptor:
    """A file descriptor of bpf(2) that closes with its context, or with its last name."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @property
    def fd(self) -> int:
        """The file descriptor; ValueError after :meth:`close`."""
        if self._fd < 0:
            raise ValueError("the descriptor is closed")
        return self._fd

    def close(self) -> None:
        """Give the kernel object back; what is pinned or attached lives on."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            self.close()

    @classmethod
    def pinned(cls: type[_Self], path: Path) -> _Self:
        """Open what is pinned at ``path``; PinError with ENOENT where nothing is."""
        name = _string(path)
        attributes = bytearray(struct.pack("=QII", address(name), 0, 0))
        try:
            descriptor = bpf(Command.OBJ_GET, attributes, "open a pin")
        except BpfError as error:
            raise PinError(error.errno or 0, path) from None
        return cls(descriptor)

    def pin(self, path: Path) -> None:
        """Give it a name in the BPF file system; EEXIST when taken."""
        name = _string(path)
        attributes = bytearray(struct.pack("=QII", address(name), self.fd, 0))
        bpf(Command.OBJ_PIN, attributes, f"pin {path}")

    def information(self, size: int) -> bytes:
        """Return what the kernel knows of it: so many bytes of struct bpf_..._info."""
        buffer = bytearray(size)
        attributes = bytearray(struct.pack("=IIQ", self.fd, size, address(buffer)))
        bpf(Command.OBJ_INFO, attributes, "read what the kernel knows of an object")
        return bytes(buffer)


class MapInfo(NamedTuple):
    """Struct bpf_map_info, its first part."""

    type: int
    id: int
    key_size: int
    value_size: int
    max_entries: int
    flags: int
    name: str


class Map(Descriptor):
    """A BPF map.  Values of per-CPU maps are those of all possible CPUs, joined."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        raw = struct.unpack("=6I16s", self.information(40))
        kind, number, key, value, entries, flags, name = raw
        self.info = MapInfo(
            kind, number, key, value, entries, flags, name.rstrip(b"\0").decode()
        )
        width = self.info.value_size
        if self.info.type in _PER_CPU:
            width = (width + 7) // 8 * 8 * possible_cpus()
        elif self.info.type == MapType.PROG_ARRAY:
            width = 4
        self.width = width

    @classmethod
    def numbered(cls, number: int) -> Map:
        """Open the map that the kernel gave a number; it must be there."""
        attributes = bytearray(struct.pack("=III", number, 0, 0))
        return cls(bpf(Command.MAP_GET_FD_BY_ID, attributes, f"open the map {number}"))

    @classmethod
    def create(
        cls,
        kind: MapType,
        name: str,
        key: int,
        value: int,
        entries: int,
        flags: int = 0,
    ) -> Map:
        """Create a map of ``entries`` with keys and values of so many bytes."""
        attributes = bytearray(
            struct.pack(
                "=7I16s", kind, key, value, entries, flags, 0, 0, name.encode()[:15]
            ).ljust(72, b"\0")
        )
        return cls(bpf(Command.MAP_CREATE, attributes, f"create the map {name}"))

    def _element(self, key: Buffer, value: int, flags: int = 0) -> bytearray:
        if len(key) != self.info.key_size:
            raise ValueError(f"{self.info.name}: a key has {self.info.key_size} bytes")
        return bytearray(struct.pack("=IIQQQ", self.fd, 0, address(key), value, flags))

    def get(self, key: bytes) -> bytes | None:
        """Return the value at a key, None where there is none."""
        value = bytearray(self.width)
        attributes = self._element(key, address(value))
        try:
            bpf(Command.MAP_LOOKUP, attributes, f"look up in {self.info.name}")
        except BpfError as error:
            if error.errno == errno.ENOENT:
                return None
            raise
        return bytes(value)

    def set(self, key: bytes, value: bytes, flags: int = 0) -> None:
        """Write the value at a key."""
        if len(value) != self.width:
            raise ValueError(f"{self.info.name}: a value has {self.width} bytes")
        attributes = self._element(key, address(value), flags)
        bpf(Command.MAP_UPDATE, attributes, f"update {self.info.name}")

    def delete(self, key: bytes) -> bool:
        """Delete a key; False when it was not there."""
        try:
            bpf(
                Command.MAP_DELETE, self._element(key, 0), f"delete in {self.info.name}"
            )
        except BpfError as error:
            if error.errno == errno.ENOENT:
                return False
            raise
        return True

    def take(self, key: bytes) -> bytes | None:
        """Delete a key of a hash and return what stood there, at once; None where nothing."""
        value = bytearray(self.width)
        attributes = self._element(key, address(value))
        try:
            bpf(Command.MAP_LOOKUP_AND_DELETE, attributes, f"take of {self.info.name}")
        except BpfError as error:
            if error.errno == errno.ENOENT:
                return None
            raise
        return bytes(value)

    def keys(self) -> Iterator[bytes]:
        """Walk the keys; a key deleted on the way may start the walk anew (kernel rule)."""
        key: bytes | None = None
        while True:
            following = bytearray(self.info.key_size)
            attributes = bytearray(
                struct.pack("=IIQQQ", self.fd, 0, address(key), address(following), 0)
            )
            try:
                bpf(Command.MAP_NEXT_KEY, attributes, f"walk {self.info.name}")
            except BpfError as error:
                if error.errno == errno.ENOENT:
                    return
                raise
            key = bytes(following)
            yield key

    def _batch(
        self, first: int, last: int, keys: int, values: int, count: int
    ) -> bytearray:
        return bytearray(
            struct.pack("=QQQQIIQQ", first, last, keys, values, count, self.fd, 0, 0)
        )

    def set_many(self, keys: Buffer, values: Buffer) -> None:
        """Write many elements in one call; keys and values are joined."""
        count = len(keys) // self.info.key_size
        if len(keys) != count * self.info.key_size or len(values) != count * self.width:
            raise ValueError(f"{self.info.name}: keys and values do not match")
        if count:
            attributes = self._batch(0, 0, address(keys), address(values), count)
            bpf(Command.MAP_UPDATE_BATCH, attributes, f"fill {self.info.name}")

    def delete_many(self, keys: Buffer) -> None:
        """Delete many keys in one call; all of them must be there."""
        count = len(keys) // self.info.key_size
        attributes = self._batch(0, 0, address(keys), 0, count)
        bpf(Command.MAP_DELETE_BATCH, attributes, f"delete in {self.info.name}")

    def items(self, batch: int = 4096) -> Iterator[tuple[bytes, bytes]]:
        """Read all elements of an array or hash, ``batch`` at a call."""
        width, key_width = self.width, self.info.key_size
        count = min(batch, self.info.max_entries)
        keys, values = bytearray(count * key_width), bytearray(count * width)
        cursor = bytearray(max(8, key_width))
        first, done = 0, False
        while not done:
            attributes = self._batch(
                first, address(cursor), address(keys), address(values), count
            )
            try:
                bpf(Command.MAP_LOOKUP_BATCH, attributes, f"read {self.info.name}")
            except BpfError as error:
                if error.errno != errno.ENOENT:
                    raise
                done = True  # the kernel's way to say that this was the last batch
            (found,) = struct.unpack_from("=I", attributes, 32)
            for i in range(found):
                yield (
                    bytes(keys[i * key_width : (i + 1) * key_width]),
                    bytes(values[i * width : (i + 1) * width]),
                )
            first = address(cursor)

    def clear(self) -> None:
        """Delete all elements of a hash, many at a call."""
        count = min(4096, self.info.max_entries)
        keys, values = (
            bytearray(count * self.info.key_size),
            bytearray(count * self.width),
        )
        cursor = bytearray(max(8, self.info.key_size))
        first = 0
        while True:
            attributes = self._batch(
                first, address(cursor), address(keys), address(values), count
            )
            try:
                bpf(
                    Command.MAP_LOOKUP_AND_DELETE_BATCH,
                    attributes,
                    f"clear {self.info.name}",
                )
            except BpfError as error:
                if error.errno != errno.ENOENT:
                    raise
                return  # the kernel's way to say that this was the last batch
            first = address(cursor)

    def read_array(self) -> bytes:
        """Return all values of an array, joined, in one call."""
        count = self.info.max_entries
        keys, values = bytearray(4 * count), bytearray(self.width * count)
        cursor = bytearray(8)
        attributes = self._batch(
            0, address(cursor), address(keys), address(values), count
        )
        try:
            bpf(Command.MAP_LOOKUP_BATCH, attributes, f"read {self.info.name}")
        except BpfError as error:
            if error.errno != errno.ENOENT:
                raise
        return bytes(values)

    def freeze(self) -> None:
        """Let nobody in user space write it again."""
        attributes = bytearray(struct.pack("=I", self.fd))
        bpf(Command.MAP_FREEZE, attributes, f"freeze {self.info.name}")


MOST_MAPS = 64
"""That a program may have: MAX_USED_MAPS of the kernel."""


class ProgramInfo(NamedTuple):
    """Struct bpf_prog_info, what we use of it; ``instructions`` are translated ones."""

    type: int
    id: int
    name: str
    instructions: int
    jited_bytes: int
    verified_instructions: int
    nanoseconds: int
    """Time spent in it, and the number of its runs, where the kernel counts them."""
    runs: int
    missed: int
    """Runs that were left out, because it ran on that CPU already."""


class Program(Descriptor):
    """A loaded program."""

    @classmethod
    def load(cls, kind: ProgramType, name: str, instructions: bytes) -> Program:
        """Load a few instructions written by hand (struct bpf_insn, 8 bytes each)."""
        licence, log = b"GPL\0", bytearray(4096)
        attributes = bytearray(
            struct.pack(
                "=IIQQIIQII16s",
                kind,
                len(instructions) // 8,
                address(instructions),
                address(licence),
                1,
                len(log),
                address(log),
                0,
                0,
                name.encode()[:15],
            ).ljust(72, b"\0")
        )
        try:
            return cls(bpf(Command.PROG_LOAD, attributes, f"load the program {name}"))
        except BpfError as error:
            error.log = log.rstrip(b"\0").decode(errors="replace")
            raise

    @property
    def info(self) -> ProgramInfo:
        """What the kernel knows of it."""
        raw = self.information(232)
        kind, number, _tag, jited, translated = struct.unpack_from("=II8sII", raw)
        name = raw[64:80].rstrip(b"\0").decode()
        time, runs, missed, verified = struct.unpack_from("=QQQI", raw, 192)
        instructions = translated // 8
        return ProgramInfo(
            kind, number, name, instructions, jited, verified, time, runs, missed
        )

    @property
    def maps(self) -> tuple[int, ...]:
        """The numbers of the maps that it uses (at most MOST_MAPS of them)."""
        numbers = bytearray(4 * MOST_MAPS)
        raw = bytearray(232)
        struct.pack_into("=IQ", raw, 52, MOST_MAPS, address(numbers))
        attributes = bytearray(struct.pack("=IIQ", self.fd, len(raw), address(raw)))
        bpf(Command.OBJ_INFO, attributes, "read what maps a program has")
        (count,) = struct.unpack_from("=I", raw, 52)
        return struct.unpack_from(f"={min(count, MOST_MAPS)}I", numbers)

    def test_run(
        self,
        data: bytes,
        context: bytes = b"",
        *,
        repeat: int = 1,
        room: int = 256,
    ) -> TestRun:
        """Run it once (or ``repeat`` times) on a packet and a context (struct __sk_buff).

        ``room``: bytes that the packet may grow.  EINVAL is the kernel's refusal to run
        (short frames), never a verdict: BpfError.
        """
        return run_test(self.fd, data, context, repeat, room)

    def run_once(self, context: bytes = b"") -> int:
        """Run a program of type SYSCALL; return what it returned."""
        return run_alone(self.fd, context)


class LinkInfo(NamedTuple):
    """Struct bpf_link_info; ``target`` is an ifindex or cgroup id, 0 when it is gone."""

    type: int
    id: int
    program_id: int
    target: int
    attach_type: int


class Link(Descriptor):
    """An attachment that holds its program; unpinned and closed, it detaches."""

    @classmethod
    def create(
        cls, program: Program, target: int, attach_type: AttachType, flags: int = 0
    ) -> Link:
        """Attach to a device (target: ifindex) or a cgroup (target: its open descriptor)."""
        attributes = bytearray(
            struct.pack("=IIII", program.fd, target, attach_type, flags).ljust(
                64, b"\0"
            )
        )
        what = f"attach {attach_type.name} to {target}"
        return cls(bpf(Command.LINK_CREATE, attributes, what))

    @property
    def info(self) -> LinkInfo:
        """What the kernel knows of it."""
        raw = self.information(64)
        kind, number, program = struct.unpack_from("=III", raw)
        if kind == 3:  # BPF_LINK_TYPE_CGROUP
            target, attach_type = struct.unpack_from("=QI", raw, 16)
        else:
            target, attach_type = struct.unpack_from("=II", raw, 16)
        return LinkInfo(kind, number, program, target, attach_type)

    def update(self, program: Program) -> None:
        """Exchange the program in place."""
        attributes = bytearray(struct.pack("=IIII", self.fd, program.fd, 0, 0))
        bpf(Command.LINK_UPDATE, attributes, "update a link")

    def detach(self) -> None:
        """Detach now, whoever else holds the link."""
        bpf(Command.LINK_DETACH, bytearray(struct.pack("=I", self.fd)), "detach a link")


def _string(path: Path) -> bytes:
    return bytes(path) + b"\0"


@cache
def possible_cpus() -> int:
    """Return how many CPUs per-CPU values have room for."""
    text = Path("/sys/devices/system/cpu/possible").read_text().strip()
    return 1 + max(int(part.split("-")[-1]) for part in text.split(","))

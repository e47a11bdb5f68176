"""Load BPF objects through libbpf.

An object is opened from bytes (so that what was hashed is what is loaded), sized, given its
constants and pinned maps, and loaded.  Its maps and programs outlive it as descriptors.
"""

from __future__ import annotations

import os
import re
import struct
from typing import TYPE_CHECKING, NamedTuple

from lockgate_runtime.bpf import Map, Program
from lockgate_runtime.errors import BpfError
from lockgate_runtime.libbpf import (
    address,
    initial_value,
    last_errno,
    load_libbpf,
    memory,
    messages,
    signals_wait,
    write_memory,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_KIND_DATASEC = 15
_STATISTICS_SIZE = 64 << 10


class Verification(NamedTuple):
    """What the verifier said of one program; ``stack`` is bytes per function."""

    program: str
    section: str
    instructions: int
    verified_instructions: int
    total_states: int
    stack: tuple[int, ...]
    microseconds: int


class Object:
    """An ELF object of BPF programs and maps: opened at once, loaded by :meth:`load`.

    ``is_tracing`` keeps what the sections say of the way to attach.
    """

    def __init__(self, name: str, elf: bytes, *, is_tracing: bool = False) -> None:
        self.name = name
        self._lib = load_libbpf()
        self._elf = elf
        self._logs: dict[str, bytearray] = {}
        self._object_name = name.encode() + b"\0"
        # struct bpf_object_open_opts up to the name, which names .rodata's map.
        options = struct.pack("=QQ", 16, address(self._object_name))
        messages().clear()
        with signals_wait():
            handle = self._lib.bpf_object__open_mem(
                address(elf), len(elf), address(options)
            )
        if not handle:
            raise BpfError(last_errno(), f"open the object {name}", "".join(messages()))
        self._handle: int | None = handle
        self._programs = dict(self._walk("program"))
        self._maps = dict(self._walk("map"))
        for pointer in self._maps.values():
            # Pins are the loader's business.
            self._lib.bpf_map__set_pin_path(pointer, None)
        for pointer in () if is_tracing else self._programs.values():
            # Programs reached by a tail call from one stub must agree in this (since 6.18
            # the kernel compares it); zero is right for tc, and for cgroup_skb programs
            # that return 0 or 1 in either direction.
            self._lib.bpf_program__set_expected_attach_type(pointer, 0)

    def _walk(self, kind: str) -> Iterator[tuple[str, int]]:
        following = getattr(self._lib, f"bpf_object__next_{kind}")
        name_of = getattr(self._lib, f"bpf_{kind}__name")
        pointer = following(self._handle, None)
        while pointer:
            yield name_of(pointer).decode(), pointer
            pointer = following(self._handle, pointer)

    def __enter__(self) -> Object:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free what libbpf holds; descriptors taken by :meth:`map` and the like stay."""
        if self._handle:
            self._lib.bpf_object__close(self._handle)
            self._handle = None

    @property
    def programs(self) -> tuple[str, ...]:
        """Names of the programs, in the order of the file."""
        return tuple(self._programs)

    @property
    def maps(self) -> tuple[str, ...]:
        """Names of the maps; sections of constants are among them (``NAME.rodata``)."""
        return tuple(self._maps)

    def section(self, program: str) -> str:
        """Return the section that a program stands in."""
        name: bytes = self._lib.bpf_program__section_name(self._programs[program])
        return name.decode()

    def max_entries(self, name: str) -> int:
        """Return the declared size of a map."""
        entries: int = self._lib.bpf_map__max_entries(self._maps[name])
        return entries

    def skip(self, program: str) -> None:
        """Do not load one program."""
        self._lib.bpf_program__set_autoload(self._programs[program], False)
        self._programs.pop(program)

    def set_attach_target(self, program: str, function: str) -> None:
        """Say which function of the kernel a program is for, before loading."""
        self._check(
            self._lib.bpf_program__set_attach_target(
                self._programs[program], 0, function.encode()
            ),
            f"find {function} in the kernel's types",
        )

    def attach_type(self, program: str) -> int:
        """Return the expected attach type, as the section says it."""
        kind: int = self._lib.bpf_program__expected_attach_type(self._programs[program])
        return kind

    def set_attach_type(self, program: str, kind: int) -> None:
        """Set the expected attach type before loading."""
        self._check(
            self._lib.bpf_program__set_expected_attach_type(
                self._programs[program], kind
            ),
            f"prepare {program}",
        )

    def map_shape(self, name: str) -> tuple[int, int, int]:
        """Return type, and sizes of key and value, as a map is declared."""
        pointer = self._maps[name]
        return (
            self._lib.bpf_map__type(pointer),
            self._lib.bpf_map__key_size(pointer),
            self._lib.bpf_map__value_size(pointer),
        )

    def resize(self, name: str, entries: int) -> None:
        """Set the size of a map before loading."""
        self._check(
            self._lib.bpf_map__set_max_entries(self._maps[name], entries),
            f"size the map {name}",
        )

    def reuse(self, name: str, source: Map) -> None:
        """Use a map that exists already; ValueError when its shape is another."""
        pointer = self._maps[name]
        there = source.info.type, source.info.key_size, source.info.value_size
        if self.map_shape(name) != there:
            raise ValueError(f"the map {name} is of another shape")
        self._check(
            self._lib.bpf_map__reuse_fd(pointer, source.fd), f"reuse the map {name}"
        )

    def set_constant(self, variable: str, value: bytes) -> None:
        """Set a ``const volatile`` variable of ``.rodata`` before loading."""
        offset, size = self._constant(variable)
        if len(value) != size:
            raise ValueError(f"{variable} has {size} bytes, not {len(value)}")
        section = next(p for n, p in self._maps.items() if n.endswith(".rodata"))
        start, room = initial_value(section)
        if offset + size > room:
            raise ValueError(f"{variable} lies outside its section")
        write_memory(start + offset, value)

    def has_constant(self, variable: str, size: int | None = None) -> bool:
        """Whether ``.rodata`` has a variable of this name (and of this size)."""
        try:
            found = self._constant(variable)[1]
        except KeyError:
            return False
        return size is None or found == size

    def _constant(self, variable: str) -> tuple[int, int]:
        """Find offset and size of a variable through the object's own BTF."""
        lib = self._lib
        btf = lib.bpf_object__btf(self._handle)
        number = (
            lib.btf__find_by_name_kind(btf, b".rodata", _KIND_DATASEC) if btf else 0
        )
        if number > 0:
            # struct btf_type, then struct btf_var_secinfo for each variable.
            start = lib.btf__type_by_id(btf, number)
            _, kind, _ = struct.unpack("=III", memory(start, 12))
            table = memory(start + 12, (kind & 0xFFFF) * 12)
            for type_id, offset, size in struct.iter_unpack("=III", table):
                (name,) = struct.unpack(
                    "=I", memory(lib.btf__type_by_id(btf, type_id), 4)
                )
                if lib.btf__name_by_offset(btf, name) == variable.encode():
                    return offset, size
        raise KeyError(variable)

    def load(self, *, statistics: bool = False) -> None:
        """Create the maps and load the programs; the verifier's log is in the BpfError.

        ``statistics``: keep the verifier's sums for :meth:`verifications`.
        """
        if statistics:
            for name, pointer in self._programs.items():
                log = self._logs[name] = bytearray(_STATISTICS_SIZE)
                self._lib.bpf_program__set_log_buf(pointer, address(log), len(log))
                self._lib.bpf_program__set_log_level(pointer, 4)
        messages().clear()
        with signals_wait():
            result = self._lib.bpf_object__load(self._handle)
        self._check(result, f"load {self.name}")

    def _check(self, result: int, what: str) -> None:
        if result < 0:
            raise BpfError(-result, what, "".join(messages()))

    def map(self, name: str) -> Map:
        """Return a map of the loaded object, with a descriptor of its own."""
        return Map(os.dup(self._lib.bpf_map__fd(self._maps[name])))

    def program(self, name: str) -> Program:
        """Return a program of the loaded object, with a descriptor of its own."""
        return Program(os.dup(self._lib.bpf_program__fd(self._programs[name])))

    def verifications(self) -> tuple[Verification, ...]:
        """Return the verifier's sums for each program after a load with statistics."""
        return tuple(self._verification(name) for name in self._programs)

    def _verification(self, name: str) -> Verification:
        log = self._logs[name].split(b"\0", 1)[0].decode(errors="replace")

        def find(pattern: str) -> str:
            match = re.search(pattern, log)
            return match[1] if match else "0"

        return Verification(
            program=name,
            section=self.section(name),
            instructions=self._lib.bpf_program__insn_cnt(self._programs[name]),
            verified_instructions=int(find(r"processed (\d+) insns")),
            total_states=int(find(r"total_states (\d+)")),
            stack=tuple(map(int, find(r"stack depth ([\d+]+)").split("+"))),
            microseconds=int(find(r"verification time (\d+) usec")),
        )

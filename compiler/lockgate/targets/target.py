"""A target: what one kernel offers, as ``lockgate target record`` wrote it down.

Files of the folder are read when somebody asks for what they hold; a policy that attaches to
one function needs none of the tracepoints.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from lockgate.faults import Fault
from lockgate.targets.btf import Btf, BtfError, Type

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TARGET_VERSION = 1
RUNNING = "running"
"""What the running kernel is called in a bundle."""
_CURE = "record it again: sudo lockgate target record DIR"
_LINE = re.compile(r"(?P<name>\S+?)(?: \[(?P<module>\S+)\])?(?: (?P<count>\d+))?$")

SYSCALL_PREFIXES = {"x86_64": "__x64_", "aarch64": "__arm64_", "riscv64": "__riscv_"}
"""What the name of a system call's function begins with (arch/*/include/asm/syscall_wrapper.h)."""


class Field(NamedTuple):
    """A field of a tracepoint's format; ``kind`` as C declares it, sizes in bytes."""

    kind: str
    name: str
    offset: int
    size: int
    is_signed: bool


class Prototype(NamedTuple):
    """A function with its types; ``module`` is empty for the kernel itself."""

    name: str
    module: str
    types: Btf
    type: Type


@dataclass(frozen=True)
class Target:
    """One kernel under the name that the user gave it.

    ``hooks`` says which ways to attach work, ``helpers`` which helpers each may call;
    ``security_modules`` are in the order in which the kernel asks them.
    """

    name: str
    folder: Path
    release: str
    machine: str
    hooks: Mapping[str, bool]
    helpers: Mapping[str, frozenset[str]]
    security_modules: tuple[str, ...]
    options: Mapping[str, str]
    module_names: tuple[str, ...] = ()
    _modules: dict[str, Btf] = field(default_factory=dict, repr=False)

    @property
    def is_running(self) -> bool:
        """Whether it is the kernel of this very machine, whose programs are here."""
        return self.name == RUNNING

    @property
    def syscall_prefix(self) -> str:
        """What stands before the name of a system call's function."""
        return SYSCALL_PREFIXES.get(self.machine, "")

    @cached_property
    def types(self) -> Btf:
        """The kernel's own types."""
        return self._read_types("vmlinux", None)

    @cached_property
    def types_digest(self) -> str:
        """SHA-256 of the kernel's own types: two kernels with the same are alike for programs."""
        return hashlib.sha256(self._read("btf/vmlinux")).hexdigest()

    def module(self, name: str) -> Btf:
        """Return the types of a module, on top of the kernel's."""
        found = self._modules.get(name)
        if found is None:
            found = self._modules[name] = self._read_types(name, self.types)
        return found

    def prototype(self, function: str) -> Prototype | None:
        """Return a function with its types, of the kernel or of a recorded module."""
        found = self.types.function(function)
        if found is not None:
            return Prototype(function, "", self.types, found)
        module = self.functions.get(function) or self.symbols.get(function, _NOWHERE)[0]
        if module and module in self.module_names:
            types = self.module(module)
            found = types.function(function)
            if found is not None:
                return Prototype(function, module, types, found)
        return None

    @cached_property
    def functions(self) -> Mapping[str, str]:
        """The functions that ftrace can attach to, each with its module (or none)."""
        found: dict[str, str] = {}
        for line in self._read_lines("functions"):
            match = _LINE.match(line)
            if match is not None:
                found.setdefault(match["name"], match["module"] or "")
        return found

    @cached_property
    def symbols(self) -> Mapping[str, tuple[str, int]]:
        """The names of the kernel's code: the module, and how many have this name."""
        found: dict[str, tuple[str, int]] = {}
        for line in self._read_lines("symbols"):
            match = _LINE.match(line)
            if match is not None:
                module, count = found.get(match["name"], (match["module"] or "", 0))
                found[match["name"]] = module, count + int(match["count"] or 1)
        return found

    @cached_property
    def replaceable(self) -> frozenset[str]:
        """The functions whose return ``bpf_override_return`` may replace."""
        return frozenset(self._read_lines("injection"))

    @cached_property
    def tracepoints(self) -> Mapping[str, tuple[Field, ...]]:
        """The fields of each tracepoint (``subsystem/event``), in their order."""
        values: dict[str, list[list[Any]]] = json.loads(self._read("tracepoints.json"))
        return {
            name: tuple(Field(*entry) for entry in fields)
            for name, fields in values.items()
        }

    @cached_property
    def lsm_hooks(self) -> frozenset[str]:
        """The hooks of security modules, by the functions ``bpf_lsm_NAME``."""
        prefix = "bpf_lsm_"
        return frozenset(
            name.removeprefix(prefix)
            for name in self.types.functions()
            if name.startswith(prefix)
        )

    def _read_types(self, name: str, base: Btf | None) -> Btf:
        try:
            return Btf(self._read(f"btf/{name}"), base)
        except BtfError as error:
            path = self.folder / "btf" / f"{name}.gz"
            raise Fault("E3101", f"{path} holds no types: {error}", _CURE) from None

    def _read_lines(self, name: str) -> list[str]:
        return self._read(name).decode(errors="replace").splitlines()

    def _read(self, name: str) -> bytes:
        path = self.folder / f"{name}.gz"
        try:
            return gzip.decompress(path.read_bytes())
        except (OSError, EOFError, gzip.BadGzipFile) as error:
            message = f"{path} cannot be read: {error}"
            raise Fault("E3101", message, _CURE) from None


_NOWHERE = ("", 0)


def load_target(name: str, folder: Path) -> Target:
    """Open a recorded kernel; a Fault where the folder holds none."""
    path = folder / "target.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        message = f"{folder} is no target: it has no target.json"
        raise Fault("E3101", message, _CURE) from None
    except (OSError, ValueError) as error:
        raise Fault("E3101", f"{path} cannot be read: {error}", _CURE) from None
    version = found.get("version") if isinstance(found, dict) else None
    if version != TARGET_VERSION:
        message = f"{path} has version {version}, and this is for {TARGET_VERSION}"
        raise Fault("E3101", message, _CURE)
    try:
        return Target(
            name,
            folder,
            str(found["release"]),
            str(found["machine"]),
            {str(hook): bool(does) for hook, does in found["hooks"].items()},
            {str(k): frozenset(map(str, v)) for k, v in found["helpers"].items()},
            tuple(map(str, found["security_modules"])),
            {str(key): str(value) for key, value in found["options"].items()},
            tuple(map(str, found["modules"])),
        )
    except (KeyError, TypeError, AttributeError) as error:
        message = f"{path} lacks what a target has: {error}"
        raise Fault("E3101", message, _CURE) from None

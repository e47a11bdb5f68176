"""Types of programs of user space, which a file beside them holds: ways through their memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.lowering.readings import read_cast
from lockgate.lowering.refusal import RefusalError
from lockgate.targets.btf import Btf, BtfError
from lockgate_runtime.tracing.elf import Binary, ElfError, read_binary

if TYPE_CHECKING:
    from lockgate.ir.placement import Operand, Reading
    from lockgate.ir.tracing_arguments import Argument


class UserBtf(Btf):
    """The types of a program: no kernel relocates them, its members stand where they stand."""

    def is_own(self, number: int) -> bool:
        """Whether a type is none of the kernel's: each."""
        return True


def read_member(
    argument: Argument, operand: Operand, path: str | None, where: str
) -> Reading:
    """Return how a member is read of what an operand of a program points to.

    ``path`` is the file with the program's types.
    """
    if path is None or argument.cast is None:
        reason = f"{where} has no types, so that 'resolve' leads nowhere"
        cure = "name the file with the program's types ('btfPath'), and the type ('btfType')"
        raise RefusalError("E3114", reason, cure)
    return replace(read_cast(argument, _types_of(path), where), operand=operand)


def _types_of(path: str) -> Btf:
    try:
        content = read_binary(Path(path))
        is_program = content[:4] == b"\x7fELF"
        return UserBtf(Binary(content).section(".BTF") if is_program else content)
    except (OSError, ElfError, BtfError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        reason = f"{path} holds no types: {why}"
        cure = "write them with 'pahole --btf_encode_detached FILE PROGRAM', and have FILE here"
        raise RefusalError("E3115", reason, cure) from None

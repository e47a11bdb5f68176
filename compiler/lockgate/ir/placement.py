"""Where a hook of a tracing policy stands on one target, or why it cannot."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockgate.ir.tracing import Hook, TracingPolicy
    from lockgate.ir.tracing_arguments import ArgumentType


class Result(Enum):
    """What became of a hook; LOWERED stands elsewhere than it asks, and does what it says."""

    ATTACHED = "attached"
    LOWERED = "lowered"
    REFUSED = "refused"


class Stand(Enum):
    """How a program is attached."""

    KPROBE = "kprobe"
    KRETPROBE = "kretprobe"
    FENTRY = "fentry"
    FEXIT = "fexit"
    FMOD_RET = "fmod_ret"
    LSM = "lsm"
    TRACEPOINT = "tracepoint"
    RAW_TRACEPOINT = "raw_tracepoint"
    UPROBE = "uprobe"
    URETPROBE = "uretprobe"
    USDT = "usdt"


DENYING = frozenset({Stand.FMOD_RET, Stand.LSM})
"""Stands at which what a program returns decides."""


class Step(Enum):
    """One step on the way from an argument to the value that is read."""

    FOLLOW = "follow"
    MEMBER = "member"
    INDEX = "index"
    BITS = "bits"


@dataclass(frozen=True, slots=True)
class PathStep:
    """FOLLOW a pointer, take the MEMBER ``name`` of ``composite``, or element ``index``.

    ``declaration`` declares the member as C does, as far as relocation compares types
    (``void *owner``), and where ``composite`` has no name its offset is ``index``; ``size`` is an
    element's in bytes.  BITS are a member that is a bit field, ``size`` bits wide, which ``index``
    bits stand before: the last step of a way.
    """

    step: Step
    composite: str = ""
    name: str = ""
    index: int = 0
    declaration: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Operand:
    """Where a value is while a program of user space is stopped.

    The sum of ``constant``, the register ``base``, and ``scale`` times the register ``index`` is
    the value, or where ``is_memory`` its address.  Registers are members of ``struct pt_regs``,
    empty for none.  ``size`` is in bytes; ``shift`` is how many bits of the register stand below.
    """

    base: str = ""
    constant: int = 0
    index: str = ""
    scale: int = 1
    is_memory: bool = False
    size: int = 8
    is_signed: bool = False
    shift: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """How one argument is read on this target.

    ``type`` is the declared one, or what AUTO turned out to be.  ``size`` is in bytes where the
    value is a number; ``steps`` lead from the argument to it; ``spelling`` is C's name of the
    argument's own type.  ``is_pointer``: where the steps end there is a pointer to the value.
    ``offset`` is that of a tracepoint's field, ``operand`` says where a program has its value.
    ``length`` is in bytes what the target's types say of a buffer, 0 where they do not; ``measure``
    reads its size where that is in a field or an operand.
    """

    type: ArgumentType
    size: int = 0
    is_signed: bool = False
    steps: tuple[PathStep, ...] = ()
    spelling: str = ""
    is_pointer: bool = False
    offset: int = 0
    operand: Operand | None = None
    length: int = 0
    measure: Reading | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """One hook on one target; a list of functions gives one for each.

    ``stand`` and ``function`` say where the program goes (None, "" where it is refused): the
    kernel's symbol, ``subsystem/event``, or ``path:symbol``.  ``code`` and ``reason`` say why it is
    refused or what is lost, ``suggestion`` names the nearest thing that works.  ``can_deny`` is
    whether what a program returns there is an error (it says nothing of stands but DENYING).
    """

    policy: TracingPolicy
    hook: Hook
    target: str
    asked: str
    result: Result
    stand: Stand | None = None
    function: str = ""
    code: str = ""
    reason: str = ""
    suggestion: str = ""
    arguments: tuple[Reading, ...] = ()
    data: tuple[Reading, ...] = ()
    returned: Reading | None = None
    can_deny: bool = True

    @property
    def lowered_to(self) -> str:
        """Where it stands, if not where it asks: ``fentry:tcp_connect``."""
        place = f"{self.stand.value}:{self.function}" if self.stand else ""
        return "" if place == self.asked else place

"""Files that processes map to execute them: seen where the kernel has mapped one.

The kernel tells its profiler of every mapping, whether or not somebody profiles: the function is
called for each, and what is a file and executable is asked of its argument.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lockgate.ir.tracing import KernelFunction
from lockgate.ir.tracing_arguments import Argument, ArgumentType
from lockgate.ir.tracing_selectors import (
    Comparison,
    HookSelector,
    Range,
    ValueMatch,
)
from lockgate.lowering.place_functions import place_function

if TYPE_CHECKING:
    from lockgate.ir.placement import Placement
    from lockgate.ir.tracing import Hook, TracingPolicy
    from lockgate.targets.target import Target

_FUNCTION = "perf_event_mmap"
"""Called with the mapping, a ``struct vm_area_struct``, once it is there (kernel/events/core.c)."""
_EXECUTABLE = 1 << 2
"""VM_EXEC of include/linux/mm.h."""


def place_loader(
    policy: TracingPolicy, hook: Hook, target: Target, asked: str
) -> Placement:
    """Place ``loader: true``; its events have the file, the flags, and the number of its inode."""
    span = hook.span
    arguments = (
        Argument(0, ArgumentType.FILE, span, resolve=("vm_file",)),
        Argument(0, ArgumentType.UINT64, span, resolve=("vm_flags",)),
        Argument(0, ArgumentType.UINT64, span, resolve=("vm_file", "f_inode", "i_ino")),
    )
    is_executable = (Range(_EXECUTABLE, _EXECUTABLE),)
    matches = (
        ValueMatch((1,), Comparison.MASK, span, ranges=is_executable),
        # What a program wrote itself has no file, and so no inode.
        ValueMatch(
            (2,), Comparison.EQUAL, span, is_negated=True, ranges=(Range(0, 0),)
        ),
    )
    selector = HookSelector(span, arguments=matches)
    seen = replace(hook, arguments=arguments, selectors=(selector,))
    return place_function(policy, seen, target, KernelFunction(_FUNCTION), asked)

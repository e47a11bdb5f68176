"""Policies that are well formed and do not do what their author believes.

These are the classic ones: an action without a filter beside selectors with filters, a decision
upon memory of the program that is judged, and a filter that judges less than is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.frontend.tracing.arguments import MOST_BYTES
from lockgate.ir.tracing import (
    KernelFunction,
    KernelFunctions,
    Mode,
    Tracepoint,
    UserFunction,
    UserProbe,
)
from lockgate.ir.tracing_actions import ActionKind
from lockgate.ir.tracing_arguments import ArgumentType
from lockgate.ir.tracing_selectors import Comparison
from lockgate.targets.denials import DENIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.tracing import Hook, TracingPolicy
    from lockgate.ir.tracing_selectors import HookSelector, ValueMatch

_ENFORCING = frozenset({ActionKind.SIGNAL, ActionKind.OVERRIDE})
_USER_MEMORY = frozenset(
    {
        ArgumentType.CHAR_BUF,
        ArgumentType.CHAR_IOVEC,
        ArgumentType.FILENAME,
        ArgumentType.SOCKADDR,
        ArgumentType.SOCKADDR_UN,
        ArgumentType.STRING,
    }
)
"""What a system call is given as a pointer into the caller's memory."""

_TO_THE_END = frozenset(
    {Comparison.POSTFIX, Comparison.SUBSTRING, Comparison.SUBSTRING_IGNORE_CASE}
)
"""Comparisons that need more of a text than its beginning and its size."""


def report_mistakes(policy: TracingPolicy, diagnostics: Diagnostics) -> None:
    """Report the classic mistakes of a policy."""
    for hook in policy.hooks:
        _report_unfiltered(hook, diagnostics)
        _report_racy(hook, policy.mode, diagnostics)
        _report_shortened(hook, diagnostics)


def _enforces(selector: HookSelector) -> bool:
    return any(action.kind in _ENFORCING for action in selector.actions)


def _report_unfiltered(hook: Hook, diagnostics: Diagnostics) -> None:
    """Say of an action that it hits everyone whom the selectors before leave."""
    filtered = [s for s in hook.selectors if not s.is_unconditional]
    for selector in hook.selectors:
        if filtered and selector.is_unconditional and _enforces(selector):
            message = "this selector has no filter: its action hits everyone else"
            related = (
                (filtered[0].span, "the filters stand in a selector of their own"),
            )
            cure = (
                "selectors are alternatives, and the first that matches acts: write filters "
                "and actions into one (without '-' before 'matchActions')"
            )
            diagnostics.warning(
                "W1114", message, selector.span, help=cure, related=related
            )


def _report_racy(hook: Hook, mode: Mode, diagnostics: Diagnostics) -> None:
    """Say of a filter that another thread can rewrite what it judges."""
    if not _sees_user_memory(hook):
        return
    for selector in hook.selectors:
        for match in _racy(hook, selector):
            message = (
                "this judges memory of the program itself, which another thread can rewrite "
                "after it was judged"
            )
            cure = f"judge the kernel's copy instead: {_better(hook)}"
            if isinstance(hook.place, UserFunction | UserProbe):
                # Who is watched need not call what is watched, either: a warning says enough.
                diagnostics.warning("W1115", message, match.span, help=cure)
            elif _enforces(selector) and mode is Mode.ENFORCE:
                diagnostics.error("E1115", message, match.span, help=cure)
            else:
                diagnostics.warning("W1115", message, match.span, help=cure)


def _report_shortened(hook: Hook, diagnostics: Diagnostics) -> None:
    """Say of a filter that it judges less of a buffer than events show."""
    for selector in hook.selectors:
        for match in selector.arguments:
            arguments = [hook.arguments[place] for place in match.arguments]
            if match.comparison in _TO_THE_END and any(a.is_long for a in arguments):
                message = f"this judges the first {MOST_BYTES} bytes, though 'maxData' shows more"
                cure = (
                    "a longer buffer counts as one that may match: compare its beginning "
                    "(Prefix, Equal), or search the bytes of events"
                )
                diagnostics.warning("W1116", message, match.span, help=cure)


def _sees_user_memory(hook: Hook) -> bool:
    """Whether the hook stands where a system call begins, or in a program itself."""
    match hook.place:
        case KernelFunction(is_syscall=is_syscall):
            return is_syscall
        case KernelFunctions(are_syscalls=are_syscalls):
            return are_syscalls
        case Tracepoint(subsystem=subsystem, event=event):
            return subsystem == "syscalls" and event.startswith("sys_enter")
        case UserFunction() | UserProbe():
            return True
    return False


def _racy(hook: Hook, selector: HookSelector) -> Iterator[ValueMatch]:
    for match in selector.arguments:
        kinds = {hook.arguments[place].type for place in match.arguments}
        if kinds & _USER_MEMORY:
            yield match


def _better(hook: Hook) -> str:
    place = hook.place
    name = ""
    if isinstance(place, KernelFunction):
        name = place.name
    elif isinstance(place, Tracepoint):
        name = place.event.replace("sys_enter_", "sys_")
    better = DENIABLE.get(name)
    if better is None:
        return "a function security_*, or a hook of 'lsmhooks'"
    return f"the hook '{better}' of 'lsmhooks'"

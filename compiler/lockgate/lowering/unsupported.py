"""What tracing policies can say and no program of ours does yet: refused, never left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.placement import Stand
from lockgate.ir.tracing import Attachment
from lockgate.ir.tracing_actions import REQUESTS, ActionKind
from lockgate.ir.tracing_arguments import ArgumentType
from lockgate.ir.tracing_selectors import Comparison
from lockgate.lowering.readings import CAPABILITY_SETS, SIZES
from lockgate.lowering.refusal import RefusalError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.placement import Placement, Reading
    from lockgate.ir.tracing import Hook
    from lockgate.ir.tracing_actions import Action
    from lockgate.ir.tracing_selectors import HookSelector, ValueMatch

STANDS = frozenset(
    {
        Stand.FENTRY,
        Stand.FEXIT,
        Stand.FMOD_RET,
        Stand.LSM,
        Stand.KPROBE,
        Stand.KRETPROBE,
        Stand.TRACEPOINT,
        Stand.RAW_TRACEPOINT,
        Stand.UPROBE,
        Stand.URETPROBE,
        Stand.USDT,
    }
)

TYPES = frozenset(
    {
        *SIZES,
        ArgumentType.STRING,
        ArgumentType.CHAR_BUF,
        ArgumentType.BPF_ATTR,
        ArgumentType.BPF_MAP,
        ArgumentType.BPF_PROG,
        ArgumentType.CHAR_IOVEC,
        ArgumentType.CONST_BUF,
        ArgumentType.DENTRY,
        ArgumentType.FILE,
        ArgumentType.FILENAME,
        ArgumentType.IOV_ITER,
        ArgumentType.LOAD_INFO,
        ArgumentType.MODULE,
        ArgumentType.NET_DEVICE,
        ArgumentType.PERF_EVENT,
        ArgumentType.SOCKADDR_UN,
        ArgumentType.PATH,
        ArgumentType.KIOCB,
        ArgumentType.LINUX_BINPRM,
        ArgumentType.NOP,
        ArgumentType.DATA_LOC,
        ArgumentType.SOCK,
        ArgumentType.SOCKET,
        ArgumentType.SKB,
        ArgumentType.SOCKADDR,
        ArgumentType.CRED,
        ArgumentType.USER_NAMESPACE,
        *CAPABILITY_SETS,
    }
)

COMPARISONS = frozenset(
    {
        Comparison.EQUAL,
        Comparison.PREFIX,
        Comparison.POSTFIX,
        Comparison.SUBSTRING,
        Comparison.SUBSTRING_IGNORE_CASE,
        Comparison.GREATER,
        Comparison.LESS,
        Comparison.IN_RANGE,
        Comparison.MASK,
        Comparison.IN_MAP,
        Comparison.SOURCE_PORT,
        Comparison.SOURCE_PORT_PRIVILEGED,
        Comparison.DESTINATION_PORT,
        Comparison.DESTINATION_PORT_PRIVILEGED,
        Comparison.SOURCE_ADDRESS,
        Comparison.DESTINATION_ADDRESS,
        Comparison.PROTOCOL,
        Comparison.FAMILY,
        Comparison.STATE,
        Comparison.FILE_TYPE,
        Comparison.EXPRESSION,
        Comparison.CAPABILITIES_GAINED,
    }
)

ACTIONS = frozenset(
    {
        ActionKind.POST,
        ActionKind.NO_POST,
        ActionKind.SIGNAL,
        ActionKind.OVERRIDE,
        ActionKind.SET,
        *REQUESTS,
        ActionKind.NOTIFY_ENFORCER,
        ActionKind.CLEANUP_ENFORCER,
        ActionKind.TRACK_SOCK,
        ActionKind.UNTRACK_SOCK,
    }
)

_RETURNING = frozenset({Attachment.KPROBE, Attachment.FENTRY, Attachment.UPROBE})
"""Hooks of functions, which return."""

_LATER = "take it out, or keep this policy with a tool that has it"


def refuse_unsupported(placement: Placement) -> None:
    """Raise RefusalError for the first thing of a placed hook that is not done."""
    hook = placement.hook
    for what in _missing(placement, hook):
        raise RefusalError("E3131", f"{what}: programs do not do that yet", _LATER)


def _missing(placement: Placement, hook: Hook) -> Iterator[str]:
    stand = placement.stand
    if stand not in STANDS:
        yield f"hooks of kind {stand.value if stand else 'none'}"
    is_copied = any(a.is_copied_at_return for a in hook.arguments)
    if is_copied and hook.attachment not in _RETURNING:
        yield f"'returnCopy' of hooks of kind {hook.attachment.value}"
    readings = [*placement.arguments, *placement.data]
    if placement.returned is not None:
        readings.append(placement.returned)
    for reading in readings:
        yield from _reading(reading)
    for selector in hook.selectors:
        yield from _selector(selector)


def _reading(reading: Reading) -> Iterator[str]:
    if reading.type not in TYPES:
        yield f"arguments of type {reading.type.value}"


def _selector(selector: HookSelector) -> Iterator[str]:
    for match in (*selector.arguments, *selector.data, *selector.returns):
        yield from _match(match)
    for action in (*selector.actions, *selector.return_actions):
        yield from _action(action)


def _match(match: ValueMatch) -> Iterator[str]:
    if match.comparison not in COMPARISONS:
        yield f"the operator {match.comparison.value}"
    if match.lists:
        yield f"lists as values of {match.comparison.value}"
    is_pair = match.comparison is Comparison.CAPABILITIES_GAINED
    if len(match.arguments) > 1 and not (is_pair or match.expression):
        yield "filters over several arguments"


def _action(action: Action) -> Iterator[str]:
    if action.kind not in ACTIONS:
        yield f"the action {action.kind.value}"

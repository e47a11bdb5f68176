"""C text that reads values out of a program of user space, or writes them there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.placement import Stand
from lockgate.ir.tracing_actions import ActionKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.placement import Operand
    from lockgate.ir.site import Site, SiteHook
    from lockgate.ir.tracing_actions import Action

PROGRAMS = frozenset({Stand.UPROBE, Stand.URETPROBE, Stand.USDT})
"""Stands in programs of user space."""


def set_functions(site: Site) -> list[str]:
    """Return a function for each value that 'Set' writes."""
    numbers = {
        number
        for hook in site.hooks
        for selector in hook.hook.selectors
        for action in selector.actions
        if (number := _set_value(hook, action)) is not None
    }
    return [_set_function(site, number) for number in sorted(numbers)]


def set_call(hook: SiteHook, action: Action) -> str:
    """Return the call that does a 'Set'."""
    number = _set_value(hook, action)
    return f"set_{number}(context, &deeds, {hook.policy_number}, {action.value}LL)"


def _set_value(hook: SiteHook, action: Action) -> int | None:
    if action.kind is not ActionKind.SET or action.argument is None:
        return None
    return hook.arguments[action.argument]


def _set_function(site: Site, number: int) -> str:
    operand = site.values[number].reading.operand
    assert operand is not None  # noqa: S101  # refused otherwise
    head = f"static __always_inline void set_{number}("
    indent = "\t" * (len(head) // 8) + " " * (len(head) % 8)
    return (
        f"{head}void *context, struct deeds *deeds, u32 policy,\n{indent}s64 number)\n"
        f"{{\n\tu64 at = {_sum(operand)};\n\n"
        f"\tif (weigh(deeds, policy, TRACING_ACTION_SET))\n"
        f"\t\tbpf_probe_write_user((void *)at, &number, {operand.size});\n}}\n"
    )


def read_operand(operand: Operand) -> Iterator[str]:
    """Yield the lines that put a value into ``at``."""
    yield f"u64 at = {_sum(operand)};"
    kind = f"{'s' if operand.is_signed else 'u'}{8 * operand.size}"
    if operand.is_memory:
        yield f"{kind} operand = 0;"
        yield "bpf_probe_read_user(&operand, sizeof(operand), (void *)at);"
        yield "at = operand;"
        return
    if operand.shift:
        yield f"at >>= {operand.shift};"
    if operand.size < 8:
        yield f"at = ({kind})at;"


def _sum(operand: Operand) -> str:
    parts = [f"REGISTER(context, {operand.base})"] if operand.base else []
    if operand.index:
        parts.append(f"REGISTER(context, {operand.index}) * {operand.scale}")
    if operand.constant or not parts:
        parts.append(f"(u64){operand.constant}LL")
    return " + ".join(parts)

"""C text that reads values out of a program of user space, or writes them there.

At a return the registers of the call are gone: a program at the entry keeps what the values of
a site were, and the one at the return finds them by thread and stack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.placement import Stand
from lockgate.ir.site import Origin
from lockgate.ir.tracing_actions import ActionKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.placement import Operand
    from lockgate.ir.site import Site, SiteHook, Value
    from lockgate.ir.tracing_actions import Action

PROGRAMS = frozenset({Stand.UPROBE, Stand.URETPROBE, Stand.USDT})
"""Stands in programs of user space."""

RETURNS = frozenset({Stand.URETPROBE, Stand.FEXIT})
"""Stands at the return of a function."""


def start_operand(site: Site, value: Value, operand: Operand) -> list[str]:
    """Return the lines that put a value into ``at``."""
    if site.stand is Stand.URETPROBE and value.origin is not Origin.RETURN:
        return [f"u64 at = value_of_call(context, {kept_values(site).index(value)});"]
    return list(_read(operand))


def kept_values(site: Site) -> list[Value]:
    """Return the values that a program at the entry keeps for the one at the return."""
    if site.stand is not Stand.URETPROBE:
        return []
    return [
        value
        for value in site.values
        if value.origin is not Origin.RETURN and value.reading.operand is not None
    ]


def keep_lines(site: Site) -> list[list[str]]:
    """Return for each kept value the lines that read it at the entry."""
    return [
        list(_read(value.reading.operand))
        for value in kept_values(site)
        if value.reading.operand is not None
    ]


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
    return (
        f"static __always_inline void set_{number}(void *context, struct deeds *deeds, u32 policy,"
        f" s64 number)\n{{\n\tu64 at = {_sum(operand)};\n\n"
        f"\tif (weigh(deeds, policy, TRACING_ACTION_SET))\n"
        f"\t\tbpf_probe_write_user((void *)at, &number, {operand.size});\n}}\n"
    )


def _read(operand: Operand) -> Iterator[str]:
    yield f"u64 at = {_sum(operand)};"
    kind = f"{'s' if operand.is_signed else 'u'}{8 * operand.size}"
    if operand.is_memory:
        yield f"{kind} operand = 0;"
        yield ""
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

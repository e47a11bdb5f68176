"""What an event shows: for each list of values the C lines that write them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate.codegen.tracing.masks import mask_of, spell
from lockgate.codegen.tracing.readers import may_be_nowhere
from lockgate.codegen.tracing.shape import JUDGED_TEXTS
from lockgate.codegen.tracing.strings import (
    is_continued,
    read_call,
    read_socket_call,
    text_type,
)
from lockgate.ir.site import PATHS
from lockgate.ir.tracing_arguments import ArgumentType
from lockgate_runtime.tracing.layout import VALUE_DATA, VALUE_RETURN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lockgate.codegen.tracing.readers import Reader
    from lockgate.ir.site import Site, SiteHook


_SOCKETS = {
    ArgumentType.SOCK: "add_socket(event, TRACING_TYPE_SOCKET, {place}, &socket)",
    ArgumentType.SOCKET: "add_socket(event, TRACING_TYPE_SOCKET, {place}, &socket)",
    ArgumentType.SKB: "add_socket(event, TRACING_TYPE_SKB, {place}, &socket)",
    ArgumentType.SOCKADDR: "add_address(event, {place}, &socket)",
}


_OBJECTS = {
    ArgumentType.BPF_ATTR: "add_bpf_attr",
    ArgumentType.BPF_MAP: "add_bpf_map",
    ArgumentType.BPF_PROG: "add_bpf_prog",
    ArgumentType.PERF_EVENT: "add_perf_event",
    ArgumentType.MODULE: "add_module",
    ArgumentType.LOAD_INFO: "add_load_info",
    ArgumentType.CRED: "add_credentials",
    ArgumentType.USER_NAMESPACE: "add_user_namespace",
}
"""Types that are shown as numbers and a name (objects.h, credentials.h)."""


_COMPARED = 8
"""Hooks that a program compares one by one."""


@dataclass(frozen=True, slots=True)
class ShownHook:
    """A hook, the selectors that let it post, and which list of values its event shows."""

    number: int
    mask: str
    group: int


@dataclass(frozen=True, slots=True)
class ShownValues:
    """A list of values that the events of some hooks show."""

    number: int
    names: list[str]
    lines: list[str]
    hooks: list[ShownHook]
    long_values: int
    """Values of which more is shown than an event has room for."""


def shown_values(
    site: Site, readers: Sequence[Reader], rooms: Mapping[int, int]
) -> list[ShownValues]:
    """Return the lists of values of a site, each with the hooks that have it.

    ``rooms`` are those of the strings that were judged; all others share the last one.
    """
    groups: dict[tuple[tuple[int, int], ...], list[SiteHook]] = {}
    for hook in site.hooks:
        groups.setdefault(_places(hook), []).append(hook)
    return [
        ShownValues(
            number,
            _names(hooks),
            [
                line
                for place, value in places
                for line in _lines(site, readers[value], value, place, rooms)
            ],
            [
                ShownHook(
                    hook.number, spell(mask_of(hook.selectors), site.words), number
                )
                for hook in hooks
            ],
            sum(is_continued(site, value) for _, value in places),
        )
        for number, (places, hooks) in enumerate(groups.items())
    ]


def hook_table(site: Site, events: Sequence[ShownValues]) -> list[ShownHook]:
    """Return by number of a selector who tells of it; empty where a few comparisons tell.

    The first selector that matched is of the first hook, since they are numbered alike.  A power
    of two rows, so that a program can be shown to stay among them.
    """
    shown = {hook.number: hook for event in events for hook in event.hooks}
    if len(shown) <= _COMPARED:
        return []
    rows = [shown[selector.hook] for selector in site.selectors]
    numbers = [row.number for row in rows]
    assert numbers == sorted(numbers)  # noqa: S101  # as sites number them
    room = 1 << (len(rows) - 1).bit_length()
    return rows + rows[-1:] * (room - len(rows))


def _names(hooks: Sequence[SiteHook]) -> list[str]:
    """Return whose hooks they are for a comment, the first few of many."""
    names = list(dict.fromkeys(hook.policy.key for hook in hooks))
    return names if len(names) <= 4 else [*names[:3], f"and {len(names) - 3} others"]


def _places(hook: SiteHook) -> tuple[tuple[int, int], ...]:
    """Return (place in the event, value) of what a hook's event shows."""
    found = list(enumerate(hook.arguments))
    found += [(VALUE_DATA + place, value) for place, value in enumerate(hook.data)]
    if hook.returned is not None:
        found.append((VALUE_RETURN, hook.returned))
    return tuple(found)


def _lines(
    site: Site, reader: Reader, number: int, place: int, rooms: Mapping[int, int]
) -> list[str]:
    value = site.values[number]
    if value.reading.size and value.type is not ArgumentType.FD:
        kind = "SIGNED" if value.reading.is_signed else "UNSIGNED"
        shown = f"event, TRACING_TYPE_{kind}, {place}"
        add = f"add_number({shown}, value_{number}(context));"
        if not may_be_nowhere(value):
            return [add]
        return [
            f"if (is_there_{number}(context))",
            f"\t{add}",
            "else",
            f"\tadd_unreadable({shown});",
        ]
    if value.type in _SOCKETS:
        return [
            "{",
            "\tstruct socket_value socket;",
            "",
            f"\t{read_socket_call(site, number, '&socket')};",
            f"\t{_SOCKETS[value.type].format(place=place)};",
            "}",
        ]
    if value.type in _OBJECTS:
        return [f"{_OBJECTS[value.type]}(event, {place}, value_{number}(context));"]
    room = rooms.get(number, JUDGED_TEXTS)
    text = f"&texts->at[{room}]"
    read = read_call(site, number, reader, text)
    if read is None:
        return []
    if value.type in PATHS:
        shown = f"add_path(event, {place}, {text}, {reader.dentry})"
    elif value.type is ArgumentType.SOCKADDR_UN:
        shown = f"add_unix_address(event, {place}, {text}, value_{number}(context))"
    elif is_continued(site, number):
        shown = f"add_long_text(event, {place}, {text})"
    else:
        kind = text_type(value.type)
        shown = f"add_text(event, TRACING_TYPE_{kind}, {place}, {text})"
    is_judged = f" && !texts->at[{room}].is_read" if room != JUDGED_TEXTS else ""
    read = read.replace("\n", "\n\t\t\t  ")
    return [f"if (texts{is_judged})", f"\t{read};", "if (texts)", f"\t{shown};"]

"""Buffers of which events show more than they have room for ('maxData'), exactly so much."""

from __future__ import annotations

from lockgate_runtime.tracing.layout import LONGEST_VALUE
from tests.tracing.buffer_deeds import OFFSET, half_gone, pattern, spell
from tests.tracing.cases.case import Case

_WORDS = "from tests.tracing.buffer_deeds import *; "
ROOM = 4096
"""Bytes of a buffer that an event has."""


def _case(
    name: str,
    deed: str,
    buffers: list[str],
    call: str = "sys_write",
    argument: str = "index: 1, type: char_buf, sizeArgIndex: 3, maxData: true",
    deeds: str = "",
    **more: object,
) -> Case:
    """Return a row: ``deed`` with a buffer that begins with the row's name, or nearly so."""
    is_call = str(call.startswith("sys_")).lower()
    index = argument.removeprefix("index: ").partition(",")[0]
    actions = f"\n      matchActions: [{deeds}]" if deeds else ""
    return Case(
        name,
        f"call: {call}\n    syscall: {is_call}\n    args: [{{{argument}}}]",
        f"matchArgs: [{{index: {index}, operator: Prefix, values: ['{name}:']}}]{actions}",
        _WORDS + deed.format(name=name),
        _WORDS + deed.format(name=name + "x"),
        buffers=tuple(buffers),
        **{"many": len(buffers)} | more,  # type: ignore[arg-type]  # a row has what it says
    )


def _sized(size: int) -> Case:
    """Return a row with a buffer of this size, shown up to the limit."""
    name = f"long-{size}"
    shown = pattern(name, size)[:LONGEST_VALUE]
    cut_by = "limit" if size > LONGEST_VALUE else ""
    return _case(
        name,
        f"put_nowhere(pattern('{{name}}', {size}))",
        [spell(shown, size, cut_by)],
    )


def _whole(name: str, size: int) -> str:
    return spell(pattern(name, size), size)


_VECTOR = "index: 1, type: char_iovec, sizeArgIndex: 3, maxData: true"
_ITERATOR = "index: 1, type: iov_iter, maxData: true"
_TAKEN = "index: 1, type: {}, returnCopy: true, maxData: true"

LONG_BUFFERS = (
    *map(_sized, (4096, 4097, 100_000, LONGEST_VALUE, 400_000)),
    _case(
        "long-without",
        "put_nowhere(pattern('{name}', 100_000))",
        [spell(pattern("long-without", ROOM), 100_000)],
        argument="index: 1, type: char_buf, sizeArgIndex: 3",
    ),
    _case(
        "long-unmapped",
        "put_half_gone('{name}')",
        [spell(half_gone("long-unmapped"), 64 * 4096 - OFFSET, "memory")],
    ),
    _case(
        "long-kernel",
        "setxattr('/lg/mnt', pattern('{name}', 60_000))",
        [_whole("long-kernel", 60_000)],
        "security_inode_setxattr",
        "index: 3, type: char_buf, sizeArgIndex: 5, maxData: true",
    ),
    _case(
        "long-threads",
        "put_at_once(*(pattern(f'{name}:{{n}}', 100_000) for n in range(2)))",
        [_whole(f"long-threads:{n}", 100_000) for n in range(2) for _ in range(4)],
    ),
    _case(
        "long-limited",
        "put_nowhere(pattern('{name}', 9_000)); put_nowhere(pattern('{name}', 9_000))",
        [_whole("long-limited", 9_000)],
        deeds="{action: Post, rateLimit: 5m}",
    ),
    # Many pieces: the beginning alone has more than are looked at for it.
    _case(
        "long-vector",
        "put_pieces(*split(pattern('{name}', 20_000), 40))",
        [_whole("long-vector", 20_000)],
        "sys_writev",
        _VECTOR,
    ),
    _case(
        "long-vector-large",
        "put_pieces(*split(pattern('{name}', 300_000), 30_000))",
        [_whole("long-vector-large", 300_000)],
        "sys_writev",
        _VECTOR,
    ),
    _case(
        "long-two",
        "put_beside(pattern('{name}', 9_000), pattern('{name}:2', 10_000))",
        [_whole("long-two", 9_000), _whole("long-two:2", 10_000)],
        "sys_process_vm_writev",
        f"{_VECTOR}}}, {{index: 3, type: char_iovec, sizeArgIndex: 5, maxData: true",
        many=1,
    ),
    _case(
        "long-iterator",
        "put_what_fits(pattern('{name}', 100_000))",
        [_whole("long-iterator", 100_000)],
        "pipe_write",
        _ITERATOR,
    ),
    _case(
        "long-iterator-pieces",
        "put_what_fits(*split(pattern('{name}', 100_000), 9_000))",
        [_whole("long-iterator-pieces", 100_000)],
        "pipe_write",
        _ITERATOR,
    ),
)

TAKEN = (
    _case(
        "long-return",
        "take_all(pattern('{name}', 100_000))",
        [_whole("long-return", 100_000)],
        "sys_read",
        _TAKEN.format("char_buf"),
    ),
    _case(
        "long-return-vector",
        "take_all(pattern('{name}', 100_000))",
        [_whole("long-return-vector", 100_000)],
        "sys_readv",
        _TAKEN.format("char_iovec"),
    ),
)
"""Buffers that are read when the function returns."""

FLOOD = _case(
    "long-flood",
    "[put_nowhere(pattern('{name}', 400_000)) for _ in range(20)]",
    [],
    many=20,
)
"""More than the ring has room for: half of it, and the events."""

BY_PROBES = (
    *(
        _case(
            f"long-probe-{size}",
            f"put_nowhere(pattern('{{name}}', {size}))",
            [_whole(f"long-probe-{size}", size)],
        )
        for size in (4097, 50_000)
    ),
    *TAKEN,
)

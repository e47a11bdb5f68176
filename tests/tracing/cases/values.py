"""Values as they are written, and texts that are cut, empty or nowhere."""

from __future__ import annotations

from tests.tracing.cases.case import Case, number_case

_LONG = 5000
"""Bytes: more than are judged."""


def _opened(name: str, match: str, fires: str, silent: str, **more: object) -> Case:
    hook = "call: sys_openat\n    syscall: true\n"
    hook += "    args: [{index: 0, type: int}, {index: 1, type: string}]"
    return Case(name, hook, f"matchArgs: [{match}]", fires, silent, **more)  # type: ignore[arg-type]  # a row has what it says


def _put(
    number: int, name: str, match: str, fires: str, silent: str, **more: object
) -> Case:
    hook = "call: sys_write\n    syscall: true\n"
    hook += (
        "    args: [{index: 0, type: int}, {index: 1, type: char_buf, sizeArgIndex: 3}]"
    )
    here = f"{{index: 0, operator: Equal, values: ['-{number}']}}"
    text = f"matchArgs: [{here}, {{index: 1, {match}}}]"
    words = (f"put_nowhere(-{number}, {data})" for data in (fires, silent))
    return Case(name, hook, text, *words, **more)  # type: ignore[arg-type]  # a row has what it says


VALUES = (
    # A string of C ends before its byte 0, which may be written.
    _opened(
        "text-with-end",
        '{index: 1, operator: Equal, values: ["/lg/one/ended\\0"]}',
        "open_from(-1, b'/lg/one/ended')",
        "open_from(-1, b'/lg/one/ende')",
    ),
    _opened(
        "text-with-end-postfix",
        '{index: 1, operator: Postfix, values: ["/tail-end\\0"]}',
        "open_from(-1, b'/lg/tail-end')",
        "open_from(-1, b'/lg/tail')",
    ),
    # Nothing is at NULL: that is no text, and certainly not another.
    _opened(
        "text-nowhere",
        "{index: 0, operator: Equal, values: ['-301']}\n"
        "      , {index: 1, operator: Equal, values: [/lg/named]}",
        "open_from(-301, b'/lg/named')",
        "open_from(-301, None)",
    ),
    _opened(
        "text-nowhere-not",
        "{index: 0, operator: Equal, values: ['-302']}\n"
        "      , {index: 1, operator: NotEqual, values: [/lg/named]}",
        "open_from(-302, None)",
        "open_from(-302, b'/lg/named')",
    ),
    # A buffer may have such bytes, and what is cut still has a beginning.
    _put(
        303,
        "bytes-with-zero",
        'operator: Equal, values: ["a\\0b"]',
        "b'a\\0b'",
        "b'a\\0'",
        shows="a\0b",
    ),
    _put(
        304,
        "bytes-with-zero-behind",
        'operator: Postfix, values: ["b\\0"]',
        "b'ab\\0'",
        "b'ab'",
    ),
    _put(
        305,
        "bytes-cut-prefix",
        "operator: Prefix, values: [" + 250 * "p" + "]",
        f"b'p' * {_LONG}",
        f"b'p' * 249 + b'q' * {_LONG}",
    ),
    _put(
        306,
        "bytes-cut-equal",
        "operator: Equal, values: [whole]",
        "b'whole'",
        f"b'whole' * {_LONG}",
    ),
    _put(
        307,
        "bytes-cut-not-equal",
        "operator: NotEqual, values: [whole]",
        f"b'whole' * {_LONG}",
        "b'whole'",
    ),
    _put(
        308,
        "bytes-cut-part",
        "operator: SubString, values: [needle]",
        f"b'a needle' + b'-' * {_LONG}",
        "b'a needl'",
    ),
    # What is not seen may be behind the cut.
    _put(
        309,
        "bytes-cut-before-part",
        "operator: SubString, values: [needle]",
        f"b'-' * {_LONG} + b'needle'",
        "b'a needl'",
    ),
    *(
        number_case(
            f"written-{name}",
            f"{{index: 1, operator: {operator}, values: [{values}]}}\n"
            f"      , {{index: 0, operator: Equal, values: ['{number}']}}",
            f"getpriority({number}, {fires})",
            f"getpriority({number}, {silent})",
        )
        for number, name, operator, values, fires, silent in (
            (310, "octal", "Equal", "'010'", 8, 10),
            (311, "decimal", "InMap", "'010'", 10, 8),
            (312, "beyond", "InRange", "'1879048189:4294967295'", 1879048190, -5),
            (313, "below", "NotInRange", "'-9999999999:5'", 6, -7),
        )
    ),
    Case(
        "array-first",
        "subsystem: raw_syscalls\n    event: sys_enter\n"
        "    args: [{index: 4, type: syscall64}, {index: 5, type: uint64}]",
        "matchArgs: [{index: 0, operator: InMap, values: ['list:calls']}\n"
        "      , {index: 1, operator: InMap, values: ['314:315']}]",
        "getpriority(315, 0)",
        "getpriority(316, 0)",
        list="tracepoints",
        rest="  lists: [{name: calls, type: syscalls, values: [sys_getpriority]}]\n",
        many=1,
    ),
    Case(
        "array-whole",
        "subsystem: raw_syscalls\n    event: sys_enter\n"
        "    args: [{index: 4}, {index: 5}]",
        'matchArgs: [{index: 5, operator: Prefix, values: ["=\\x01"]}]',
        "getpriority(317, 0)",
        "getpriority(318, 0)",
        list="tracepoints",
    ),
    Case(
        "list-of-32-bits",
        "subsystem: raw_syscalls\n    event: sys_enter\n"
        "    args: [{index: 4, type: syscall64}]",
        "matchArgs: [{index: 4, operator: InMap, values: ['list:calls']}]",
        "call_32(96)",
        "getpriority(0, 0)",
        list="tracepoints",
        rest="  lists: [{name: calls, type: syscalls, values: [i386/sys_getpriority]}]\n",
    ),
)

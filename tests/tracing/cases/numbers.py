"""Numbers that system calls are given."""

from __future__ import annotations

from tests.tracing.cases.case import Case, number_case

_OPERATORS = tuple(
    number_case(
        f"int-{name.lower()}",
        f"{{index: 1, operator: {name}, values: [{values}]}}\n"
        "      , {index: 0, operator: Equal, values: ['9']}",
        f"getpriority(9, {fires})",
        f"getpriority(9, {silent})",
    )
    for name, values, fires, silent in (
        ("Equal", "'5', '-6'", "-6", "6"),
        ("NotEqual", "'5'", "6", "5"),
        ("GreaterThan", "'-3'", "-2", "-3"),
        ("GT", "'30'", "31", "-31"),
        ("LessThan", "'-30'", "-31", "-30"),
        ("LT", "'-30'", "-31", "31"),
        ("InRange", "'-20:-10'", "-20", "-9"),
        ("NotInRange", "'-20:10'", "11", "-20"),
        ("InMap", "'40', '50:60'", "55", "61"),
        ("NotInMap", "'40', '50:60'", "61", "60"),
        ("Mask", "'0x40'", "0x41", "0x81"),
    )
)

_TYPES = tuple(
    Case(
        f"number-{kind.replace(chr(95), chr(45))}",
        "call: sys_getpriority\n    syscall: true\n"
        f"    args: [{{index: 0, type: int}}, {{index: 1, type: {kind}}}]",
        "matchArgs: [{index: 0, operator: Equal, values: ['10']}\n"
        f"      , {{index: 1, operator: Equal, values: ['{value}']}}]",
        f"getpriority(10, {fires})",
        f"getpriority(10, {silent})",
    )
    for kind, value, fires, silent in (
        ("int8", -2, 0x1FE, 2),
        ("uint8", 254, -2, 2),
        ("int16", -3, 0x1FFFD, 3),
        ("uint16", 65533, -3, 3),
        ("uint32", 4294967292, -4, 4),
        ("int64", -5, -5, 5),
        ("ulong", 6 << 40, 6 << 40, 6),
        ("uint64", 7 << 40, 7 << 40, 7),
        ("size_t", 8 << 40, 8 << 40, 8),
    )
)
"""As wide as the type says, and no wider: what is above does not count."""

_EXPRESSIONS = tuple(
    Case(
        f"expression-{name}",
        "call: sys_getpriority\n    syscall: true\n"
        "    args: [{index: 0, type: int}, {index: 1, type: uint32}, {index: 1, type: int64}]",
        f"matchArgs: [{{operator: CelExpr, values: ['arg0 == {number} && ({text})']}}]",
        f"getpriority({number}, {fires})",
        f"getpriority({number}, {silent})",
    )
    for number, name, text, fires, silent in (
        (50, "or", "arg1 == 3u || arg1 == 5u", 5, 4),
        (51, "not", "!(arg1 >= 3u)", 2, 3),
        (52, "bits", "and(arg1, 0x6u) == 0x2u && xor(arg1, 2u) != 0u", 3, 2),
        (53, "sum", "arg1 + 2u - uint32(1u) > 10u", 10, 9),
        (54, "signed", "arg2 < -1", -2, -1),
        (55, "unsigned", "arg1 > 0x7fffffffu && not(arg1) == 1u", -2, 2),
        (56, "two", "arg0 - 50 == 6 && arg0 + 1 != int32(arg2)", 5, 57),
    )
)

_LISTS = (
    Case(
        "list",
        "call: sys_getpriority\n    syscall: true\n"
        "    args: [{index: 0, type: int}, {index: 1, type: int}]",
        "matchArgs: [{index: 0, operator: Equal, values: ['60']}\n"
        "      , {index: 1, operator: InMap, values: ['list:calls', '7000']}]",
        "getpriority(60, 140); getpriority(60, 7000)",
        "getpriority(60, 141)",
        rest="  lists: [{name: calls, type: syscalls, values: [sys_getpriority, sys_read]}]\n",
        many=2,
    ),
    Case(
        "list-not",
        "call: sys_getpriority\n    syscall: true\n"
        "    args: [{index: 0, type: int}, {index: 1, type: int}]",
        "matchArgs: [{index: 0, operator: Equal, values: ['61']}\n"
        "      , {index: 1, operator: NotInMap, values: ['list:calls']}]",
        "getpriority(61, 141)",
        "getpriority(61, 140)",
        rest="  lists: [{name: calls, type: syscalls, values: [sys_getpriority, sys_read]}]\n",
    ),
)

NUMBERS = (*_OPERATORS, *_TYPES, *_EXPRESSIONS, *_LISTS)

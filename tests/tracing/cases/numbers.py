"""Numbers that system calls are given."""

from __future__ import annotations

from tests.tracing.cases.case import number_case

NUMBERS = tuple(
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

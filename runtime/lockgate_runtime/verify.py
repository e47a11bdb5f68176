"""Ask the kernel's verifier about every program of a bundle, attaching nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lockgate_runtime import layout
from lockgate_runtime.bpf_object import Object
from lockgate_runtime.errors import BpfError
from lockgate_runtime.tracing.layout import TRACING_CONFIG
from lockgate_runtime.tracing.sensor import DISPENSABLE, SENSOR_OBJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINES_OF_LOG = 40
_CONFIG = layout.CONFIG.pack(
    # All features on: the verifier leaves out what a constant makes impossible.
    generation=1,
    interface_mask=255,
    host_mark=1 << 5,
    event_rate=1000,
    timeout_syn=1000,
    timeout_established=1000,
    timeout_closing=1000,
    timeout_other=1000,
    timeout_new=1000,
    jiffies_per_second=250,
)
_TRACING_CONFIG = TRACING_CONFIG.pack()


def verify_object(name: str, elf: bytes) -> Iterator[dict[str, Any]]:
    """Yield a row for each program of an object; ``is_accepted`` says the verdict.

    When the object as a whole is refused, its programs are asked about one by one.
    """
    try:
        with _open(name, elf) as target:
            target.load(statistics=True)
            for row in target.verifications():
                yield row._asdict() | {"object": name, "is_accepted": True}
            return
    except BpfError:
        with _open(name, elf) as target:
            programs = target.programs
    for program in programs:
        yield _verify_one(name, elf, program)


def is_fine(row: dict[str, Any]) -> bool:
    """Whether ``apply`` would load an object in spite of what a row says."""
    return bool(row["is_accepted"] or row.get("is_left_out"))


def _verify_one(name: str, elf: bytes, program: str) -> dict[str, Any]:
    try:
        with _only(name, elf, program) as target:
            target.load(statistics=True)
            (row,) = target.verifications()
            return row._asdict() | {"object": name, "is_accepted": True}
    except BpfError as error:
        refusal = str(error)
    # Once more, so that libbpf gives the whole log.
    with _only(name, elf, program) as target:
        try:
            target.load()
        except BpfError as error:
            log = error.log.splitlines()
            return {
                "object": name,
                "program": program,
                "section": target.section(program),
                "is_accepted": False,
                "is_left_out": f"{name}.o" == SENSOR_OBJECT and program in DISPENSABLE,
                "error": refusal,
                "place": _last_place(log),
                "log": log[-_LINES_OF_LOG:],
            }
    raise RuntimeError(f"{program} was refused once and accepted once")


def _only(name: str, elf: bytes, program: str) -> Object:
    target = _open(name, elf)
    for other in target.programs:
        if other != program:
            target.skip(other)
    return target


def _open(name: str, elf: bytes) -> Object:
    target = Object(name, elf)
    if not all(_is_of_network(target.section(one)) for one in target.programs):
        target.close()
        target = Object(name, elf, is_tracing=True)
    for config in (_CONFIG, _TRACING_CONFIG):
        if target.has_constant("config", len(config)):
            target.set_constant("config", config)
    return target


def _is_of_network(section: str) -> bool:
    return section.partition("/")[0] in ("tc", "cgroup")


def _last_place(log: list[str]) -> str | None:
    """Return the last source line that the verifier was at (``text @ file:line``)."""
    for line in reversed(log):
        match = re.search(r"@ (\S+:\d+)", line)
        if match:
            return match[1]
    return None


def print_rows(rows: list[dict[str, Any]]) -> str:
    """Print the rows for people."""
    lines = [
        f"{'program':<28} {'instructions':>12} {'verified':>9} {'states':>7} "
        f"{'ms':>8}  stack"
    ]
    for row in rows:
        name = f"{row['object']}/{row['program']}"
        if row["is_accepted"]:
            stack = "+".join(map(str, row["stack"]))
            lines.append(
                f"{name:<28} {row['instructions']:>12} {row['verified_instructions']:>9} "
                f"{row['total_states']:>7} {row['microseconds'] / 1000:>8.1f}  {stack}"
            )
        elif is_fine(row):
            lines.append(f"{name:<28} left out: this kernel has no trampolines")
        else:
            lines.append(f"{name:<28} refused: {row['error']}")
            lines += [f"    {line}" for line in row["log"]]
    return "\n".join(lines)

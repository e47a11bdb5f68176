"""What a program at the entry of a function keeps for the one at its return.

At a return the registers of the call are gone.  A program at the entry keeps what the site
reads of them, and the one at the return finds it by thread and stack (``calls.h``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.codegen.tracing.c_function import spell_function
from lockgate.codegen.tracing.operands import read_operand
from lockgate.ir.placement import Stand
from lockgate.ir.site import Origin
from lockgate.ir.tracing import OF_32_BITS

if TYPE_CHECKING:
    from lockgate.ir.placement import Operand
    from lockgate.ir.site import Site, Value

ENTRIES = {Stand.URETPROBE: Stand.UPROBE, Stand.KRETPROBE: Stand.KPROBE}
"""Stands at returns where the call must be kept, and where that is done."""

RETURNS = frozenset({Stand.URETPROBE, Stand.KRETPROBE, Stand.FEXIT})
"""Stands at the return of a function."""


def denial_function(site: Site, function: str) -> str:
    """Return where a function is denied whose return a site sees."""
    is_hook = site.denial is Stand.LSM
    return function.removeprefix("security_") if is_hook else function


def keeps_calls(site: Site) -> bool:
    """Whether a site needs a program at the entry that keeps the call."""
    return bool(_operands(site) or _arguments(site))


def start_operand(site: Site, value: Value, operand: Operand) -> list[str]:
    """Return the lines that put a value of a program of user space into ``at``."""
    if site.stand is Stand.URETPROBE and value.origin is not Origin.RETURN:
        place = _operands(site).index(operand)
        return [f"u64 at = value_of_call(context, {place});"]
    return list(read_operand(operand))


def kept_argument(site: Site, index: int) -> str:
    """Return C's expression for an argument of the kernel's function that was kept."""
    return f"value_of_call(context, {_arguments(site).index(index)})"


def call_word(site: Site, *, is_syscall: bool) -> str:
    """Return what C's macros call the arguments of a site's functions (context.h)."""
    if not is_syscall:
        return "ARGUMENT"
    is_narrow = site.functions[0].startswith(OF_32_BITS)
    return "NARROW_SYSCALL" if is_narrow else "SYSCALL"


def keep_functions(site: Site, *, is_syscall: bool) -> list[str]:
    """Return for each kept value the function that reads it at the entry."""
    what = call_word(site, is_syscall=is_syscall)
    bodies = [
        *(list(read_operand(operand)) for operand in _operands(site)),
        *(
            [f"u64 at = {what}_OF_REGISTERS(context, {index});"]
            for index in _arguments(site)
        ),
    ]
    return [
        spell_function(
            f"static __always_inline u64 kept_{number}(void *context)", lines, "at"
        )
        for number, lines in enumerate(bodies)
    ]


def _operands(site: Site) -> list[Operand]:
    """Return what a program of user space has of values and of the sizes of buffers."""
    if site.stand is not Stand.URETPROBE:
        return []
    readings = [v.reading for v in site.values if v.origin is not Origin.RETURN]
    sizes = [reading.measure for reading in readings if reading.measure is not None]
    found = [reading.operand for reading in (*readings, *sizes)]
    return list(dict.fromkeys(operand for operand in found if operand is not None))


def _arguments(site: Site) -> list[int]:
    if site.stand is not Stand.KRETPROBE:
        return []
    values = [value for value in site.values if value.origin is Origin.ARGUMENT]
    sizes = [value.size_index for value in values if value.size_index is not None]
    return sorted({*(value.index for value in values), *sizes})

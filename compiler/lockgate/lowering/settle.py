"""Let hooks of several policies at one function stand together.

Before: where each policy's hooks would stand alone.  After: where they stand, since all policies
of a target are one generation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lockgate.ir.placement import Stand

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.ir.placement import Placement


def settle(placements: Iterable[Placement]) -> list[Placement]:
    """Return placements of one target as they stand beside each other.

    Who watches where another denies stands there with it: one operation, one event.
    """
    found = list(placements)
    denied = {
        p.function for p in found if p.stand is Stand.FMOD_RET and not p.hook.has_return
    }
    return [
        replace(p, stand=Stand.FMOD_RET)
        if p.stand is Stand.FENTRY and p.function in denied
        else p
        for p in found
    ]

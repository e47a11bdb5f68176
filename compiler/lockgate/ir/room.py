"""How many selectors one program can judge: what the stack of the kernel's programs has room for.

All functions of a program that call each other share 512 bytes of stack (``MAX_BPF_STACK``), and a
set of selectors is a bit for each of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.site import Facet
from lockgate.ir.tracing_actions import ActionKind
from lockgate.ir.tracing_selectors import Comparison

if TYPE_CHECKING:
    from lockgate.ir.site import Dimension, Site

_WORDS = 39
"""Words of 64 bits for sets: what a program calls takes 128 bytes (on Linux 6.1, which rounds
up more), and what else it keeps itself some 70."""
_WORDS_BESIDE_NAMES = 23
"""The same where paths are judged by their names, which takes 256 bytes."""
_MOST_WORDS = 16
_MOST_ACTING = 8
"""The same where they do more than tell: there is code for each of them, and a jump goes no further
than 32,767 instructions."""


def sets_on_stack(site: Site) -> int:
    """Return how many sets of selectors a site's programs keep at once."""
    who_goes_on_and_what_matched = 2
    cut = any(d.facet is Facet.TEXT and _looks_further(d) for d in site.dimensions)
    guessed = any(d.facet is Facet.WORKLOAD for d in site.dimensions)
    verdict = 3 if site.denial else 0
    return who_goes_on_and_what_matched + cut + guessed + _is_limited(site) + verdict


def most_selectors(site: Site) -> int:
    """Return how many selectors a site can have at most."""
    most = _MOST_ACTING if _is_limited(site) or _acts(site) else _MOST_WORDS
    return 64 * min(most, _WORDS // sets_on_stack(site))


def names_fit(site: Site) -> bool:
    """Whether there is room to judge paths by their names, before any string is made.

    Where there are too many selectors for that, the string alone is judged.
    """
    paths = sum(d.facet is Facet.PATH for d in site.dimensions)
    return site.words * (sets_on_stack(site) + paths) <= _WORDS_BESIDE_NAMES


def _looks_further(dimension: Dimension) -> bool:
    """Whether some look for more of a text than its beginning."""
    beginnings = (Comparison.EQUAL, Comparison.PREFIX)
    return any(test.comparison not in beginnings for test in dimension.tests)


def _acts(site: Site) -> bool:
    telling = (ActionKind.POST, ActionKind.NO_POST)
    return any(a.kind not in telling for s in site.selectors for a in s.actions)


def _is_limited(site: Site) -> bool:
    return any(a.rate_limit for s in site.selectors for a in s.actions)

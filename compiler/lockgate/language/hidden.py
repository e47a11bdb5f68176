"""Characters that let a text look otherwise than it is read.

Some editors end a line where this language does not (a lone carriage return, U+2028), so that
a rule may seem to stand below a comment and be part of it; and what turns the direction of
writing shows words in another order (CVE-2021-42574).  Neither has a use in policies.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from lockgate.source import Span

if TYPE_CHECKING:
    from lockgate.diagnostics import Diagnostics
    from lockgate.source import Source

MOST_TOLD = 20

_HIDDEN = re.compile(
    "\r(?!\n)|[\0-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]"
    "|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def refuse_hidden(source: Source, diagnostics: Diagnostics) -> None:
    """Refuse each such character, wherever it stands."""
    for match in islice(_HIDDEN.finditer(source.text), MOST_TOLD):
        name = f"U+{ord(match[0]):04X}"
        message = f"the character {name} shows another text than is read"
        cure = "take it out"
        if match[0] == "\r":
            message = f"a carriage return alone ({name}) ends no line here"
            cure = "end lines with a line feed, or with both"
        diagnostics.error("E1810", message, Span(source, *match.span()), help=cure)

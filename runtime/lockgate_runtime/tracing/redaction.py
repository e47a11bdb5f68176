r"""What is hidden: ``{"redact": ["--password[ =](\\S+)"], "binary_regex": ["mysql"]}``.

The groups of the patterns become five asterisks, in a process and in all its ancestors.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lockgate_runtime.tracing.export_filters import (
    FilterError,
    compile_pattern,
    event_name,
    strings,
)

if TYPE_CHECKING:
    import re

HIDDEN = "*****"


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is hidden in arguments: the groups of patterns, for some binaries or all."""

    patterns: tuple[re.Pattern[str], ...]
    binaries: tuple[re.Pattern[str], ...]

    def apply(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return the event with what is hidden; the input is not changed."""
        name = event_name(event)
        if not name:
            return event
        body = dict(event[name])
        for who in ("process", "parent"):
            if who in body:
                body[who] = self._redact(body[who])
        if "ancestors" in body:
            body["ancestors"] = [self._redact(process) for process in body["ancestors"]]
        return {**event, name: body}

    def _redact(self, process: dict[str, Any]) -> dict[str, Any]:
        text = process.get("arguments")
        binary = process.get("binary", "")
        if not text or (
            self.binaries and not any(p.search(binary) for p in self.binaries)
        ):
            return process
        for pattern in self.patterns:
            text = pattern.sub(_hide, text)
        return {**process, "arguments": text}


def read_redaction(text: str) -> Redaction:
    """Read one redaction; FilterError where it is none, or hides nothing."""
    value = json.loads(text)
    known = {"redact", "binary_regex"}
    if not isinstance(value, dict) or value.keys() - known or not value.get("redact"):
        raise FilterError("a redaction has redact and perhaps binary_regex")
    patterns = tuple(compile_pattern(text) for text in strings(value["redact"]))
    if any(not pattern.groups for pattern in patterns):
        raise FilterError("what is to be hidden stands in a group: (...)")
    binaries = tuple(
        compile_pattern(text) for text in strings(value.get("binary_regex", []))
    )
    return Redaction(patterns, binaries)


def _hide(match: re.Match[str]) -> str:
    """Replace the groups of a match, the last first, so that places stay."""
    text, start = match[0], match.start()
    spans = {match.span(number) for number in range(1, match.re.groups + 1)}
    for begin, end in sorted(spans, reverse=True):
        if begin >= 0:
            text = text[: begin - start] + HIDDEN + text[end - start :]
    return text

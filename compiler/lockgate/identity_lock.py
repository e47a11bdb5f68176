"""The lock file: which label set has which identity number, for people to commit.

One line of JSON each, sorted by number, after a line that names the format::

    {"lockgate": "identities", "version": 1}
    {"number": 12345, "labels": ["k8s:app=web", "k8s:io.kubernetes.pod.namespace=shop"]}

Numbers come from a hash of the labels, so lines of two branches rarely meet, and a lock
that was lost comes back nearly the same.  Label sets that are gone keep their line: a
deployment that is scaled to nothing and back does not change the file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lockgate.ir.labels import Label
from lockgate.ir.resolution import ENDPOINTS_FROM, MORE_ENDPOINTS_TO
from lockgate.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.labels import Labels
    from lockgate.ir.tables import Identity

VERSION = 1
_HEAD = {"lockgate": "identities", "version": VERSION}


@dataclass(frozen=True, slots=True)
class IdentityLock:
    """Numbers that are taken, by label set."""

    numbers: Mapping[Labels, int] = field(default_factory=dict)


def read_lock(source: Source, diagnostics: Diagnostics) -> IdentityLock:
    """Read a lock file; an empty one locks nothing.

    A line that is no such record is E2060, a number or a label set twice is E2061 (two
    branches merged that had hashed to the same number: remove one of the two lines).
    """
    numbers: dict[Labels, int] = {}
    taken: dict[int, Span] = {}
    lines = list(_lines(source))
    if lines and not _is_head(lines[0][0]):
        text = f"a lock file begins with {json.dumps(_HEAD)}"
        diagnostics.error(
            "E2060", "this is no lock file of identities", lines[0][1], help=text
        )
        return IdentityLock()
    for text, span in lines[1:]:
        record = _record(text)
        if record is None:
            diagnostics.error("E2060", "this line locks no identity", span, help=_CURE)
            continue
        number, labels = record
        if number in taken or labels in numbers:
            what = f"identity {number}" if number in taken else "this label set"
            first = taken[number if number in taken else numbers[labels]]
            diagnostics.error(
                "E2061",
                f"{what} is locked twice",
                span,
                help="remove one of the two lines and compile without --locked",
                related=[(first, "the other line")],
            )
            continue
        taken[number] = span
        numbers[labels] = number
    return IdentityLock(numbers)


def write_lock(lock: IdentityLock, identities: Iterable[Identity]) -> str:
    """Return the text of a lock that also holds these identities (of endpoints)."""
    numbers = dict(lock.numbers)
    for identity in identities:
        if ENDPOINTS_FROM <= identity.number < MORE_ENDPOINTS_TO:
            numbers[identity.labels] = identity.number
    lines = [json.dumps(_HEAD)]
    for labels, number in sorted(numbers.items(), key=lambda item: item[1]):
        record = {"number": number, "labels": [str(label) for label in labels]}
        lines.append(json.dumps(record, ensure_ascii=False))
    return "\n".join(lines) + "\n"


_CURE = (
    'a line is {"number": 256-16777215, "labels": ["source:key=value", ...]}, sorted'
)


def _lines(source: Source) -> Iterator[tuple[str, Span]]:
    at = 0
    for line in source.text.splitlines(keepends=True):
        if line.strip():
            yield line, Span(source, at, at + len(line.rstrip("\r\n")))
        at += len(line)


def _is_head(text: str) -> bool:
    try:
        return bool(json.loads(text) == _HEAD)
    except (ValueError, RecursionError):
        return False


def _record(text: str) -> tuple[int, Labels] | None:
    try:
        record = json.loads(text)
        number, texts = record["number"], record["labels"]
        labels = tuple(_label(text) for text in texts)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if type(number) is not int or not ENDPOINTS_FROM <= number < MORE_ENDPOINTS_TO:
        return None
    if not labels or list(labels) != sorted(set(labels)):
        return None
    return number, labels


def _label(text: object) -> Label:
    if not isinstance(text, str):
        raise TypeError(text)
    source, colon, rest = text.partition(":")
    key, _, value = rest.partition("=")
    if not colon or not key:
        raise ValueError(text)
    return Label(source, key, value)

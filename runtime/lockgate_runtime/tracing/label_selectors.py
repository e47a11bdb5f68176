"""Selectors of labels as Kubernetes writes them in a line: ``app=web, tier in (a, b), !canary``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Matches = Callable[[Mapping[str, str]], bool]

_KEY = r"(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9](?:[-\w.]*[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[-\w.]*[A-Za-z0-9])?)?"
_REQUIREMENT = re.compile(
    rf"""\s*(?:
      (?P<absent>!)\s*(?P<no>{_KEY})
    | (?P<key>{_KEY})\s*(?:
        (?P<sign>==?|!=)\s*(?P<value>{_VALUE})
      | \s(?P<set>in|notin)\s*\((?P<values>[^()]*)\)
      )?
    )\s*(?:,|$)""",
    re.VERBOSE,
)
_SPACED = re.compile(r"\s+(in|notin)\s*\(")


def read_selector(text: str) -> Matches:
    """Return the test of a selector; ValueError where it is none.

    >>> matches = read_selector("app=web, tier notin (db, cache), !canary")
    >>> matches({"app": "web"}), matches({"app": "web", "tier": "db"})
    (True, False)
    """
    text = _SPACED.sub(r"  \1(", text)  # one space may end a key, one begins the word
    requirements: list[Matches] = []
    at = 0
    while text[at:].strip():
        match = _REQUIREMENT.match(text, at)
        if match is None:
            raise ValueError(f"at character {at + 1}: {text[at:].strip()!r}")
        requirements.append(_requirement(match))
        at = match.end()
    return lambda labels: all(holds(labels) for holds in requirements)


def _requirement(match: re.Match[str]) -> Matches:
    if match["absent"]:
        absent = match["no"]
        return lambda labels: absent not in labels
    key = match["key"]
    if match["set"]:
        values = frozenset(value.strip() for value in match["values"].split(","))
        if match["set"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if match["sign"]:
        wanted = match["value"]
        if match["sign"] == "!=":
            return lambda labels: labels.get(key) != wanted
        return lambda labels: labels.get(key) == wanted
    return lambda labels: key in labels

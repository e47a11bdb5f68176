"""A language on one page: what its grammar's file says at its beginning."""

from __future__ import annotations

from importlib.resources import files
from itertools import takewhile


def read_page(language: str) -> str:
    """Return the page of a language of ours, with the expressions that all share."""
    return f"{_head(language)}\n{_head('expressions')}"


def _head(name: str) -> str:
    file = files("lockgate") / "grammar" / f"{name}.lark"
    lines = file.read_text(encoding="utf-8").splitlines()
    head = takewhile(lambda line: line.startswith("//"), lines)
    return "".join(f"{line[2:].removeprefix(' ')}".rstrip() + "\n" for line in head)

"""What the demonstration prints; colours only on a terminal."""

from __future__ import annotations

import os
import sys

_COLOURS = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33}


def paint(text: str, colour: str) -> str:
    """Colour text if a person may be looking; https://no-color.org is obeyed."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{_COLOURS[colour]}m{text}\033[0m"


def headline(text: str) -> None:
    """Begin a part."""
    print(f"\n{paint(text, 'bold')}", flush=True)


def command(*words: str) -> None:
    """Show a command as one would type it."""
    print(paint("$ " + " ".join(words), "dim"), flush=True)


def quote(text: str) -> None:
    """Show what a command said."""
    for line in text.rstrip().splitlines():
        print(f"  {line}", flush=True)

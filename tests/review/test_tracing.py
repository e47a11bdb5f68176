"""Differences of tracing policies, written by hand: these rows, and no others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lockgate.options import Options
from lockgate.review.difference_json import print_json
from lockgate.review.difference_markdown import print_markdown
from lockgate.review.difference_text import print_comparison
from lockgate.review.golden import print_tracing
from lockgate.review.review import compare_sets
from tests.review.compiled import compile_texts

if TYPE_CHECKING:
    from lockgate.review.comparison import Comparison


def compare(
    old: str, new: str, subjects: tuple[str, str] = ("host", "host")
) -> Comparison:
    """Compare two traces by their bodies; a side that is empty has no policy."""
    sides = [
        compile_texts(
            {"p.gate": f"trace t for {subject} {{\n{body}\n}}\n" if body else ""}
        )
        for body, subject in zip((old, new), subjects, strict=True)
    ]
    return compare_sets(sides[0], sides[1], Options(allow_unenforced=True))


def said(comparison: Comparison) -> list[tuple[str, str, bool]]:
    """Return what is told in short."""
    return [(r.change, r.what, r.is_enforcing) for r in comparison.tracing]


OPEN = "on lsm file_open(f: file)"
DENY = f'{OPEN} where path(f) == "/a" => deny'
CASES = {
    "nothing": (DENY, DENY, []),
    "text only": (
        DENY,
        f'# why\n{OPEN}\n where not path(f) != "/a"\n => deny EPERM',
        [],
    ),
    "order of values and filters": (
        f'{OPEN} where path(f) in {{"/a", "/b"}} and process.pid == 7 => kill',
        f'{OPEN} where process.pid == 7 and path(f) in {{"/b", "/a"}} => kill',
        [],
    ),
    "order of selectors that do the same": (
        f'{OPEN} where path(f) == "/a" => kill where process.pid == 7 => kill',
        f'{OPEN} where process.pid == 7 => kill where path(f) == "/a" => kill',
        [],
    ),
    "order that decides": (
        f'{OPEN} where path(f) == "/a" => silent where process.pid == 7 => kill',
        f'{OPEN} where process.pid == 7 => kill where path(f) == "/a" => silent',
        [("changed", "order", True)],
    ),
    "a policy": ("", DENY, [("gained", "policy", True)]),
    "no policy": (DENY, "", [("lost", "policy", True)]),
    "a hook": (
        DENY,
        f"{DENY} on kprobe f() => event",
        [("gained", "hook", False)],
    ),
    "event to deny": (
        f'{OPEN} where path(f) == "/a" => event',
        DENY,
        [("changed", "actions", True)],
    ),
    "rate": (
        f'{OPEN} where path(f) == "/a" => event',
        f'{OPEN} where path(f) == "/a" => event every 1m',
        [("changed", "actions", False)],
    ),
    "wider by a value": (
        DENY,
        f'{OPEN} where path(f) in {{"/a", "/b"}} => deny',
        [("gained", "selector", True)],
    ),
    "wider by a prefix": (
        f'{OPEN} where path(f) == "/etc/*" => event',
        f'{OPEN} where path(f) == "/*" => event',
        [("gained", "selector", False)],
    ),
    "narrower by a filter": (
        DENY,
        f'{OPEN} where path(f) == "/a" and process.pid == 7 => deny',
        [("lost", "selector", True)],
    ),
    "an exception is a narrowing": (
        f'{OPEN} where process.binary not in {{"/a"}} => kill',
        f'{OPEN} where process.binary not in {{"/a", "/b"}} => kill',
        [("lost", "selector", True)],
    ),
    "neither contains the other": (
        DENY,
        f'{OPEN} where path(f) == "/b" => deny',
        [("changed", "selector", True)],
    ),
    "monitor": (DENY, f"monitor {DENY}", [("changed", "mode", True)]),
    "in monitor mode nothing is enforced": (
        f"monitor {DENY}",
        f'monitor {OPEN} where path(f) in {{"/a", "/b"}} => deny',
        [("gained", "selector", False)],
    ),
    "what is read": (
        "on kprobe f(a: int) => event",
        "on kprobe f(a: int, b: int) => event",
        [("changed", "reads", False)],
    ),
    "networks": (
        'on kprobe f(s: sock) where daddr(s) == "10.1.0.0/16" => kill',
        'on kprobe f(s: sock) where daddr(s) == "10.0.0.0/8" => kill',
        [("gained", "selector", True)],
    ),
    "enforcing first": (
        DENY,
        "on kprobe f() => event",
        [("lost", "hook", True), ("gained", "hook", False)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_rows(name: str) -> None:
    """A change comes to its rows, and to nothing else; backwards it is mirrored."""
    old, new, rows = CASES[name]
    assert said(compare(old, new)) == rows
    mirror = {"gained": "lost", "lost": "gained", "changed": "changed"}
    back = [(mirror[change], *rest) for change, *rest in rows]
    assert sorted(said(compare(new, old))) == sorted(back)


def test_whom() -> None:
    """A policy that is for others says so."""
    comparison = compare(DENY, DENY, ("host", "app=web"))
    assert [(r.what, r.before, r.after) for r in comparison.tracing] == [
        ("whom", "host", "app=web")
    ]


def test_forms() -> None:
    """Every form has the row with its place; identical sides have none."""
    comparison = compare(f'{OPEN} where path(f) == "/a" => event', DENY)
    (result,) = json.loads("".join(print_json(comparison, None)))["results"]
    assert (result["kind"], result["before"], result["after"], result["enforcing"]) == (
        *("tracing", "event", "deny EPERM"),
        True,
    )
    assert result["because"][1] == {
        "side": "after",
        "policy": "TracingPolicy/t",
        "file": "p.gate",
        "line": 2,
    }
    assert "| changed | TracingPolicy/t |" in print_markdown(comparison)
    assert "before: event  (p.gate:2)" in print_comparison(comparison)
    assert comparison.has("enforcing")
    assert comparison.has("changed")
    same = compare(DENY, f"# c\n{DENY}")
    assert print_comparison(same).startswith("semantically identical")
    assert not same.has("any")
    assert not same.has("enforcing")


def test_golden_text_is_that_of_the_language() -> None:
    """The golden text of a policy says what it does, sorted by policy."""
    side = compile_texts({"p.gate": f"trace t for host {{ {DENY} }}"})
    assert side.parsed is not None
    assert print_tracing(side.parsed) == {
        "tracing.txt": "trace t for host {\n  on lsm file_open(f: file)\n"
        '    where path(f) == "/a" => deny EPERM\n}\n'
    }

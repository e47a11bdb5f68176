"""Which place of a program an event is of, and which of many selectors matched."""

from __future__ import annotations

from typing import Any

import pytest

from lockgate_runtime.tracing import layout
from lockgate_runtime.tracing.frames import Hooks
from lockgate_runtime.tracing.records import Value
from lockgate_runtime.tracing.values import show_value
from tests.tracing.test_events import record, render, renderer, value


def hook(number: int, **fields: object) -> dict[str, Any]:
    """Return a hook's row of ``sites.json``."""
    return {
        "number": number,
        "name": "p",
        "kind": "uprobe",
        "function": "one,two",
        "message": "",
        "tags": [],
        "arguments": [],
        "data": [],
        "returned": None,
        "selectors": [],
    } | fields


def sites(**fields: object) -> dict[str, Any]:
    """Return two sites of one hook: a place alone, and two together."""
    site: dict[str, Any] = {"binary": "/bin/program", "hooks": [0]}
    return {
        "sites": [
            site | {"functions": ["alone"]},
            site | {"functions": ["one", "two"]} | fields,
        ],
        "hooks": [hook(0)],
    }


@pytest.mark.parametrize(
    ("function", "symbol"),
    [(0, "alone"), (1 << 32, "one"), (1 << 32 | 1, "two")],
)
def test_an_event_names_its_symbol(function: int, symbol: str) -> None:
    """The one that was called, of all symbols of its hook."""
    found = renderer(hooks_of=lambda _: Hooks.of(sites()))
    event = render(
        found, record("hook", tgid=10, start=1000, function=function, selectors=1)
    )
    assert event["process_uprobe"]["symbol"] == symbol


def test_an_event_says_its_offset() -> None:
    """Where places have no names."""
    rows = sites(functions=[], offsets=[16, 4096])
    found = renderer(hooks_of=lambda _: Hooks.of(rows))
    event = render(
        found, record("hook", tgid=10, start=1000, function=1 << 32 | 1, selectors=1)
    )
    shown = event["process_uprobe"]
    assert (shown.get("symbol"), shown["offset"]) == (None, "4096")


def test_selectors_beyond_the_first_are_named() -> None:
    """The head has 64 of them; the rest stand in a value, which nobody shows."""
    selectors = [
        {"number": n, "site": 0, "span": f"p.yaml:{n}:1", "actions": []}
        for n in range(130)
    ]
    site = {"functions": ["f"], "hooks": [0]}
    rows = {
        "sites": [site],
        "hooks": [hook(0, kind="kprobe", function="f", selectors=selectors)],
    }
    found = renderer(hooks_of=lambda _: Hooks.of(rows))
    words = (1 << 1).to_bytes(8, "little") + (1 << 1).to_bytes(8, "little")
    more = value("bytes", layout.VALUE_SELECTORS, words)
    event = render(found, record("hook", more, tgid=10, start=1000, selectors=8))
    shown = event["process_kprobe"]
    assert shown["because"] == ["p.yaml:3:1", "p.yaml:65:1", "p.yaml:129:1"]
    assert "args" not in shown


def test_calls_of_32_bits_say_so() -> None:
    """Their numbers are of another table."""
    number = (0x80000000 | 140).to_bytes(8, "little")
    shown = show_value(Value("unsigned", 0, 0, number), "syscall64", "")
    assert shown["syscall_id"]["id"] == 140
    assert shown["syscall_id"]["abi"] in ("i386", "arm32")

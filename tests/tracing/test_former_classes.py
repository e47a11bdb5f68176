"""lockgate_runtime.tracing.former_classes: a class goes on where all of its paths are in one."""

from __future__ import annotations

import itertools
import json
import random
from typing import TYPE_CHECKING

import pytest

from lockgate.codegen.tracing.classes import collect_classes
from lockgate_runtime.tracing.former_classes import (
    CLASSES,
    Lists,
    read_lists,
    same_classes,
)
from lockgate_runtime.tracing.layout import UNKNOWN_CLASS
from tests.lowering.test_places import EVERY_HOOK, FUNCTIONS, TRACEPOINTS, small_types
from tests.lowering.types import write_target
from tests.tracing.test_build import lowered, made, policy

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate.targets.target import Target

LETTERS = "ab"
PATHS = [
    "/" + "".join(letters)
    for length in range(5)
    for letters in itertools.product(LETTERS, repeat=length)
]
OPERATORS = ("In", "NotIn", "Prefix", "Postfix")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    """Give a kernel where everything works."""
    folder = tmp_path_factory.mktemp("target")
    return write_target(
        folder, small_types(), FUNCTIONS, hooks=EVERY_HOOK, tracepoints=TRACEPOINTS
    )


def lists_of(target: Target, folder: Path, *rules: tuple[str, list[str]]) -> Lists:
    """Compile policies that ask for binaries, and read what they compare paths with."""
    texts = [
        policy(
            f"rule-{number}",
            f"matchBinaries: [{{operator: {operator}, values: {json.dumps(values)}}}]",
        )
        for number, (operator, values) in enumerate(rules)
    ]
    for name, content in made(target, *texts).tables.items():
        (folder / name).write_bytes(content)
    found = read_lists(folder)
    assert found
    classes = collect_classes(lowered(target, *texts)[0])
    for path in PATHS:
        assert found.class_of(path) == classes.classify(path.encode())
    return found


def draw(rng: random.Random) -> list[tuple[str, list[str]]]:
    """Return some rules with short values."""
    rules = []
    for _ in range(rng.randint(1, 3)):
        operator = rng.choice(OPERATORS)
        values = sorted(set(rng.choices(PATHS[1:], k=rng.randint(1, 2))))
        if operator == "Postfix":
            values = [value[1:] for value in values]
        rules.append((operator, values))
    return rules


def test_every_path_stays_in_its_class(target: Target, tmp_path: Path) -> None:
    """Of random rules: no path is in another class than the one that its own became."""
    rng, kept, changed = random.Random(7), 0, 0  # noqa: S311  # the same each time
    for _ in range(60):
        rules = draw(rng)
        others = rules[:-1] if rng.random() < 0.3 and rules[1:] else draw(rng)
        former = lists_of(target, tmp_path, *rules)
        lists = lists_of(target, tmp_path, *others)
        same = same_classes(former, lists)
        for path in PATHS:
            was, now = former.class_of(path), lists.class_of(path)
            assert same.get(was, now) == now, (rules, others, path)
            kept += was in same
            changed += was not in same
        everything = {former.class_of(path) for path in PATHS}
        assert {c: c for c in everything} == {
            c: n for c, n in same_classes(former, former).items() if c in everything
        }
    assert min(kept, changed) > 500
    assert UNKNOWN_CLASS not in same


def test_what_another_list_names_is_not_known(target: Target, tmp_path: Path) -> None:
    """Of those that no list named, some may be named now; who was named, is known."""
    former = lists_of(target, tmp_path, ("In", ["/a"]), ("In", ["/b"]))
    lists = lists_of(target, tmp_path, ("In", ["/a"]), ("In", ["/b", "/c"]))
    same = same_classes(former, lists)
    assert same[former.class_of("/a")] == lists.class_of("/a")
    assert same[former.class_of("/b")] == lists.class_of("/b") == lists.class_of("/c")
    assert former.class_of("/x") not in same
    assert same_classes(lists, former).keys() == {
        lists.class_of("/a"),
        lists.class_of("/x"),
    }, "of /b and /c one is like any other now"


ODD = '{"equals": {"/a": "no number"}, "prefixes": [], "postfixes": [], "pairs": [1]}'


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "5", '{"equals": 1}', ODD, "[" * 5000]
)
def test_lost(target: Target, tmp_path: Path, text: str) -> None:
    """What is damaged is as if it were not there."""
    lists_of(target, tmp_path, ("In", ["/a"]))
    kept = (tmp_path / CLASSES).read_text()
    (tmp_path / CLASSES).write_text(text)
    assert read_lists(tmp_path) is None
    (tmp_path / CLASSES).write_text(kept)
    assert read_lists(tmp_path)
    damaged = json.loads(kept)
    damaged["pairs"] *= 2
    (tmp_path / CLASSES).write_text(json.dumps(damaged))
    assert read_lists(tmp_path) is None

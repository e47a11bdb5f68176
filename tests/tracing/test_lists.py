"""lockgate.codegen.tracing.lists: programs find in the list what the compiler knows."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.codegen.tracing.automaton import FOUND
from lockgate.codegen.tracing.classes import collect_classes
from lockgate.toolchain.clang import strip_comments
from lockgate_runtime.tracing.layout import CLASS_ROOM, LIST_INDEX
from tests.lowering.test_places import EVERY_HOOK, FUNCTIONS, TRACEPOINTS, small_types
from tests.lowering.types import write_target
from tests.tracing.test_build import lowered, made, policy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockgate.targets.target import Target


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    """Give a kernel where everything works."""
    folder = tmp_path_factory.mktemp("target")
    return write_target(
        folder, small_types(), FUNCTIONS, hooks=EVERY_HOOK, tracepoints=TRACEPOINTS
    )


def asks(name: str, operator: str, values: list[str], more: str = "") -> str:
    """Return a policy that asks for binaries."""
    found = f"{{operator: {operator}, values: {json.dumps(values)}{more}}}"
    return policy(name, f"matchBinaries: [{found}]")


class Reader:
    """Reads the list of a generation as ``binaries.h``, ``numbers.h`` and ``rows.h`` do."""

    def __init__(self, tables: Mapping[str, bytes]) -> None:
        words = tables["lists.bin"]
        self._words: tuple[int, ...] = struct.unpack(f"<{len(words) // 8}Q", words)
        self._index: dict[str, Any] = LIST_INDEX.unpack(tables["list_indexes.bin"])

    def class_of(self, path: bytes) -> int:
        """Return the number of a path's class."""
        state, prefix = 1, self._state(1, 0) & 0xFFFFFFFF
        for byte in path:
            class_ = self._index["byte_class"][byte]
            following = self._state(state, 2 + class_ // 2) >> class_ % 2 * 32
            state = following & FOUND - 1
            if following & FOUND:
                prefix = self._state(state, 0) & 0xFFFFFFFF
        equal = self._state(state, 1)
        postfix = self._state(state, 0) >> 32
        at: int = self._index["pairs"] + prefix * self._index["postfixes"] + postfix
        return equal or self._words[at]

    def _state(self, state: int, word: int) -> int:
        first: int = self._index["states"] + state * self._index["state_words"]
        return self._words[first + word]

    def rules_of(self, class_: int) -> int:
        """Return the rules that follow a class."""
        first: int = self._index["followers"]
        return self._words[first + class_]

    def row(self, table: int, class_: int, words: int) -> tuple[int, ...]:
        """Return the row of a class for which there is no room."""
        first = self._words[self._index["rows"] + table] + (class_ - CLASS_ROOM) * words
        return self._words[first : first + words]

    def numbers(self) -> dict[int, int]:
        """Return the rules by number."""
        first, count = self._index["numbers"], self._index["number_count"]
        found = self._words[first : first + 2 * count]
        return dict(zip(found[::2], found[1::2], strict=True))


PRINTABLE = "/" + "".join(map(chr, range(33, 127)))


def test_every_path_has_its_class(target: Target) -> None:
    """Whatever bytes there are, with prefixes and postfixes that are part of each other."""
    policies = [
        asks(
            "one",
            "In",
            ["/usr/bin/a", "/usr/bin/ab", "/ünï/✓"],
            ", followChildren: true",
        ),
        asks("two", "Prefix", ["/usr/", "/usr/bin/"]),
        asks("three", "Postfix", ["bin/ab", "b", "✓"]),
        asks("four", "NotPrefix", [PRINTABLE]),
    ]
    paths = ["/usr/bin/a", "/usr/bin/ab", "/usr/bin/abb", "/usr/b", "/b", "b", "/"]
    paths += ["/ünï/✓", "/x/✓", "/other", "", PRINTABLE, PRINTABLE + "b"]
    generation, _ = lowered(target, *policies)
    classes = collect_classes(generation)
    reader = Reader(made(target, *policies).tables)
    for path in paths:
        found = reader.class_of(path.encode())
        assert found == classes.classify(path.encode()), path
        assert reader.rules_of(found) == classes.followers[found], path
    assert len({reader.class_of(path.encode()) for path in paths}) > 6
    assert any(classes.followers)


def test_rows_of_all_classes(target: Target) -> None:
    """Those behind the room stand in the list, each where its table says."""
    policies = [
        asks(f"bit-{bit}", "In", [f"/{n:03}" for n in range(400) if n >> bit & 1])
        for bit in range(9)
    ]
    found = made(target, *policies)
    reader = Reader(found.tables)
    (row,) = (row for row in found.sites["tables"] if row["form"] == "class")
    assert row["records"] == CLASS_ROOM
    kept = struct.unpack(f"<{CLASS_ROOM}Q", found.tables[row["file"]])
    for number in range(400):
        class_ = reader.class_of(f"/{number:03}".encode())
        mask = kept[class_] if class_ < CLASS_ROOM else reader.row(0, class_, 1)[0]
        assert mask == number, number


def test_numbers_stand_in_order(target: Target) -> None:
    """Programs search by halving."""
    selector = (
        "matchPIDs: [{operator: In, followForks: true, values: [9, 70000, 3, 12]}]"
    )
    found = Reader(made(target, policy("numbers", selector)).tables).numbers()
    assert list(found) == [3, 9, 12, 70000]
    assert set(found.values()) == {1}


@pytest.mark.parametrize("count", [1, 300])
def test_programs_know_nothing_of_lists(target: Target, count: int) -> None:
    """Not how long they are, nor of which bytes, nor which of them are alike."""
    follow = ", followChildren: true"

    def sources(*lists: list[str]) -> dict[str, str]:
        policies = [
            asks(f"policy-{n}", "In", values, follow) for n, values in enumerate(lists)
        ]
        found = made(target, *policies).sources
        return {name: strip_comments(text) for name, text in found.items()}

    many = [f"/{n:03}-{chr(33 + n % 90)}" for n in range(count)]
    assert sources(["/a"], ["/a"], ["/b"]) == sources(many, ["/c"], ["/b", "/a"])

"""Whatever a file holds: diagnostics, never an exception; and formatting keeps what is said."""

from __future__ import annotations

import random
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.diagnostics import Diagnostics
from lockgate.language.filters import compile_filter
from lockgate.language.formatting import format_text
from lockgate.language.reading import Language, read_file
from lockgate.source import Source
from lockgate_runtime.observe.predicates import read_predicate
from tests.language.read import diagnose
from tests.language.samples import GATE, TESTS

LANGUAGES = {"p.gate": Language.GATE, "p.gatetest": Language.TESTS}
SAMPLES = {"p.gate": GATE, "p.gatetest": TESTS}
PIECES = tuple(
    dict.fromkeys(re.findall(r'~?"[^"\n]*"|#[^\n]*|[\w./-]+|\n|\S', GATE + TESTS))
)


def _try(text: str, name: str) -> None:
    """Read and format a text; every mistake has a place in it."""
    found = diagnose(text, name).found
    for diagnostic in found:
        assert diagnostic.span is not None
        assert 0 <= diagnostic.span.start <= diagnostic.span.end <= len(text)
    diagnostics = Diagnostics()
    formatted = format_text(Source(name, text), LANGUAGES[name], diagnostics)
    assert (formatted is None) == (not diagnostics.ok)
    if formatted is None:
        return
    again = format_text(Source(name, formatted), LANGUAGES[name], diagnostics)
    assert again == formatted, "formatting twice changes nothing"
    before = read_file(Source(name, text), LANGUAGES[name], Diagnostics())
    after = read_file(Source(name, formatted), LANGUAGES[name], Diagnostics())
    assert after == before, "the same is said"


@given(st.text(max_size=200), st.sampled_from(sorted(SAMPLES)))
@settings(max_examples=100, deadline=None)
def test_any_text(text: str, name: str) -> None:
    """Random characters are told of."""
    _try(text, name)


@given(st.lists(st.sampled_from(PIECES), max_size=40), st.sampled_from(sorted(SAMPLES)))
@settings(max_examples=150, deadline=None)
def test_any_words(pieces: list[str], name: str) -> None:
    """Words of the language in any order are told of."""
    _try(" ".join(pieces), name)


@pytest.mark.parametrize("name", sorted(SAMPLES))
@pytest.mark.parametrize("part", range(4))
def test_changed_samples(name: str, part: int) -> None:
    """Text that was right, with some pieces taken out, put in or exchanged."""
    for seed in range(part, 80, 4):
        chance = random.Random(seed)  # noqa: S311  # a test, no secret
        pieces = re.findall(r'~?"[^"\n]*"|#[^\n]*|[\w./-]+|\s+|\S', SAMPLES[name])
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(pieces))
            match chance.randrange(4):
                case 0:
                    del pieces[at]
                case 1:
                    pieces.insert(at, chance.choice(PIECES))
                case 2:
                    pieces[at] = chance.choice(PIECES)
                case _:
                    pieces[at] = pieces[at][: chance.randrange(len(pieces[at]) + 1)]
        _try("".join(pieces), name)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_samples_have_no_mistake_in_syntax(name: str) -> None:
    """The samples themselves are read, and keep their meaning when formatted."""
    diagnostics = Diagnostics()
    read_file(Source(name, SAMPLES[name]), LANGUAGES[name], diagnostics)
    assert diagnostics.found == []
    _try(SAMPLES[name], name)


@pytest.mark.parametrize("text", ["(", "not ", "f("])
def test_deep_nesting(text: str) -> None:
    """A predicate that is nested without end is a mistake, not a fault of ours."""
    deep = text * 20_000 + "x" + ")" * (20_000 * ("(" in text))
    found = diagnose(f"trace a for host {{ on lsm f() where {deep} => event }}").found
    assert [d.code for d in found] == ["E1800"]


@given(st.lists(st.sampled_from((*PIECES, "src", "dst", "|", "verdict=")), max_size=20))
@settings(max_examples=60, deadline=None)
def test_any_filter(pieces: list[str]) -> None:
    """A filter is compiled, or told of."""
    text = " ".join(pieces)
    diagnostics = Diagnostics()
    predicate = compile_filter(Source("--filter", text), diagnostics)
    assert (predicate is None) == (not diagnostics.ok)
    if predicate is not None:
        read_predicate(predicate)


@pytest.mark.parametrize(
    "text",
    [
        "}" * 200_000,
        "a" * 200_000,
        "policy a in b for pods {" + "ab:" * 60_000,
        "{" * 100_000,
    ],
)
def test_hostile_files_end_soon(text: str) -> None:
    """Much of the same is told of a limited number of times, and in little time."""
    begin = time.process_time()
    found = diagnose(text).found
    assert 1 <= len(found) <= 250
    assert time.process_time() - begin < 5

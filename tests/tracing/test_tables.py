"""Tables against slow and obvious evaluators, and what a changed value changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from lockgate.codegen.tracing.automaton import Pattern, build_automaton
from lockgate.codegen.tracing.classes import collect_classes
from lockgate.codegen.tracing.intervals import collapse
from lockgate.ir import site as ir
from lockgate.ir.site import Dimension, Facet, Generation, Site
from lockgate.ir.tracing_selectors import Comparison, Range
from lockgate.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Span(Source("policy.yaml", ""), 0, 0)
TEXTS = st.text("abAB/", max_size=5)
HOLDS: dict[Comparison, Callable[[str, str], bool]] = {
    Comparison.EQUAL: str.__eq__,
    Comparison.PREFIX: str.startswith,
    Comparison.POSTFIX: str.endswith,
    Comparison.SUBSTRING: str.__contains__,
}
PATTERNS = st.lists(st.tuples(st.sampled_from(list(HOLDS)), TEXTS), max_size=6)


@given(PATTERNS, TEXTS, st.booleans())
def test_an_automaton_finds_what_is_there(
    patterns: list[tuple[Comparison, str]], text: str, ignores_case: bool
) -> None:
    """Equal, at the beginning, at the end, anywhere, in any case: in one pass."""
    automaton = build_automaton(
        [
            Pattern(comparison, value.encode(), 1 << number)
            for number, (comparison, value) in enumerate(patterns)
        ],
        ignores_case=ignores_case,
    )

    def folded(word: str) -> str:
        return word.lower() if ignores_case else word

    expected = sum(
        1 << number
        for number, (comparison, value) in enumerate(patterns)
        if HOLDS[comparison](folded(text), folded(value))
    )
    assert automaton.search(text.encode()) == expected


NUMBERS = st.integers(-9, 9)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Comparison.IN_RANGE, Comparison.GREATER, Comparison.LESS]),
            NUMBERS,
            NUMBERS,
            st.booleans(),
        ),
        min_size=1,
        max_size=5,
    ),
    NUMBERS,
)
def test_intervals_say_who_goes_on(
    asked: list[tuple[Comparison, int, int, bool]], number: int
) -> None:
    """As each test would alone; a selector that asks nothing goes on."""
    tests = tuple(
        ir.Test(
            selector,
            comparison,
            HERE,
            is_negated,
            ranges=(Range(min(a, b), max(a, b)),),
        )
        for selector, (comparison, a, b, is_negated) in enumerate(asked)
    )
    found = collapse(Dimension(Facet.NUMBER, 0, tests), len(tests) + 1, is_signed=True)
    place = max(
        place for place, start in enumerate(found.starts) if number + (1 << 63) >= start
    )
    expected = 1 << len(tests)
    for test in tests:
        first, last = test.ranges[0].first, test.ranges[0].last
        holds = {
            Comparison.IN_RANGE: first <= number <= last,
            Comparison.GREATER: number > first,
            Comparison.LESS: number < last,
        }[test.comparison]
        if holds != test.is_negated:
            expected |= 1 << test.selector
    assert found.rows[place] == expected
    assert len(found.starts).bit_count() == 1


BINARIES = st.lists(
    st.tuples(
        st.sampled_from([Comparison.EQUAL, Comparison.PREFIX, Comparison.POSTFIX]),
        st.lists(TEXTS, min_size=1, max_size=3).map(tuple),
    ),
    min_size=1,
    max_size=4,
)


@given(BINARIES, TEXTS)
def test_a_class_knows_which_tests_hold(
    asked: list[tuple[Comparison, tuple[str, ...]]], path: str
) -> None:
    """For a path of one class exactly those hold that hold for the path itself."""
    tests = tuple(
        ir.Test(selector, comparison, HERE, texts=values)
        for selector, (comparison, values) in enumerate(asked)
    )
    site = Site(0, None, (), (), (), (), (Dimension(Facet.BINARY, None, tests),))  # type: ignore[arg-type]  # where it stands does not matter
    classes = collect_classes(Generation("here", (), (site,)))
    found = classes.known[classes.classify(path.encode()) - 1]
    for test in tests:
        holds = any(HOLDS[test.comparison](path, value) for value in test.texts)
        assert found.holds(test.comparison, test.texts) == holds

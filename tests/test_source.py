"""lockgate.source: offsets to lines and columns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lockgate.source import Source, Span


def test_a_span_says_where() -> None:
    """A span prints as name, line and column."""
    source = Source("policy.yaml", "kind: A\nspec: {}\n")
    assert str(Span(source, 8, 12)) == "policy.yaml:2:1"


def test_a_document_within_a_file() -> None:
    """Lines count from the beginning of the file, columns only on the first line."""
    source = Source("list.json", "{\n  a\n}", (40, 9))
    assert source.position(0) == (40, 9)
    assert source.position(4) == (41, 3)
    assert source.line(41) == "  a"


def test_the_beginning_is_found_when_asked_for() -> None:
    """Who never asks for a line never pays for it."""
    asked = []

    def begin() -> tuple[int, int]:
        asked.append(True)
        return 7, 1

    source = Source("a.yaml", "x\ny", begin)
    assert not asked
    assert source.position(2) == (8, 1)
    assert source.position(0) == (7, 1)
    assert len(asked) == 1


@given(st.text(st.sampled_from("ab\n\r\t")), st.integers(0, 30))
def test_position_agrees_with_counting(text: str, offset: int) -> None:
    """The table of lines says what counting says."""
    offset = min(offset, len(text))
    before = text[:offset]
    column = offset - (before.rfind("\n") + 1) + 1
    assert Source("x", text).position(offset) == (before.count("\n") + 1, column)

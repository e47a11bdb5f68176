"""What names say of a path, against a plain reading of the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import example, given
from hypothesis import strategies as st

from lockgate.codegen.tracing.name_tree import (
    BY_NAMES,
    BY_TAILS,
    Judgement,
    NameTree,
    build_tails,
    build_tree,
    key_of,
    last_names,
)
from lockgate.ir import site as ir
from lockgate.ir.site import Dimension, Facet, Site, SiteSelector
from lockgate.ir.tracing_selectors import Comparison, HookSelector
from lockgate.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Span(Source("policy.yaml", ""), 0, 0)
HOLDS: dict[Comparison, Callable[[str, str], bool]] = {
    Comparison.EQUAL: str.__eq__,
    Comparison.PREFIX: str.startswith,
    Comparison.POSTFIX: str.endswith,
    Comparison.SUBSTRING: str.__contains__,
}
LONG = "a-name-of-more-than-thirty-two-bytes"
NAMES = st.sampled_from(["a", "b", "ab", "ab.key", "eight-by", "nine-byte", LONG])
PATHS = st.lists(NAMES, max_size=4).map(lambda names: "/" + "/".join(names))
PARTS = st.text("ab/", max_size=6)
VALUES = st.one_of(
    PARTS,
    PATHS,
    PATHS.map(lambda path: path + "/"),
    st.tuples(PATHS, st.integers(0, 9)).map(lambda both: both[0][: both[1]]),
    st.tuples(PATHS, st.integers(0, 9)).map(lambda both: both[0][both[1] :]),
)
TESTS = st.lists(
    st.tuples(
        st.sampled_from(list(HOLDS)),
        st.lists(VALUES, min_size=1, max_size=3),
        st.booleans(),
    ),
    max_size=6,
)
Drawn = list[tuple[Comparison, list[str], bool]]


def drawn_site(drawn: Drawn) -> tuple[Dimension, Site]:
    """Return a dimension with tests, and a site that has one selector more."""
    tests = tuple(
        ir.Test(number, comparison, HERE, is_negated, tuple(texts))
        for number, (comparison, texts, is_negated) in enumerate(drawn)
    )
    selectors = tuple(
        SiteSelector(number, 0, HookSelector(HERE), ())
        for number in range(len(drawn) + 1)
    )
    dimension = Dimension(Facet.PATH, 0, tests)
    return dimension, Site(0, None, (), (), selectors, (), (dimension,))  # type: ignore[arg-type]  # where it stands does not matter


def going_on(drawn: Drawn, path: str) -> set[int]:
    """Return the selectors that hold for a path, by a plain reading."""
    return {
        number
        for number, (comparison, texts, is_negated) in enumerate(drawn)
        if any(HOLDS[comparison](path, text) for text in texts) != is_negated
    } | {len(drawn)}


def members(selectors: int) -> set[int]:
    """Return the numbers of selectors in a set."""
    return {
        number for number in range(selectors.bit_length()) if selectors >> number & 1
    }


def judge_names(
    drawn: Drawn, path: str, found: Judgement, decided: frozenset[Comparison]
) -> None:
    """Nobody is lost; who goes on without the string is right; who asks it otherwise, does."""
    wanted = going_on(drawn, path)
    kept, asked = members(found.may), members(found.open)
    assert wanted <= kept
    others = {n for n, test in enumerate(drawn) if test[0] not in decided}
    assert others <= asked
    assert kept - wanted <= asked, (path, found)


def is_short(path: str) -> bool:
    """Whether names of a path are known exactly."""
    return all(len(name) <= 8 for name in path.split("/"))


@given(TESTS, st.one_of(PATHS, st.just("")))
@example([(Comparison.PREFIX, ["/"], True)], "/")
@example([(Comparison.EQUAL, ["/"], False)], "/")
@example([(Comparison.PREFIX, [""], True)], "/a")
@example([(Comparison.PREFIX, ["/nine"], False)], "/nine-byte")
@example([(Comparison.PREFIX, ["/nine-byt"], False)], "/nine-byte")
@example([(Comparison.PREFIX, ["/a", "/ab.k"], True)], "/ab.key/b")
@example([(Comparison.PREFIX, ["/a\0"], True)], "/a")
@example([(Comparison.EQUAL, [""], True)], "")
@example([(Comparison.EQUAL, ["/"], True)], "")
def test_nobody_is_lost_by_names(drawn: Drawn, path: str) -> None:
    """Whoever holds for a path goes on; of short names the string is not asked."""
    dimension, site = drawn_site(drawn)
    found = build_tree(dimension, site).search(path.encode())
    judge_names(drawn, path, found, BY_NAMES)
    for number in members(found.open):
        comparison, texts, _ = drawn[number]
        if comparison in BY_NAMES and is_short(path):
            assert any(len(name) > 8 for text in texts for name in text.split("/"))


@given(TESTS, PATHS.filter(lambda path: path != "/"))
@example([(Comparison.POSTFIX, ["/b"], True)], "/a/b")
@example([(Comparison.POSTFIX, ["a/b"], True)], "/b/b")
@example([(Comparison.POSTFIX, [""], True)], "/b")
def test_nobody_is_lost_by_tails(drawn: Drawn, path: str) -> None:
    """Whoever holds for a path goes on, known if the value is in the last eight bytes."""
    dimension, site = drawn_site(drawn)
    found = build_tails(dimension, site).search(path.encode())
    judge_names(drawn, path, found, BY_TAILS)
    for number in members(found.open):
        comparison, texts, _ = drawn[number]
        is_known = all(len(text) <= 8 and "/" not in text[1:] for text in texts)
        assert comparison is not Comparison.POSTFIX or not is_known


@given(TESTS, PATHS)
def test_an_equal_path_has_a_last_name_that_is_known(drawn: Drawn, path: str) -> None:
    """So that a file of another name is nobody's."""
    dimension, _ = drawn_site([each for each in drawn if not each[2]])
    asked = {
        text
        for comparison, texts, is_negated in drawn
        if comparison is Comparison.EQUAL and not is_negated
        for text in texts
    }
    if path in asked:
        assert key_of(path.rpartition("/")[2].encode()) in last_names(dimension)


def test_names_of_one_key_share_a_directory() -> None:
    """Two that begin with the same 32 bytes: the string tells them apart, and nobody is lost."""
    one, two = f"/{LONG}-1/x", f"/{LONG}-2/x"
    drawn: Drawn = [
        (Comparison.EQUAL, [one], False),
        (Comparison.EQUAL, [two], True),
    ]
    dimension, site = drawn_site(drawn)
    tree = build_tree(dimension, site)
    assert isinstance(tree, NameTree)
    assert len(tree.nodes) == 4
    assert tree.search(one.encode()) == tree.search(two.encode())
    assert tree.search(one.encode()) == Judgement(0b111, 0b11)

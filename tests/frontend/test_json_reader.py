"""lockgate.frontend.json_reader: the same values as the library's, with positions."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.json_reader import read_json
from lockgate.frontend.nodes import Mapping, Node, Scalar, Sequence, plain_value
from lockgate.source import Source

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
    ),
)


def _read(text: str) -> tuple[Node | None, list[str]]:
    diagnostics = Diagnostics()
    read = read_json(Source("x.json", text), diagnostics)
    return read and read[0], [f"{d.code} {d.span}" for d in diagnostics.found]


@given(VALUES, st.sampled_from([None, 1, 4]), st.booleans())
def test_values_agree_with_the_library(
    value: object, indent: int | None, ascii_only: bool
) -> None:
    """What the library writes is read back, and each part's span quotes that part."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    node, said = _read(text)
    assert said == []
    assert node is not None
    assert plain_value(node) == value
    _check_spans(node, text)


def _check_spans(node: Node, text: str) -> None:
    assert json.loads(text[node.start : node.end]) == plain_value(node)
    if isinstance(node, Mapping):
        for key, value in node:
            assert json.loads(text[key.start : key.end]) == key.text
            _check_spans(value, text)
    elif isinstance(node, Sequence):
        for item in node.items:
            _check_spans(item, text)
    else:
        assert isinstance(node, Scalar)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "a": 2}', "E1008 x.json:1:10"),
        ('{"a": 1,}', "E1003 x.json:1:9"),
        ('{"a" 1}', "E1003 x.json:1:6"),
        ('["a\n"]', "E1003 x.json:1:2"),
        ("[NaN]", "E1003 x.json:1:2"),
        ('{"a": [1, 2', "E1003 x.json:1:12"),
        ("[" * 5_000, "E1003 x.json:1:101"),
    ],
)
def test_mistakes(text: str, said: str) -> None:
    """Each mistake has its place."""
    assert _read(text)[1] == [said]

"""lockgate.frontend.yaml_reader: located nodes, and the traps of YAML 1.1."""

from __future__ import annotations

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.nodes import Mapping, Node, Scalar, Sequence, plain_value
from lockgate.frontend.yaml_reader import read_yaml
from lockgate.source import Source


def _read(text: str) -> tuple[list[Node], list[str]]:
    diagnostics = Diagnostics()
    nodes = read_yaml(Source("x.yaml", text), diagnostics)
    return nodes, [f"{d.code} {d.span}" for d in diagnostics.found]


def test_every_node_knows_its_place() -> None:
    """The span of a node is its text, collections end with their last part."""
    text = "a:\n- b: 'c d'\n  e: [1, 2]\n\n# end\nf:\n"
    (node,), said = _read(text)
    assert said == []
    assert isinstance(node, Mapping)

    def quoted(part: Node) -> str:
        return text[part.start : part.end]

    items = node.entries["a"].value
    assert isinstance(items, Sequence)
    assert quoted(items) == "- b: 'c d'\n  e: [1, 2]"
    inner = items.items[0]
    assert isinstance(inner, Mapping)
    assert [quoted(x) for e in inner for x in e] == ["b", "'c d'", "e", "[1, 2]"]
    assert node.get("f") is None, "null is absent"


def test_documents() -> None:
    """Empty documents and comments are none; the others are read."""
    nodes, said = _read("# only\n---\n---\na: 1\n---\n# x\n--- b\n...\n")
    assert [plain_value(n) for n in nodes] == [{"a": 1}, "b"]
    assert said == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("22:22", "22:22"),
        ("2026-01-01", "2026-01-01"),
        ("0o17", "0o17"),
        ("017", "017"),
        ("1_000", "1_000"),
        ("'true'", "true"),
        ("!!str 12", "12"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("12", 12),
        ("-1.5e3", -1500.0),
        ("|\n  a\n  b\n", "a\nb\n"),
        ('"\\u00e9"', "é"),
    ],
)
def test_plain_values(text: str, value: object) -> None:
    """Only what JSON writes so is a number, boolean or null; the rest is a string."""
    (node,), _ = _read(f"v: {text}")
    assert plain_value(node) == {"v": value}
    assert type(plain_value(node)) is dict


def test_keys_are_strings() -> None:
    """A key is what was written."""
    (node,), said = _read("on: 1\n12: 2\ntrue: 3\n~: 4\n")
    assert plain_value(node) == {"on": 1, "12": 2, "true": 3, "~": 4}
    assert said == []


def test_merge_keys() -> None:
    """``<<`` merges, what is written wins, and of several mappings the first."""
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {<<: [*x, *y], a: 0}\n"
    (node,), said = _read(text)
    assert said == []
    value = plain_value(node)
    assert isinstance(value, dict)
    assert value["z"] == {"a": 0, "b": 1, "c": 2}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "E1008 x.yaml:3:1"),
        ("{a: 1, 'a': 2}", "E1008 x.yaml:1:8"),
        ("a: !!binary aGk=", "E1015 x.yaml:1:4"),
        ("a: !Ref b", "E1015 x.yaml:1:4"),
        ("a: !!set {b}", "E1015 x.yaml:1:4"),
        ("a: &a [*a]", "E1016 x.yaml:1:4"),
        ("a: *unknown", "E1003 x.yaml:1:4"),
        ("a: 'open\n", "E1003 x.yaml:2:1"),
        ("a: 1\n\tb: 2\n", "E1003 x.yaml:2:1"),
        ("? [a]\n: b\n", "E1003 x.yaml:1:3"),
        ("<<: 1\n", "E1005 x.yaml:1:1"),
        ("a: \x07\n", "E1003 x.yaml:1:4"),
        ("[" * 200 + "]" * 200, "E1016 x.yaml:1:101"),
        ("[" * 200_000, "E1016 x.yaml:1:101"),
        ("- " * 100_000 + "x", "E1016 x.yaml:1:201"),
    ],
)
def test_mistakes(text: str, said: str) -> None:
    """Each mistake has its code and its place; depth never costs the stack."""
    assert _read(text)[1] == [said]


def test_an_alias_bomb_is_no_bomb() -> None:
    """Aliases may repeat a little; what would not fit in memory is refused at once."""
    levels = "".join(
        f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 10)}]\n" for i in range(1, 12)
    )
    _, said = _read("x0: &x0 [lol]\n" + levels)
    assert said
    assert {line.split()[0] for line in said} == {"E1016"}
    (node,), said = _read("a: &a {b: 1}\nc: *a\nd: *a\n")
    assert said == []
    assert plain_value(node) == {"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1}}


def test_what_stood_before_a_mistake_is_kept() -> None:
    """Documents before the syntax error are nodes."""
    nodes, said = _read("a: 1\n--- {\n")
    assert [plain_value(n) for n in nodes] == [{"a": 1}]
    assert len(said) == 1


def test_scalars_remember_quotes() -> None:
    """What stood in quotes is never null, a number or a boolean."""
    (node,), _ = _read("a: 'null'\nb: null\n")
    assert isinstance(node, Mapping)
    quoted, plain = node.entries["a"].value, node.entries["b"].value
    assert isinstance(quoted, Scalar)
    assert not quoted.is_null
    assert plain.is_null

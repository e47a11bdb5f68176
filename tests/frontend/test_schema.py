"""lockgate.frontend.schema: typed fields, and what is said of the others."""

from __future__ import annotations

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.schema import Fields
from lockgate.frontend.yaml_reader import read_yaml
from lockgate.source import Source


def _fields(text: str) -> tuple[Fields, Diagnostics]:
    diagnostics = Diagnostics()
    (node,) = read_yaml(Source("x.yaml", text), diagnostics)
    known = ("b", "i", "l", "m", "p", "s")
    elsewhere = {"spec": "'metadata'"}
    fields = Fields(node, "Thing", diagnostics, known=known, elsewhere=elsewhere)
    return fields, diagnostics


def test_every_type() -> None:
    """What is right is read without a word."""
    fields, diagnostics = _fields("{s: x, i: 3, b: yes, l: [a, 'b'], m: {k: v}, p: 80}")
    assert fields.string("s", enum=("x", "y")) == "x"
    assert fields.integer("i", minimum=3, maximum=3) == 3
    assert fields.boolean("b") is True
    assert [text for text, _ in fields.strings("l")] == ["a", "b"]
    mapping = fields.mapping("m")
    assert mapping is not None
    assert [entry.key.text for entry in mapping] == ["k"]
    assert fields.integer_or_string("p") == 80
    assert diagnostics.found == []


def test_null_is_absent() -> None:
    """A field that is null reads as one that is not there."""
    fields, diagnostics = _fields("{s: , i: ~, l: null}")
    assert fields.string("s") is None
    assert fields.integer("i") is None
    assert fields.items("l") == ()
    assert not fields.has("s")
    assert diagnostics.found == []
    assert fields.require("s") is None
    assert [d.code for d in diagnostics.found] == ["E1006"]


@pytest.mark.parametrize(
    ("text", "read", "code", "place"),
    [
        ("{s: 1}", "string", "E1005", 5),
        ("{s: 1.10}", "string", "E1005", 5),
        ("{s: true}", "string", "E1005", 5),
        ("{s: [a]}", "string", "E1005", 5),
        ("{s: 0o17}", "string", "E1014", 5),
        ("{s: 017}", "string", "E1014", 5),
        ("{s: 1_000}", "string", "E1014", 5),
        ("{s: .inf}", "string", "E1014", 5),
        ("{i: '1'}", "integer", "E1005", 5),
        ("{i: 1.5}", "integer", "E1005", 5),
        ("{i: 1e3}", "integer", "E1005", 5),
        ("{i: on}", "integer", "E1005", 5),
        ("{i: 22:22}", "integer", "E1005", 5),
        ("{i: 0x10}", "integer", "E1014", 5),
        ("{i: 010}", "integer", "E1014", 5),
        ("{i: +1}", "integer", "E1014", 5),
        (f"{{i: {'9' * 5000}}}", "integer", "E1013", 5),
        ("{b: 'true'}", "boolean", "E1005", 5),
        ("{b: 1}", "boolean", "E1005", 5),
        ("{b: y}", "boolean", "E1005", 5),
        ("{l: a}", "sequence", "E1005", 5),
        ("{m: a}", "mapping", "E1005", 5),
        ("{p: 0o17}", "integer_or_string", "E1014", 5),
        ("{p: 1.5}", "integer_or_string", "E1005", 5),
    ],
)
def test_wrong_types(text: str, read: str, code: str, place: int) -> None:
    """Each wrong value is refused with its code, where it stands."""
    fields, diagnostics = _fields(text)
    assert getattr(fields, read)(text[1]) is None
    assert [(d.code, str(d.span)) for d in diagnostics.found] == [
        (code, f"x.yaml:1:{place}")
    ]


@pytest.mark.parametrize(
    ("text", "help_text"),
    [
        ("{i: 0o17}", "write 15"),
        ("{i: 017}", "write 17 or 15"),
        ("{i: 089}", "write 89"),
        ("{i: 1_000}", "write 1000"),
        ("{i: 0x50}", "write 80"),
        ("{i: 0b11}", "write 3"),
        ("{i: '80'}", "take away the quotes"),
    ],
)
def test_the_help_says_what_to_write(text: str, help_text: str) -> None:
    """An ambiguous number comes with the decimal ones that may be meant."""
    fields, diagnostics = _fields(text)
    fields.integer("i")
    assert [d.help for d in diagnostics.found] == [help_text]


def test_unknown_and_misplaced_fields() -> None:
    """A field is known, known elsewhere, or unknown with a suggestion."""
    _, diagnostics = _fields("{spec: 1, ss: 2, zzzz: 3}")
    assert [(d.code, d.help) for d in diagnostics.found] == [
        ("E1009", "it belongs in 'metadata'"),
        ("E1004", "did you mean 's'?"),
        ("E1004", "known fields: b, i, l, m, p, s"),
    ]


def test_no_mapping_has_no_fields() -> None:
    """One message about the node, none about what it would have held."""
    fields, diagnostics = _fields("[]")
    assert fields.string("s", required=True) is None
    assert fields.items("l") == ()
    assert [d.code for d in diagnostics.found] == ["E1005"]

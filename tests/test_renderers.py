"""lockgate.renderers and excerpt: text for people, JSON and SARIF for machines."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.diagnostics import Diagnostics, did_you_mean
from lockgate.excerpt import WIDTH, excerpt, printable
from lockgate.renderers import render_json, render_sarif, render_text
from lockgate.source import Source, Span

POLICY = Source("a b/policy.yaml", "spec:\n  ingres: []\n")


def _example() -> Diagnostics:
    diagnostics = Diagnostics()
    span = Span(POLICY, 8, 14)
    related = ((Span(POLICY, 0, 4), "in here"),)
    diagnostics.error(
        "E1004", "unknown field 'ingres'", span, help="say ingress", related=related
    )
    diagnostics.note("N1030", "passed over 3 objects")
    return diagnostics


def test_text() -> None:
    """The manner of rustc: message, place, excerpt, help, and a count."""
    assert render_text(_example()) == (
        "error[E1004]: unknown field 'ingres'\n"
        " --> a b/policy.yaml:2:3\n"
        "  |\n"
        "2 |   ingres: []\n"
        "  |   ^^^^^^\n"
        "note: in here\n"
        " --> a b/policy.yaml:1:1\n"
        "  |\n"
        "1 | spec:\n"
        "  | ^^^^\n"
        "help: say ingress\n"
        "\n"
        "note[N1030]: passed over 3 objects\n"
        "\n"
        "1 error\n"
    )


def test_nothing_to_say() -> None:
    """Silence is the empty text."""
    assert render_text(Diagnostics()) == ""


def test_colour_changes_nothing_else() -> None:
    """Without its colours the coloured text is the plain one."""
    coloured = render_text(_example(), colour=True)
    for code in ("0", "1", "1;31", "1;36", "34"):
        coloured = coloured.replace(f"\033[{code}m", "")
    assert coloured == render_text(_example())


def test_json() -> None:
    """One object with every field of every result."""
    value = json.loads(render_json(_example()))
    assert value["version"] == 1
    assert value["summary"] == {"errors": 1, "warnings": 0, "notes": 1}
    assert value["results"] == [
        {
            "code": "E1004",
            "name": "unknown-field",
            "severity": "error",
            "message": "unknown field 'ingres'",
            "file": "a b/policy.yaml",
            "line": 2,
            "column": 3,
            "help": "say ingress",
            "related": [
                {
                    "message": "in here",
                    "file": "a b/policy.yaml",
                    "line": 1,
                    "column": 1,
                }
            ],
        },
        {
            "code": "N1030",
            "name": "passed-over",
            "severity": "note",
            "message": "passed over 3 objects",
            "file": None,
            "line": None,
            "column": None,
            "help": None,
            "related": [],
        },
    ]


def test_sarif() -> None:
    """Rules, levels and regions are where SARIF 2.1.0 has them."""
    value = json.loads(render_sarif(_example()))
    assert value["version"] == "2.1.0"
    (run,) = value["runs"]
    assert [r["id"] for r in run["tool"]["driver"]["rules"]] == ["E1004", "N1030"]
    error, note = run["results"]
    assert (error["level"], note["level"]) == ("error", "note")
    location = error["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "a%20b/policy.yaml"
    assert location["region"] == {
        "startLine": 2,
        "startColumn": 3,
        "endLine": 2,
        "endColumn": 9,
    }
    assert "locations" not in note


def test_a_line_without_end_is_cut() -> None:
    """Of a line of a megabyte only the surroundings of the mark are shown."""
    text = "x" * 500_000 + "MARK" + "y" * 500_000
    shown, marks = excerpt(Span(Source("x", text), 500_000, 500_004))
    assert len(shown) < WIDTH + 10
    assert shown[marks.index("^") :].startswith("MARK")
    assert marks.count("^") == 4


@pytest.mark.parametrize(
    ("line", "shown", "marks"),
    [
        ("\tMARK", "    MARK", "    ^^^^"),
        ("受信 MARK", "受信 MARK", "     ^^^^"),
        ("\x1b[2JMARK", "␛[2JMARK", "    ^^^^"),
        ("\u202eMARK", "\ufffdMARK", " ^^^^"),
    ],
)
def test_marks_stand_below(line: str, shown: str, marks: str) -> None:
    """Tabs, wide and hostile characters do not move the marks away."""
    start = line.index("MARK")
    span = Span(Source("x", f"first\n{line}\r\n"), start + 6, start + 10)
    assert excerpt(span) == (shown, marks)


@given(st.text(), st.integers(0, 50), st.integers(0, 50), st.integers(1, 90))
def test_any_text_is_harmless(text: str, a: int, b: int, column: int) -> None:
    """Whatever a document holds, only printable characters are shown."""
    start, end = sorted((min(a, len(text)), min(b, len(text))))
    for part in excerpt(Span(Source("x", text, (1, column)), start, end)):
        assert printable(part) == part
        assert part.isprintable()


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("ingres", "did you mean 'ingress'?"),
        ("INGRESS", "did you mean 'ingress'?"),
        ("quite different", None),
        ("x" * 100_000, None),
    ],
)
def test_did_you_mean(word: str, hint: str | None) -> None:
    """A near word is suggested, a difference of case first."""
    assert did_you_mean(word, ["egress", "ingress"]) == hint

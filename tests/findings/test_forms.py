"""lockgate.findings: other people's text in every form."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.findings import (
    FORMS,
    Finding,
    Level,
    fingerprints,
    in_order,
    render_findings,
)
from lockgate.source import Source, Span

SOURCE = Source("a,b:c/p.yaml", "spec:\n  ingress: []\n")
SPAN = Span(SOURCE, 8, 15)

findings = st.lists(
    st.builds(
        Finding,
        code=st.sampled_from(["W6002", "E1004", "N6024", "E3001"]),
        severity=st.sampled_from(Level),
        message=st.text(min_size=1, max_size=40),
        span=st.sampled_from([SPAN, Span(SOURCE, 0, 4), None]),
        help=st.none() | st.text(max_size=20),
    ),
    max_size=4,
)


@given(findings)
def test_every_form_takes_any_text(found: list[Finding]) -> None:
    """Machines can read it back; no control character reaches a terminal or a document."""
    for form in FORMS:
        text = render_findings(found, form, more={"known": 1})
        if form in ("json", "sarif"):
            json.loads(text)
        elif form == "junit":
            root = ElementTree.fromstring(text)  # noqa: S314  # our own text
            assert int(root.attrib["tests"]) == max(1, len(found))
        elif form == "github":
            assert text.count("\n") == len(found)
            assert "\r" not in text
        else:
            assert "\x1b" not in text


@given(findings)
def test_order_and_fingerprints(found: list[Finding]) -> None:
    """What is in order stays so; fingerprints tell all findings apart."""
    ordered = in_order(found)
    assert in_order(ordered) == ordered
    prints = fingerprints(ordered)
    assert len(set(prints)) == len(prints)


def test_github_escapes() -> None:
    """A comma or a line end of the user's does not end the command."""
    finding = Finding("W6002", Level.WARNING, "one\ntwo: 100%", SPAN, "say, so")
    text = render_findings([finding], "github")
    assert text == (
        "::warning file=a%2Cb%3Ac/p.yaml,line=2,col=3,endColumn=10,"
        "title=W6002 (shadowed-rule)::one%0Atwo: 100%25%0Ahelp: say, so\n"
    )


def test_markdown_escapes() -> None:
    """A message is text: no mark-up, no mention, no new column."""
    finding = Finding("W6002", Level.WARNING, "a|b <b> @you `x`", SPAN)
    text = render_findings([finding], "markdown")
    assert "a\\|b \\<b\\> \\@you \\`x\\`" in text


def test_a_comment_is_not_too_long() -> None:
    """A code host takes it, and it says how much is missing."""
    found = [Finding("W6002", Level.WARNING, "x" * 500, SPAN)] * 200
    text = render_findings(found, "markdown")
    assert 50_000 < len(text) < 65_536
    rows = text.count("| warning |")
    assert text.endswith(f"{200 - rows} more are not shown.\n")


@pytest.mark.parametrize("form", FORMS)
def test_nothing_found(form: str) -> None:
    """Every form has a word for nothing, but text and commands, which are silent."""
    text = render_findings([], form)
    assert (text == "") == (form in ("text", "github"))

"""Every code has a page, and every page's example is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lockgate.codes import CODES, explain_code
from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.frontend.priorities import report_equal_priorities
from lockgate.options import Options

ROOT = Path(__file__).parent.parent
CODE = re.compile(r'"([EWN][1-9][0-9]{3})"')
REFUSED_OR_WARNED = re.compile(r'\("(3[0-9]{3})", ')
"""Codes of what is not enforced yet: an error, or a warning if that is allowed."""


def _used() -> set[str]:
    paths = [
        path
        for root in ("compiler", "runtime")
        for path in (ROOT / root).rglob("*.py")
        if "codes" not in path.parts
    ]
    texts = [path.read_text() for path in paths]
    numbers = {n for text in texts for n in REFUSED_OR_WARNED.findall(text)}
    used = {code for text in texts for code in CODE.findall(text)}
    return used | {f"{letter}{n}" for n in numbers for letter in "EW"}


def test_every_code_has_a_page() -> None:
    """What the user can see, ``lockgate explain`` can explain."""
    used = _used()
    assert len(used) > 50, "the search finds codes"
    assert sorted(used - CODES.keys()) == []


def test_every_page_has_a_code() -> None:
    """No page describes a code that nothing gives."""
    assert sorted(CODES.keys() - _used()) == []


def test_names_are_distinct() -> None:
    """Machines may key on the name; a refusal and its warning share one."""
    codes: dict[str, set[str]] = {}
    for explanation in CODES.values():
        codes.setdefault(explanation.name, set()).add(explanation.code[1:])
    assert {name for name, numbers in codes.items() if len(numbers) > 1} == set()


@pytest.mark.parametrize(
    "code", [c for c in sorted(CODES) if CODES[c].example and c[1] == "1"]
)
def test_example_yields_its_code(code: str) -> None:
    """The document on the page is refused, or remarked on, with the page's code."""
    diagnostics = Diagnostics()
    documents = documents_from_text({"example.yaml": CODES[code].example})
    policies = parse_documents(documents, Options(), diagnostics).policies
    report_equal_priorities(policies, diagnostics)
    assert code in {d.code for d in diagnostics.found}


@pytest.mark.parametrize("code", sorted(CODES))
def test_page_is_complete(code: str) -> None:
    """A page says what, why and what to do."""
    page = explain_code(code.lower())
    explanation = CODES[code]
    assert explanation.code == code
    for part in (explanation.title, explanation.cause, explanation.cure):
        assert part
        assert part.strip() in page


def test_unknown_code() -> None:
    """A code that is none suggests one that is near."""
    with pytest.raises(KeyError, match="did you mean"):
        explain_code("E10004")

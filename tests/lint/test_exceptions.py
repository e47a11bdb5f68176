"""Configuration and comments: what they take away, for how long, and what they may not."""

from __future__ import annotations

from datetime import date

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.lint.config import read_config
from lockgate.source import Source
from tests.lint.judging import documents, lint, read

OPEN = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: open}
spec:
  podSelector: {}
  ingress:
  - {}
"""


def _codes(text: str, config: str = "", today: date = date(2026, 11, 22)) -> list[str]:
    judgement = lint(text, read(config) if config else None, today)
    return [f.code for f in judgement.findings if f.code != "N6024"]


def test_severity() -> None:
    """A finding has the severity that the configuration gives it; unsupported ones, too."""
    judgement = lint(OPEN, read("findings: [{finding: empty-rules, severity: error}]"))
    (found,) = [f for f in judgement.findings if f.code == "N6011"]
    assert found.severity.value == "error"


def test_off_with_a_reason() -> None:
    """What is off is counted, and not told."""
    setting = "findings: [{finding: N6011, severity: off, reason: a demonstration}]"
    judgement = lint(OPEN, read(setting))
    assert [f.code for f in judgement.findings] == ["N6024"]
    assert judgement.ignored == 1


@pytest.mark.parametrize(
    ("path", "is_off"), [("policy.yaml", True), ("pol*", True), ("other/*", False)]
)
def test_paths(path: str, is_off: bool) -> None:
    """A setting is about the files that it names."""
    setting = (
        "{finding: empty-rules, severity: off, reason: r, paths: ['" + path + "']}"
    )
    assert ("N6011" not in _codes(OPEN, f"findings: [{setting}]")) == is_off


@pytest.mark.parametrize(
    ("today", "codes"),
    [(date(2027, 1, 30), []), (date(2027, 1, 31), ["N6011", "W6020"])],
)
def test_a_setting_ends(today: date, codes: list[str]) -> None:
    """On the day 'until' the finding counts again, and the exception is one itself."""
    setting = "{finding: empty-rules, severity: off, reason: r, until: 2027-01-31}"
    assert sorted(_codes(OPEN, f"findings: [{setting}]", today)) == codes


@pytest.mark.parametrize(
    ("comment", "codes"),
    [
        ("ignore[empty-rules]: the front door", []),
        ("ignore[N6011]: the front door", []),
        ("ignore[shadowed-rule, empty-rules] until 2027-01-31: for now", []),
        ("ignore[empty-rules] until 2026-11-22: for now", ["N6011", "W6020"]),
        ("ignore[empty-rules]", ["N6011", "W6021"]),
        ("ignore[empty-rules]:   ", ["N6011", "W6021"]),
        ("ignore[empty-rule]: what", ["N6011", "W6023"]),
        ("ignore[unknown-field]: what", ["N6011", "W6023"]),
        ("ignore[empty-rules] until soon: what", ["N6011", "W6023"]),
        ("ignore empty-rules", ["N6011", "W6023"]),
    ],
)
def test_comment_on_the_line(comment: str, codes: list[str]) -> None:
    """A comment at the end of a line is about that line."""
    text = OPEN.replace("- {}", f"- {{}}  # lockgate: {comment}")
    assert sorted(_codes(text)) == codes


PLACES = {
    "above the item": ("  - {}", "  # lockgate: ignore[empty-rules]: r\n  - {}"),
    "above the list": (
        "  ingress:",
        "  # lockgate: ignore[empty-rules]: r\n  ingress:",
    ),
    "above a mapping": ("spec:", "# lockgate: ignore[empty-rules]: r\nspec:"),
    "above the object": (
        "apiVersion",
        "# lockgate: ignore[empty-rules]: r\n\napiVersion",
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_comment_above(place: str) -> None:
    """A comment on a line of its own is about the block that begins below."""
    text = OPEN.replace(*PLACES[place])
    assert _codes(text) == []
    # ... and not about the next object, nor the one before.
    closed = OPEN.replace("name: open", "name: open, namespace: other")
    assert _codes(documents(text, closed)) == ["N6011"]
    assert _codes(documents(closed, text)) == ["N6011"]


@pytest.mark.parametrize(
    ("comment", "severity", "codes"),
    [
        ("error[empty-rules]: the front door", "error", []),
        ("warning[N6011] until 2027-01-31: for now", "warning", []),
        ("note[empty-rules, shadowed-rule]: as it is anyway", "note", []),
        ("error[empty-rules] until 2026-11-22: for now", "note", ["W6020"]),
        ("error[empty-rules]", "note", ["W6021"]),
        ("error[lock-out]: elsewhere", "note", []),
        ("warn[empty-rules]: r", "note", ["W6023"]),
        ("unsupported[empty-rules]: r", "note", ["W6023"]),
        ("error[empty-rule]: r", "note", ["W6023"]),
        ("note[unknown-field]: r", "note", ["W6023"]),
        ("error[empty-rules] until 2027-02-30: r", "note", ["W6023"]),
    ],
)
def test_comment_with_a_severity(comment: str, severity: str, codes: list[str]) -> None:
    """It has reason and date as one that ignores, and gives its severity."""
    text = OPEN.replace("- {}", f"- {{}}  # lockgate: {comment}")
    assert _severity(text) == severity
    assert sorted(set(_codes(text)) - {"N6011"}) == codes


def _severity(text: str, config: str = "") -> str | None:
    judgement = lint(text, read(config) if config else None)
    levels = [f.severity.value for f in judgement.findings if f.code == "N6011"]
    return levels[0] if levels else None


@pytest.mark.parametrize(
    ("above", "beside", "config", "severity"),
    [
        ("warning", "", "error", "warning"),
        ("error", "", "off", "error"),
        ("ignore", "", "error", None),
        ("warning", "error", "", "error"),
        ("error", "note", "", "note"),
        ("error", "ignore", "", None),
        ("ignore", "error", "", "error"),
    ],
)
def test_the_nearest_wins(
    above: str, beside: str, config: str, severity: str | None
) -> None:
    """A comment wins over the configuration, and one at the line over that of the object."""
    text = f"# lockgate: {above}[empty-rules]: r\n" + OPEN
    if beside:
        text = text.replace("- {}", f"- {{}}  # lockgate: {beside}[empty-rules]: r")
    setting = f"findings: [{{finding: N6011, severity: {config}, reason: r}}]"
    assert _severity(text, setting if config else "") == severity
    assert not {"W6021", "W6022", "W6023"} & set(_codes(text))


def test_the_more_severe_of_two_at_one_place() -> None:
    """Of two comments about the same lines none hides what the other raises."""
    for words in (("ignore", "error"), ("error", "ignore")):
        lines = [f"  # lockgate: {word}[empty-rules]: r\n" for word in words]
        assert _severity(OPEN.replace("  - {}", f"{''.join(lines)}  - {{}}")) == "error"


@pytest.mark.parametrize("line", ["metadata: {name: open}", "  podSelector: {}"])
def test_comment_elsewhere(line: str) -> None:
    """A comment beside another line takes nothing away."""
    text = OPEN.replace(line, f"{line}  # lockgate: ignore[empty-rules]: r")
    assert "N6011" in _codes(text)


def test_unused_comment() -> None:
    """A comment that ignores nothing is told, where everything was judged."""
    text = OPEN.replace(
        "- {}", "- {ports: [{port: 1}]}  # lockgate: ignore[lock-out]: r"
    )
    assert _codes(text) == []
    endpoint = """
    apiVersion: lockgate.dev/v1
    kind: Endpoint
    metadata: {name: web, namespace: default}
    spec: {addresses: [10.0.0.1]}
    """
    assert "W6022" in _codes(documents(text, endpoint))


GATE = """# lockgate: gate
# lockgate: ignore[N1835]: r
policy a in default for x in {y, z} {
deny in from x=y on tcp/1 log "}"  # }
  allow in from x=z
}

policy b in default for x=y {
  allow in from x=z
}
"""


@pytest.mark.parametrize(
    ("comment", "lines"),
    [
        ("# lockgate: ignore[N1835]: r", [9]),
        ("", [5, 9]),
    ],
)
def test_comment_of_the_native_language(comment: str, lines: list[int]) -> None:
    """A block is one object of many; what names the language ignores nothing itself."""
    text = GATE.replace("# lockgate: ignore[N1835]: r", comment)
    found = lint(text).findings
    assert not {"W6021", "W6022", "W6023"} & {f.code for f in found}
    assert [f.span.line for f in found if f.code == "N1835" and f.span] == lines


MARK = "# lockgate: ignore[empty-rules]: r"
TEXTS = {
    "a word": "metadata: {name: open, annotations: {a: 'x#lockgate: ignore'}}",
    "quotes": f"metadata: {{name: open, annotations: {{a: 'x {MARK}'}}}}",
    "double quotes": f'metadata: {{name: open, annotations: {{a: "{MARK}"}}}}',
    "lines in quotes": f"metadata:\n  name: open\n  annotations:\n    a: 'x\n\n      {MARK}'",
    "a block": f"metadata:\n  name: open\n  annotations:\n    a: |\n      {MARK}",
    "a folded block": f"metadata:\n  name: open\n  annotations:\n    a: >-\n\n      x {MARK}\n",
    "what was commented out": f"metadata: {{name: open}}\n# spec: {{}} {MARK}",
}


@pytest.mark.parametrize("what", TEXTS)
def test_a_text_is_no_comment(what: str) -> None:
    """What looks like a comment inside a string, a block of text or a comment is none."""
    text = OPEN.replace("metadata: {name: open}", TEXTS[what])
    assert _codes(text) == ["N6011"]
    # ... nor where it would be about the whole object.
    text = OPEN.replace("metadata: {name: open}\n", "").replace(
        "\napi", f"\n{TEXTS[what]}\napi"
    )
    assert _codes(text) == ["N6011"]


def test_a_comment_beside_a_block_of_text() -> None:
    """Behind the header of a block, and below the block, a comment is one."""
    block = (
        "metadata:\n  name: open\n  annotations:\n    a: |  # lockgate: ignore[no]: r\n"
    )
    block += "      text\n  # lockgate: ignore[nor]: r"
    text = OPEN.replace("metadata: {name: open}", block)
    assert _codes(text) == ["W6023", "W6023", "N6011"]


def test_a_string_of_the_native_language_is_no_comment() -> None:
    """Text in quotes is text there, too; a comment behind it is one."""
    text = GATE.replace("# lockgate: ignore[N1835]: r", "").replace(
        'log "}"  # }', 'log "# lockgate: ignore[N1835]: r" # lockgate: error[N1835]: r'
    )
    found = lint(text).findings
    assert [f.severity.value for f in found if f.code == "N1835"] == ["note", "note"]
    text = text.replace(
        "  allow in from x=z\n}\n\n",
        "  allow in from x=z\n}\n# lockgate: error[N1835]: r\n",
    )
    found = lint(text).findings
    assert [f.severity.value for f in found if f.code == "N1835"] == ["note", "error"]


MISTAKES = {
    "findings: [{finding: shadowed, severity: off, reason: r}]": "E6030",
    "findings: [{finding: unknown-field, severity: note}]": "E6032",
    "findings: [{finding: E1004, severity: note}]": "E6032",
    "findings: [{finding: shadowed-rule, severity: off}]": "E1006",
    "findings: [{finding: shadowed-rule, severity: of, reason: r}]": "E1007",
    "findings: [{finding: shadowed-rule, severity: note, until: tomorrow}]": "E6031",
    "findings: [{finding: shadowed-rule, severity: note, until: 2027-02-30}]": "E6031",
    "findings: [{severity: note}]": "E1006",
    "finding: []": "E1004",
    "budgets: {map-entry: 1}": "E1004",
    "budgets: {map-entries: many}": "E1005",
    "exposed: web": "E1005",
    "protected: [{name: a, from: world, to: nodes, port: 22}]": "E1005",
    "protected: [{name: a, from: world, to: nodes, port: tcp/70000}]": "E6034",
    "protected: [{name: a, from: world, to: everybody, port: tcp/22}]": "E6034",
    "protected: [{name: a, from: 10.0.0.1/8, to: nodes, port: tcp/22}]": "E6034",
    "[]": "E1005",
    "a: b: c": "E1003",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes_of_the_configuration(text: str) -> None:
    """Each is an error at its place, with a code."""
    diagnostics = Diagnostics()
    read_config(Source(".lockgate-lint.yaml", text), diagnostics)
    assert MISTAKES[text] in {d.code for d in diagnostics.found}
    assert all(d.span is not None for d in diagnostics.found)


def test_did_you_mean() -> None:
    """A finding that is misspelt is suggested."""
    diagnostics = Diagnostics()
    text = "findings: [{finding: shadowed-rules, severity: note}]"
    read_config(Source("c", text), diagnostics)
    assert diagnostics.found[0].help == "did you mean 'shadowed-rule'?"


def test_nothing_is_a_configuration() -> None:
    """A file with comments only changes nothing."""
    assert read("# later\n").settings == ()

"""What was seen is held against what was expected: every end, against every outcome."""

from __future__ import annotations

from typing import Any

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.language.ast_tests import Trial
from lockgate.language.reading import Language, read_file
from lockgate.source import Source
from lockgate.trials.judging import Judgement, judge

DONE: dict[str, Any] = {"end": "done", "error": 0, "signal": 0, "effect": None}
DENIED = {**DONE, "end": "failed", "error": 1}
ABSENT = {**DONE, "end": "failed", "error": 2}
KILLED = {**DONE, "end": "killed", "signal": 9}
HUNG = {**DONE, "end": "hung"}
NOT_STARTED = {**DONE, "end": "not-started", "error": 13}
ENDS = {"done": DONE, "denied": DENIED, "killed": KILLED}


def event(policy: str = "web", withheld: str = "") -> dict[str, Any]:
    """Return an event of a policy."""
    return {
        "kind": "process_lsm",
        "where": "file_open",
        "action": "KPROBE_ACTION_POST",
        "withheld": withheld,
        "policies": [policy],
        "because": [f"{policy}.yaml:3:5"],
    }


def judged(
    words: str,
    under: dict[str, Any],
    *events: dict[str, Any],
    before: dict[str, Any] = DONE,
) -> Judgement:
    """Judge ``expect WORDS when read "/x"``."""
    source = Source("t.gatetest", f'test "t" {{ expect {words} when read "/x" }}')
    (test,) = read_file(source, Language.TESTS, Diagnostics()).tests
    (statement,) = test.statements
    assert isinstance(statement, Trial)
    seen = {"before": before, "under": {**under, "events": list(events)}, "links": {}}
    return judge(statement, seen)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    ("words", "holds"), [("allow", "done"), ("deny", "denied"), ("kill", "killed")]
)
def test_ends(words: str, holds: str, end: str) -> None:
    """One end holds for an outcome, and no other."""
    expected = "passed" if end == holds else "failed"
    assert judged(words, ENDS[end], event()).status == expected


def test_event_and_nothing() -> None:
    """An event is told of or not, whatever the end; nothing is no event and success."""
    assert judged("event", DENIED, event()).status == "passed"
    assert judged("event", DONE).status == "failed"
    assert judged("nothing", DONE).status == "passed"
    assert judged("nothing", DONE, event()).status == "failed"
    assert judged("nothing", KILLED).status == "failed"


def test_of_a_policy() -> None:
    """Somebody else's event, denial or kill is not the policy's."""
    assert judged("deny of web", DENIED, event("web")).status == "passed"
    assert judged("deny of web", DENIED, event("other")).status == "failed"
    assert judged("event of web", DONE, event("other")).status == "failed"
    assert judged("nothing of web", DONE, event("other")).status == "passed"


def test_what_proves_nothing() -> None:
    """What fails, hangs or cannot start anyway says nothing of policies."""
    assert judged("allow", ABSENT, before=ABSENT).status == "unknown"
    assert judged("deny", ABSENT, before=ABSENT).status == "unknown"
    assert judged("deny", DENIED, event(), before=ABSENT).status == "passed"
    assert judged("kill", HUNG).status == "unknown"
    assert judged("deny", NOT_STARTED).status == "unknown"
    assert judged("kill", KILLED, before=KILLED).status == "unknown"


def test_the_effect_counts() -> None:
    """A denial that took effect is none; a kill that came late is said."""
    assert judged("deny", {**DENIED, "effect": True}).status == "failed"
    assert judged("deny", {**DENIED, "effect": False}).status == "passed"
    late = judged("kill", {**KILLED, "effect": True})
    assert late.status == "passed"
    assert "completed all the same" in late.remark


def test_words() -> None:
    """A message names who told, and what monitor mode withheld."""
    one = judged("deny", DONE, event(withheld="KPROBE_ACTION_OVERRIDE"))
    assert one.message == (
        "it succeeds; told by web at file_open: post, override withheld in monitor mode, "
        "expected deny"
    )
    assert one.places == ("web.yaml:3:5",)

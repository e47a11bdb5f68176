"""What was seen of an operation, held against what a test expects of it."""

from __future__ import annotations

import errno
import signal
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from lockgate.language.ast_tests import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lockgate.language.ast_tests import Trial

    Row = Mapping[str, Any]


class Status(StrEnum):
    """What a statement comes to; the words are those of statements about flows."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a trial comes to on one kernel.

    ``message`` says why it failed or cannot be judged; ``remark`` what is worth knowing though it
    holds.  ``places`` are of the policies' lines that told of it.
    """

    status: Status
    message: str = ""
    remark: str = ""
    places: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())


def judge(statement: Trial, seen: Row) -> Judgement:
    """Judge a statement by what was seen of it, before and under the policies."""
    before, under = seen["before"], seen["under"]
    events = _of_policy(statement, under["events"])
    notes = tuple(
        f"{path} is {real} on this machine, and policies see the latter"
        for path, real in sorted(seen["links"].items())
    )
    places = tuple(dict.fromkeys(place for e in events for place in e["because"]))
    if problem := _cannot_be_judged(statement, before, under):
        return Judgement(Status.UNKNOWN, problem, notes=notes)
    wrong = _wrong(statement, under, events)
    if wrong is None:
        return Judgement(Status.PASSED, "", _remark(under), places)
    every = _of_policy(None, under["events"])
    told = tuple(dict.fromkeys(place for e in every for place in e["because"]))
    expected = statement.outcome.value
    return Judgement(Status.FAILED, f"{wrong}, expected {expected}", "", told, notes)


def _cannot_be_judged(statement: Trial, before: Row, under: Row) -> str | None:
    """Say why nothing is known of what policies do to this operation."""
    for when, row in (("without policies", before), ("under the policies", under)):
        if row["end"] == "not-started":
            return f"its program could not be executed {when}: {_why(row)}"
        if row["end"] == "not-prepared":
            return f"what it needs could not be made {when}: {_why(row)}"
        if row["end"] == "hung":
            return f"it did not end in time {when}"
    if before["end"] == "killed":
        return f"it ends by {_signal(before['signal'])} without policies, too"
    if before["end"] == "failed":
        is_same = under["end"] == "failed" and under["error"] == before["error"]
        needs_success = statement.outcome in (Outcome.ALLOW, Outcome.NOTHING)
        if (is_same and statement.outcome is Outcome.DENY) or needs_success:
            return f"it fails without policies, too: {_error(before['error'])}"
    return None


def _wrong(statement: Trial, under: Row, events: Sequence[Row]) -> str | None:
    """Say what differs from the expectation; None where it holds."""
    end, outcome = under["end"], statement.outcome
    told = f"; {_told(under['events'])}"
    by = f" by {statement.policy.text}" if statement.policy else ""
    if outcome is Outcome.EVENT:
        of = f" of {statement.policy.text}" if statement.policy else ""
        return None if events else f"nothing{of} tells of it{_aside(under)}"
    if outcome is Outcome.NOTHING and end == "done":
        return f"it succeeds{told}" if events else None
    if outcome is Outcome.DENY and end == "failed" and under["effect"]:
        return "it is denied, and took effect all the same"
    wanted = {
        Outcome.ALLOW: "done",
        Outcome.NOTHING: "done",
        Outcome.DENY: "failed",
        Outcome.KILL: "killed",
    }[outcome]
    if end != wanted:
        return f"it {_ended(under)}{told}"
    if statement.policy and outcome is not Outcome.ALLOW and not events:
        return f"it {_ended(under)}, but not{by}{told}"
    return None


def _remark(under: Row) -> str:
    if under["end"] == "killed" and under["effect"]:
        return "the program was killed, and the operation completed all the same"
    return ""


def _of_policy(statement: Trial | None, events: Sequence[Row]) -> list[Row]:
    if statement is None or statement.policy is None:
        return list(events)
    name = statement.policy.text.rpartition("/")[2]
    return [event for event in events if name in event["policies"]]


def _aside(under: Row) -> str:
    return "" if under["end"] == "done" else f" (it {_ended(under)})"


def _ended(under: Row) -> str:
    if under["end"] == "killed":
        return f"is ended by {_signal(under['signal'])}"
    if under["end"] == "failed":
        return f"fails: {_error(under['error'])}"
    return "succeeds"


def _told(events: Sequence[Row]) -> str:
    """Say which policies told of it, and what they did or would have done."""
    if not events:
        return "no policy tells of it"
    found = {}
    for event in events:
        for policy in event["policies"]:
            withheld = event["withheld"]
            action = event["action"].removeprefix("KPROBE_ACTION_").lower()
            would = withheld.removeprefix("KPROBE_ACTION_").lower()
            text = f"{policy} at {event['where']}: {action}"
            found[
                text + (f", {would} withheld in monitor mode" if withheld else "")
            ] = 1
    return "told by " + ", ".join(found)


def _why(row: Row) -> str:
    return _signal(row["signal"]) if row["signal"] else _error(row["error"])


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _error(number: int) -> str:
    return errno.errorcode.get(number, f"error {number}")

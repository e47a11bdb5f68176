"""What the rows of the tracing tests cover: every word of the policies' language, kernel by kernel.

A row covers what its policy says, as the front end reads it; whether it fires is the business
of the tests that run it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.frontend.tracing.operators import OPERATORS
from lockgate.ir.tracing import Attachment
from lockgate.ir.tracing_actions import Action, ActionKind
from lockgate.ir.tracing_arguments import ArgumentType
from lockgate.ir.tracing_selectors import FILTERS
from lockgate.options import Options
from tests.tracing import program_cases
from tests.tracing.cases import GROUPS
from tests.tracing.cases.refused import REFUSED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.tracing import Hook, TracingPolicy
    from tests.tracing.cases.case import Case

KERNELS = ("6.1", "6.12")
Word = tuple[str, str]
"""A kind of word and the word: ``("type", "file")``."""

_ALIASES = frozenset({"GT", "LT"})
_OF_POST = {
    "has_kernel_stack": "Post(kernelStackTrace)",
    "has_user_stack": "Post(userStackTrace)",
    "has_hash": "Post(imaHash)",
    "rate_limit": "Post(rateLimit)",
}
_SIGKILL = "Sigkill"
_FILTERS = ("workloads", *FILTERS)
_SPELT = {
    comparison: word for word, comparison in OPERATORS.items() if word not in _ALIASES
}


def words() -> list[Word]:
    """Return every word that must have a row, in the order of the table."""
    found = [("hook", kind.value) for kind in Attachment]
    found += [("type", kind.value) for kind in ArgumentType]
    found += [("operator", word) for word in OPERATORS if word not in _ALIASES]
    found += [("filter", name) for name in _FILTERS]
    found += [("action", kind.value) for kind in ActionKind]
    return found + [("action", word) for word in (_SIGKILL, *_OF_POST.values())]


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the tests: what its policy says, and what the test sees on a kernel."""

    name: str
    words: frozenset[Word]
    kernels: tuple[str, ...]
    answer: str

    @property
    def turn(self) -> tuple[int, int]:
        """What fires comes before what loads; what says little is more about each word."""
        return ("fires", "loads", "refused").index(self.answer.split("(")[0]), len(
            self.words
        )


@cache
def table() -> dict[Word, dict[str, str]]:
    """Return for each word and kernel what is known of it; empty where no row has it."""
    rows = sorted(_rows(), key=lambda row: row.turn)
    return {
        word: {
            kernel: next(
                (r.answer for r in rows if word in r.words and kernel in r.kernels), ""
            )
            for kernel in KERNELS
        }
        for word in words()
    }


def _rows() -> Iterator[_Row]:
    cases = [case for group in GROUPS.values() for case in group]
    for group in program_cases.GROUPS.values():
        cases += program_cases.filled(group, Path("/program"))
    for case in cases:
        answer = f"fires({case.name})" if case.fires else f"loads({case.name})"
        yield _Row(case.name, _words_of(case), case.kernels, answer)
    for refusal in REFUSED:
        found = frozenset(refusal.words)
        yield _Row(refusal.name, found, refusal.kernels, f"refused({refusal.code})")


def _words_of(case: Case) -> frozenset[Word]:
    diagnostics = Diagnostics()
    documents = documents_from_text({f"{case.name}.yaml": case.policy})
    parsed = parse_documents(documents, Options(), diagnostics)
    assert diagnostics.ok, [case.name, *(d.message for d in diagnostics.found)]
    return frozenset(
        word for policy in parsed.tracing_policies for word in _words_of_policy(policy)
    )


def _words_of_policy(policy: TracingPolicy) -> Iterator[Word]:
    if not policy.workloads.is_everything:
        yield "filter", "workloads"
    for hook in policy.hooks:
        yield from _words_of_hook(hook)


def _words_of_hook(hook: Hook) -> Iterator[Word]:
    yield "hook", hook.attachment.value
    if hook.return_action is not None:
        yield "action", hook.return_action.value
    returned = (hook.returned,) if hook.returned else ()
    for argument in (*hook.arguments, *hook.data, *returned):
        yield "type", argument.type.value
    for selector in hook.selectors:
        for match in (*selector.arguments, *selector.data, *selector.returns):
            yield "operator", _SPELT[match.comparison, match.is_negated]
        for name in FILTERS:
            if getattr(selector, name):
                yield "filter", name
        if not selector.workloads.is_everything:
            yield "filter", "workloads"
        for action in (*selector.actions, *selector.return_actions):
            yield from _words_of_action(action)


def _words_of_action(action: Action) -> Iterator[Word]:
    if action.kind is ActionKind.SIGNAL and action.signal == 9:
        yield "action", _SIGKILL
    else:
        yield "action", action.kind.value
    for name, word in _OF_POST.items():
        if getattr(action, name):
            yield "action", word

"""Tracing policies of the IR as text of the language: what ``convert`` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.tracing import Mode
from lockgate.ir.tracing_selectors import HookSelector
from lockgate.language.texts import write_name
from lockgate.language.trace_phrases import Phrases
from lockgate.language.trace_value_words import say_subjects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.tracing import TracingPolicy
    from lockgate.source import Span


class TracePrinter:
    """Prints policies; ``unsayable`` are the phrases that the language has not, with places."""

    def __init__(self) -> None:
        self.unsayable: list[tuple[Span, str]] = []

    def lines(self, policy: TracingPolicy) -> Iterator[str]:
        """Yield the lines of a policy."""
        self._note_rest(policy)
        subjects = say_subjects(policy.workloads, self.unsayable, policy.span)
        words = ["trace", write_name(policy.name)]
        if policy.namespace:
            words += ["in", write_name(policy.namespace)]
        yield " ".join([*words, "for", ", ".join(subjects), "{"])
        if policy.mode is Mode.MONITOR:
            yield "  monitor"
        for hook in policy.hooks:
            phrases = Phrases(hook, self.unsayable)
            extra = phrases.sayings()
            yield f"  {phrases.head()}"
            for selector in hook.selectors or (HookSelector(hook.span),):
                conditions = " and ".join(phrases.conditions(selector))
                where = f"where {conditions} " if conditions else ""
                acts = ", ".join([phrases.actions(selector), *extra])
                extra = []
                yield f"    {where}=> {acts}"
        yield "}"

    def _note_rest(self, policy: TracingPolicy) -> None:
        """Note what no phrase of a block says."""
        for some, what in ((policy.lists, "a list"), (policy.enforcers, "enforcers")):
            self.unsayable += [(one.span, what) for one in some]
        for value, what in (
            (policy.nodes, "nodeSelector"),
            (None if policy.takes_unknown else "", "lockgate.dev/unknown-workloads"),
            (policy.override_method, "the option override-method"),
            (policy.sleepable_preload_size, "the option sleepable-preload-size"),
            (policy.is_multi_disabled or None, "the option disable-kprobe-multi"),
        ):
            if value is not None:
                self.unsayable.append((policy.span, what))

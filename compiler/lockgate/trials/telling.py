"""Tell what a trial comes to on a kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lockgate.diagnostics import Diagnostic, Severity
from lockgate.expectations.told import Told
from lockgate.trials.judging import Status, judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.tracing import TracingPolicy
    from lockgate.source import Span
    from lockgate.trials.judging import Judgement
    from lockgate.trials.planning import PlannedTrial

_CURES = {
    Status.FAILED: "mend the policy, or the test if it asks for something else",
    Status.UNKNOWN: "ask for an operation that can be done where no policy is in force",
}
_CODES = {Status.FAILED: "E6207", Status.UNKNOWN: "E6208"}


def tell_trials(
    trials: Iterable[PlannedTrial],
    result: Mapping[str, Any],
    policies: Iterable[TracingPolicy],
) -> Iterator[Told]:
    """Yield what each trial comes to on the kernel that ``result`` is of."""
    spans = dict(_selectors(policies))
    for trial, seen in zip(trials, result["trials"], strict=True):
        judgement = judge(trial.statement, seen)
        yield Told(
            trial.test.name.value,
            trial.statement.span,
            judgement.status.value,
            _diagnostic(trial.statement.span, judgement, result["kernel"], spans),
            {
                "kernel": result["kernel"],
                "because": list(judgement.places),
                "remark": judgement.remark,
                "before": seen["before"],
                "under": seen["under"],
            },
        )


def remarks_of(results: Iterable[Told], diagnostics: Diagnostics) -> None:
    """Warn of what holds and is not what people may think it is (W6209)."""
    for told in results:
        if told.fields["remark"]:
            message = f"on Linux {told.fields['kernel']}: {told.fields['remark']}"
            cure = "only a denial stops the operation"
            diagnostics.warning("W6209", message, told.span, help=cure)


def _selectors(policies: Iterable[TracingPolicy]) -> Iterator[tuple[str, Span]]:
    """Yield each selector's place as events name it, and its span."""
    for policy in policies:
        for hook in policy.hooks:
            yield hook.span.place, hook.span
            for selector in hook.selectors:
                yield selector.span.place, selector.span


def _diagnostic(
    span: Span, judgement: Judgement, kernel: str, spans: Mapping[str, Span]
) -> Diagnostic | None:
    if judgement.status is Status.PASSED:
        return None
    related = tuple(
        (spans[place], "this told of it")
        for place in judgement.places
        if place in spans
    )
    message = f"on Linux {kernel}: {judgement.message}"
    cure = "; ".join((*judgement.notes, _CURES[judgement.status]))
    code = _CODES[judgement.status]
    return Diagnostic(code, Severity.ERROR, message, span, cure, related)

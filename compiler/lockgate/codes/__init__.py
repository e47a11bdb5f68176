"""Every diagnostic code, with what ``lockgate explain`` teaches about it.

E1xxx reading, E2xxx resolving, E3xxx lowering, E4xxx clang, E5xxx loading; W and N (notes)
likewise.  One module per part of the compiler; a code is never reused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.codes import (
    bundling,
    compiling,
    expectations,
    flows,
    language,
    linting,
    linting_tracing,
    loading,
    node,
    policies,
    policy_warnings,
    proving,
    reading,
    recordings,
    resolving,
    reviewing,
    tracing,
    tracing_events,
    tracing_loading,
    tracing_sites,
    tracing_supplements,
    tracing_user,
    tracing_workloads,
    unenforced,
    verifying,
)
from lockgate.codes.explanation import Explanation
from lockgate.diagnostics import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CODES", "Explanation", "explain_code"]

_PARTS = (
    reading.EXPLANATIONS,
    policies.EXPLANATIONS,
    policy_warnings.EXPLANATIONS,
    proving.EXPLANATIONS,
    unenforced.EXPLANATIONS,
    tracing.EXPLANATIONS,
    tracing_sites.EXPLANATIONS,
    tracing_supplements.EXPLANATIONS,
    tracing_user.EXPLANATIONS,
    tracing_workloads.EXPLANATIONS,
    bundling.EXPLANATIONS,
    compiling.EXPLANATIONS,
    flows.EXPLANATIONS,
    language.EXPLANATIONS,
    resolving.EXPLANATIONS,
    reviewing.EXPLANATIONS,
    loading.EXPLANATIONS,
    node.EXPLANATIONS,
    tracing_events.EXPLANATIONS,
    tracing_loading.EXPLANATIONS,
    linting.EXPLANATIONS,
    linting_tracing.EXPLANATIONS,
    recordings.EXPLANATIONS,
    expectations.EXPLANATIONS,
    verifying.EXPLANATIONS,
)

CODES: Mapping[str, Explanation] = {
    explanation.code: explanation for part in _PARTS for explanation in part
}


def explain_code(code: str) -> str:
    """Return the page about one code; KeyError, with a suggestion, if there is none."""
    explanation = CODES.get(code.upper())
    if explanation is None:
        raise KeyError(did_you_mean(code.upper(), CODES) or "no such code")
    parts = [
        f"{explanation.code} ({explanation.name}): {explanation.title}",
        explanation.cause.strip(),
    ]
    if explanation.example:
        example = explanation.example.strip("\n").replace("\n", "\n    ")
        parts.append(f"Example:\n\n    {example}")
    parts.append(f"Cure: {explanation.cure.strip()}")
    return "\n\n".join(parts) + "\n"

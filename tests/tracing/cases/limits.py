"""Events that repeat others: whose repetitions are held back, and whose are not.

Each workload makes a call twice, twice more in another thread, and twice more in a child.
"""

from __future__ import annotations

from tests.tracing.cases.case import Case


def _limited(scope: str, number: int, many: int) -> Case:
    hook = "call: sys_getpriority\n    syscall: true\n    args: [{index: 1, type: int}]"
    written = f", rateLimitScope: {scope}" if scope else ""
    return Case(
        f"limit-{scope or 'default'}",
        hook,
        f"matchArgs: [{{index: 1, operator: Equal, values: ['{number}']}}]\n"
        f"      matchActions: [{{action: Post, rateLimit: 5m{written}}}]",
        f"repeat({number})",
        f"repeat({number + 1})",
        many=many,
    )


LIMITS = (
    _limited("thread", -121, 3),
    _limited("process", -123, 2),
    _limited("global", -125, 1),
    _limited("", -127, 3),
)

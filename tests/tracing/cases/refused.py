"""What is refused, and with which code: words of the language that no row fires.

Who makes one of them work deletes its row here, and writes one that fires.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.tracing.cases.case import Case


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row: the words that it is about, a policy that says them, the code that it meets."""

    name: str
    words: tuple[tuple[str, str], ...]
    policy: str
    code: str
    kernels: tuple[str, ...] = ("6.1", "6.12")


def _uprobe(word: str, override: str) -> Refusal:
    hook = "path: /bin/sh\n    addrs: [4096]"
    selector = f"matchActions: [{{action: Override, {override}}}]"
    policy = Case("override", hook, selector, "", "", list="uprobes").policy
    return Refusal(
        f"action-{override.split(':')[0].lower()}", (("action", word),), policy, "E3125"
    )


REFUSED = (
    _uprobe("Override(argRegs)", "argRegs: [rax=0]"),
    _uprobe("Override(argNewSymbol)", "argNewSymbol: exit"),
)
"""Words that are refused."""

"""What is refused, and with which code: words of the language that no row fires.

Who makes one of them work deletes its row here, and writes one that fires.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.tracing.cases.case import Case

NOT_DONE = "E3131"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row: the words that it is about, a policy that says them, the code that it meets."""

    name: str
    words: tuple[tuple[str, str], ...]
    policy: str
    code: str = NOT_DONE
    kernels: tuple[str, ...] = ("6.1", "6.12")


def _kprobe(
    kind: str,
    word: str,
    call: str,
    *,
    arguments: str = "",
    selector: str = "",
    rest: str = "",
    code: str = NOT_DONE,
) -> Refusal:
    hook = f"call: {call}\n    syscall: false\n    args: [{arguments}]{rest}"
    name = f"{kind}-{word}".lower().translate({40: "-", 41: None, 95: "-"})
    policy = Case(name, hook, selector, "", "").policy
    return Refusal(name, ((kind, word),), policy, code)


def _uprobe(word: str, override: str) -> Refusal:
    hook = "path: /bin/sh\n    addrs: [4096]"
    selector = f"matchActions: [{{action: Override, {override}}}]"
    policy = Case("override", hook, selector, "", "", list="uprobes").policy
    return Refusal(
        f"action-{override.split(':')[0].lower()}", (("action", word),), policy, "E3125"
    )


def _type(word: str, call: str, index: int) -> Refusal:
    return _kprobe("type", word, call, arguments=f"{{index: {index}, type: {word}}}")


def _action(word: str, action: str, *, code: str = NOT_DONE) -> Refusal:
    return _kprobe(
        "action",
        word,
        "security_file_open",
        arguments="{index: 0, type: file}",
        selector=f"matchActions: [{{{action}}}]",
        code=code,
    )


def _filter(name: str, filter_: str) -> Refusal:
    return _kprobe("filter", name, "security_file_open", selector=filter_)


REFUSED = (
    _type("cred", "security_capable", 0),
    _type("user_namespace", "security_capable", 1),
    _type("kernel_cap_t", "security_capset", 2),
    _type("cap_effective", "security_capset", 2),
    _type("cap_inheritable", "security_capset", 3),
    _type("cap_permitted", "security_capset", 4),
    _kprobe(
        "operator",
        "CapabilitiesGained",
        "security_capset",
        arguments="{index: 2, type: cap_effective}, {index: 4, type: cap_permitted}",
        selector="matchArgs: [{args: [0, 1], operator: CapabilitiesGained}]",
    ),
    _filter(
        "namespace_changes", "matchNamespaceChanges: [{operator: In, values: [Uts]}]"
    ),
    _filter(
        "capability_changes",
        "matchCapabilityChanges: [{type: Effective, operator: In, values: [CAP_BPF]}]",
    ),
    _uprobe("Override(argRegs)", "argRegs: [rax=0]"),
    _uprobe("Override(argNewSymbol)", "argNewSymbol: exit"),
)
"""Words that are refused."""

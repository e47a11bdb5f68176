"""What an event has besides values: stacks, the hash of a file, requests; as C calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate.codegen.tracing.masks import mask_of, spell
from lockgate.ir.tracing_actions import REQUESTS, ActionKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lockgate.ir.site import Site, SiteSelector
    from lockgate.ir.tracing_actions import Action

_FILE = "(const struct file *)ARGUMENT_OF_TRAMPOLINE(context, 0)"
_FILE_OF_PROGRAM = (
    "((const struct linux_binprm *)ARGUMENT_OF_TRAMPOLINE(context, 0))->file"
)


@dataclass(frozen=True, slots=True)
class Supplement:
    """A call that adds to an event of some selectors, perhaps only where all is known."""

    mask: str
    call: str
    title: str
    needs_certainty: bool = False


def supplements_of(site: Site) -> list[Supplement]:
    """Return what the events of a site have besides values."""
    return list(_supplements(site))


def hashed(site: Site) -> Supplement | None:
    """Return the call that reads a file to hash it, None where nobody asks for that.

    What a hook of security modules is about is its first argument: a file, or a program that is
    executed.
    """
    selectors = _asking(site, lambda action: action.has_hash)
    if not selectors:
        return None
    is_program = site.functions[0].startswith("bprm_")
    file = _FILE_OF_PROGRAM if is_program else _FILE
    return Supplement(
        _spell(site, selectors), f"read_hash({file}, &hash)", "What the file contains"
    )


def _supplements(site: Site) -> Iterator[Supplement]:
    if selectors := _asking(site, lambda action: action.has_kernel_stack):
        call = "add_stack(context, event, TRACING_TYPE_KERNEL_STACK, 0)"
        yield Supplement(_spell(site, selectors), call, "Who called in the kernel")
    if selectors := _asking(site, lambda action: action.has_user_stack):
        call = "add_stack(context, event, TRACING_TYPE_USER_STACK, BPF_F_USER_STACK)"
        yield Supplement(_spell(site, selectors), call, "Who called in the program")
    if selectors := _asking(site, lambda action: action.has_hash):
        yield Supplement(
            _spell(site, selectors), "add_hash(event, &hash)", "What the file contains"
        )
    for selector in site.selectors:
        kinds = {action.kind for action in selector.actions} & REQUESTS
        if kinds:
            word = "DNS_LOOKUP" if ActionKind.DNS_LOOKUP in kinds else "GET_URL"
            number = site.number << 16 | selector.number
            call = f"request(event, TRACING_ACTION_{word}, {number})"
            title = f"{selector.selector.span.place}: a request to whoever reads this"
            yield Supplement(
                _spell(site, [selector]), call, title, needs_certainty=True
            )


def _asking(site: Site, asks: Callable[[Action], bool]) -> list[SiteSelector]:
    return [
        selector
        for selector in site.selectors
        if any(
            action.kind is ActionKind.POST and asks(action)
            for action in selector.actions
        )
    ]


def _spell(site: Site, selectors: list[SiteSelector]) -> str:
    return spell(mask_of(s.number for s in selectors), site.words)

"""Render the program of a site: its shape and what it does, in C."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lockgate.codegen.render import render
from lockgate.codegen.tracing.calls import (
    ENTRIES,
    RETURNS,
    denial_function,
    keep_functions,
)
from lockgate.codegen.tracing.events import hook_table, shown_values
from lockgate.codegen.tracing.masks import everyone, mask_of, spell
from lockgate.codegen.tracing.operands import PROGRAMS, set_call, set_functions
from lockgate.codegen.tracing.owners import (
    owned_socket,
    owner_expression,
    returned_call,
    track_call,
    tracks_sockets,
)
from lockgate.codegen.tracing.readers import declare_structures, render_readers
from lockgate.codegen.tracing.shape import (
    CHANGES,
    SOCKETS,
    TEXTS,
    ShapedDimension,
    shape_dimension,
    text_rooms,
)
from lockgate.codegen.tracing.signals import SIGKILL, severity
from lockgate.codegen.tracing.strings import read_call, read_socket_call
from lockgate.codegen.tracing.supplements import hashed, supplements_of
from lockgate.ir.placement import DENYING, Stand
from lockgate.ir.room import names_fit, sets_on_stack
from lockgate.ir.site import Facet, Origin
from lockgate.ir.tracing import OF_32_BITS
from lockgate.ir.tracing_actions import NOTIFYING, TRACKING, ActionKind, RateLimitScope
from lockgate.ir.tracing_arguments import ArgumentType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lockgate.ir.site import Dimension, Generation, Site, SiteHook, SiteSelector
    from lockgate.ir.tracing_actions import Action
    from lockgate.targets.target import Target

SECTIONS = {
    Stand.KPROBE: "kprobe/{0}",
    Stand.KRETPROBE: "kretprobe/{0}",
    Stand.FENTRY: "fentry/{0}",
    Stand.FEXIT: "fexit/{0}",
    Stand.FMOD_RET: "fmod_ret/{0}",
    Stand.LSM: "lsm/{0}",
    Stand.TRACEPOINT: "tp/{0}",
    Stand.RAW_TRACEPOINT: "raw_tp/{1}",
    Stand.UPROBE: "uprobe",
    Stand.URETPROBE: "uretprobe",
    Stand.USDT: "uprobe",
}
"""Section names by stand: with the function, or what stands behind its last slash."""

HEADERS = {
    **dict.fromkeys(
        (
            ArgumentType.BPF_ATTR,
            ArgumentType.BPF_MAP,
            ArgumentType.BPF_PROG,
            ArgumentType.FILENAME,
            ArgumentType.LOAD_INFO,
            ArgumentType.MODULE,
            ArgumentType.NET_DEVICE,
            ArgumentType.PERF_EVENT,
        ),
        "objects.h",
    ),
    **dict.fromkeys((ArgumentType.CRED, ArgumentType.USER_NAMESPACE), "credentials.h"),
    **dict.fromkeys((ArgumentType.CHAR_IOVEC, ArgumentType.IOV_ITER), "vectors.h"),
}
"""Headers that types need beside those of every site."""

_CLASSES = frozenset({"binary", "followed"})
_PROCESS = CHANGES | {Facet.BINARY, Facet.PARENT_BINARY, Facet.FOLLOWED}
_WHOSE = {
    RateLimitScope.THREAD: "(u32)bpf_get_current_pid_tgid()",
    RateLimitScope.PROCESS: "bpf_get_current_pid_tgid() >> 32",
    RateLimitScope.GLOBAL: "0",
}
_FEW_WORDS, _FEW_SETS = 8, 2
"""Sets of selectors that a program can keep in registers, how many words of how many sets: what is
more is spilled to the stack, and takes more room there than the sets themselves."""
_SILENT = frozenset({ActionKind.NO_POST})


@dataclass(frozen=True, slots=True)
class Deed:
    """An action but Post: who does it, and the C call."""

    mask: str
    call: str
    source: str
    is_denial: bool


@dataclass(frozen=True, slots=True)
class Limit:
    """A selector whose events are held back while they repeat: whose they are, for how long."""

    mask: str
    rule: int
    whose: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Denial:
    """What is done at the entry of a function whose return the site sees.

    ``frame`` is C's expression for what entry and return of one call have in common.
    """

    section: str
    frame: str
    mask: str
    several: list[Several]
    deeds: list[Deed]


@dataclass(frozen=True, slots=True)
class Several:
    """A hook with several selectors, of which the first that matches acts."""

    title: str
    mask: str


def render_site(
    site: Site, generation: Generation, target: Target, tables: Mapping[str, int]
) -> str:
    """Return the C text of a site's object.

    ``tables``: numbers of the tables by class, by the names of their maps.
    """
    words = site.words
    prefixes = ((target.syscall_prefix or "-") + "sys_", OF_32_BITS)
    is_syscall = site.functions[0].startswith(prefixes)
    readers = render_readers(site, is_syscall=is_syscall)
    rooms = text_rooms(site)
    owned = owned_socket(site) if tracks_sockets(generation) else ""
    shaped = []
    for number, dimension in enumerate(site.dimensions):
        found = shape_dimension(number, dimension, site, generation)
        if owned:
            found = replace(found, expression=owner_expression(dimension, found))
        if dimension.value is not None:
            reader = readers[dimension.value]
            read = ""
            if dimension.facet in TEXTS:
                room = rooms[dimension.value]
                read = read_call(site, dimension.value, reader, "text") or ""
                found = replace(found, text=room)
            if dimension.facet in SOCKETS:
                read = read_socket_call(site, dimension.value)
            is_typed = str(reader.is_typed).lower()
            found = replace(
                found,
                is_typed=is_typed,
                read=read,
                dentry=reader.dentry,
                mount=reader.mount,
            )
            if dimension.facet is Facet.FILE_TYPE:
                found = replace(found, expression=f"file_type({reader.dentry})")
        shaped.append(found)
    before, declared, after = _ordered(site, shaped)
    returned = [d for d in before if site.denial and _is_returned(d, site)]
    before = [d for d in before if d not in returned]
    posting = mask_of(s.number for s in site.selectors if _posts(s))
    events = shown_values(site, readers, rooms) if posting else []
    return render(
        "tracing/site.c.j2",
        site=site,
        machine=target.machine,
        headers=_headers(site),
        functions=_names(site),
        section=_section(site.stand, site),
        result="deeds.error" if site.stand in DENYING else "0",
        selectors=site.selectors,
        structures=declare_structures(site.values),
        readers=readers,
        dimensions=declared,
        tables=tables,
        before=before,
        after=after,
        returned=returned,
        owned=owned,
        notifies=any(
            action.kind in NOTIFYING
            for selector in site.selectors
            for action in (*selector.actions, *selector.selector.actions)
        ),
        denial=_denial(site),
        sockets=sorted({d.value for d in before if d.kind == "socket"}),
        has_workload=any(d.facet is Facet.WORKLOAD for d in site.dimensions),
        needs_process=any(d.facet in _PROCESS for d in site.dimensions),
        needs_classes=any(d.kind in _CLASSES for d in shaped),
        needs_rows=any(d.kind == "binary" for d in shaped),
        needs_numbers=any(d.kind == "numbered" for d in shaped),
        everyone=spell(everyone(len(site.selectors)), words),
        several=_several(site.hooks, words),
        deeds=_deeds(site, {s.number: s.actions for s in site.selectors}, site.stand),
        limited=_limits(site),
        silent=spell(everyone(len(site.selectors)) & ~posting, words),
        posts=spell(posting, words) if posting else "",
        events=events,
        hashed=hashed(site),
        supplements=supplements_of(site),
        shown=sorted(
            (h for g in events for h in g.hooks), key=lambda hook: hook.number
        ),
        few_words=_FEW_WORDS if sets_on_stack(site) <= _FEW_SETS else _FEW_WORDS // 2,
        hook_table=hook_table(site, events),
        long_values=max((group.long_values for group in events), default=0),
        shows_texts=any("texts" in line for g in events for line in g.lines),
        has_function=len(site.functions) > 1,
        is_return=site.stand in RETURNS,
        is_program=site.stand in PROGRAMS,
        kept=keep_functions(site, is_syscall=is_syscall),
        call_section=_section(ENTRIES.get(site.stand, site.stand), site),
        setters=set_functions(site),
    )


def _ordered(
    site: Site, shaped: list[ShapedDimension]
) -> tuple[list[ShapedDimension], list[ShapedDimension], list[ShapedDimension]]:
    """Return what is asked before a room is taken, all that is declared, and the rest."""
    before: list[ShapedDimension] = []
    declared: list[ShapedDimension] = []
    after: list[ShapedDimension] = []
    for dimension, found in zip(site.dimensions, shaped, strict=True):
        if dimension.facet is Facet.PATH:
            if (found.has_names or found.has_tails) and names_fit(site):
                found = replace(found, is_judged_by_names=True)
                names = replace(found, kind="names")
                before.append(names)
                declared.append(names)
            declared.append(found)
            after.append(found)
            continue
        if dimension.facet in SOCKETS and not any(
            d.kind == "socket" and d.value == found.value for d in before
        ):
            before.append(replace(found, kind="socket"))
        if dimension.facet in _PROCESS and not any(d.kind == "process" for d in before):
            before.append(replace(found, kind="process"))
        declared.append(found)
        (after if _is_text(dimension) else before).append(found)
    return before, declared, after


def _headers(site: Site) -> list[str]:
    """Return the headers that only some types need."""
    found = {HEADERS[value.type] for value in site.values if value.type in HEADERS}
    return sorted(found)


def _is_text(dimension: Dimension) -> bool:
    return dimension.facet in TEXTS


def _names(site: Site) -> str:
    """Return the functions for a comment, the first few of many."""
    names = ", ".join(site.functions[:4])
    return names if len(site.functions) <= 4 else f"{names}, ..."


def _section(stand: Stand, site: Site) -> str:
    function = site.functions[0]
    section = SECTIONS[stand].format(function, function.rpartition("/")[2])
    # A program that has files hashed may have to wait for them.
    return section.replace("lsm/", "lsm.s/") if hashed(site) else section


def _posts(selector: SiteSelector) -> bool:
    kinds = {action.kind for action in selector.actions}
    return not kinds & _SILENT


def _several(hooks: Iterable[SiteHook], words: int) -> list[Several]:
    return [
        Several(hook.hook.path, spell(mask_of(hook.selectors), words))
        for hook in hooks
        if len(hook.selectors) > 1
    ]


def _denial(site: Site) -> Denial | None:
    """Return what is done at the entry, where hooks deny what the site sees the return of."""
    if site.denial is None:
        return None
    numbers = [number for hook in site.denying for number in hook.selectors]
    actions = {number: site.selectors[number].selector.actions for number in numbers}
    # A hook of the security modules has a trampoline of its own, and so another frame.
    frame = "0" if site.denial is Stand.LSM else "(u64)context"
    return Denial(
        SECTIONS[site.denial].format(denial_function(site, site.functions[0])),
        frame,
        spell(mask_of(numbers), site.words),
        _several(site.denying, site.words),
        _deeds(site, actions, site.denial),
    )


def _is_returned(dimension: ShapedDimension, site: Site) -> bool:
    if dimension.kind == "process" or dimension.about is None:
        return False
    return site.values[dimension.about].origin is Origin.RETURN


def _deeds(
    site: Site, actions: Mapping[int, Sequence[Action]], stand: Stand
) -> list[Deed]:
    """Return what selectors do besides telling, each with who does it."""
    hooks = {number: hook for hook in site.hooks for number in hook.selectors}
    found: dict[str, list[int]] = {}
    sources: dict[str, str] = {}
    for number, some in actions.items():
        for action in some:
            call = _call(site, hooks[number], action, stand)
            if call:
                found.setdefault(call, []).append(number)
                sources.setdefault(call, action.span.place)
    for hook in site.hooks if stand is site.stand else ():
        if call := returned_call(site, hook):
            found.setdefault(call, []).extend(hook.selectors)
            sources.setdefault(call, hook.hook.span.place)
    return [
        Deed(
            spell(mask_of(numbers), site.words),
            call,
            sources[call],
            call.startswith("deny"),
        )
        for call, numbers in found.items()
    ]


def _limits(site: Site) -> list[Limit]:
    """Return the selectors whose events are limited."""
    return [
        Limit(
            spell(1 << selector.number, site.words),
            site.number << 16 | selector.number,
            _WHOSE[action.rate_limit_scope],
            action.rate_limit,
        )
        for selector in site.selectors
        for action in selector.actions
        if action.kind is ActionKind.POST and action.rate_limit
    ]


def _call(site: Site, hook: SiteHook, action: Action, stand: Stand) -> str:
    policy = hook.policy_number
    if action.kind in TRACKING:
        return track_call(site, hook, action)
    if action.kind is ActionKind.SET:
        return set_call(hook, action)
    if action.kind is ActionKind.CLEANUP_ENFORCER:
        return f"forget_notification(&deeds, {policy})"
    if action.kind in (ActionKind.SIGNAL, ActionKind.NOTIFY_ENFORCER):
        sent = f"(&deeds, {policy}, {action.signal}, {severity(action.signal)})"
        if action.kind is ActionKind.NOTIFY_ENFORCER:
            return f"notify{sent}"
        stops = action.signal == SIGKILL and stand in DENYING
        return ("stop" if stops and hook.placement.can_deny else "send") + sent
    if action.kind is ActionKind.OVERRIDE:
        return f"deny(&deeds, {policy}, {action.error})"
    return ""

"""Sockets that are tracked: whose deed a hit is, and what ends their tracking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lockgate.codegen.render import render
from lockgate.ir.placement import Stand
from lockgate.ir.site import Facet, Origin
from lockgate.ir.tracing_actions import TRACKING, ActionKind
from lockgate.ir.tracing_arguments import ArgumentType
from lockgate.targets.denials import SOCKET_ENDS

if TYPE_CHECKING:
    from lockgate.codegen.tracing.shape import ShapedDimension
    from lockgate.ir.site import Dimension, Generation, Site, SiteHook
    from lockgate.ir.tracing_actions import Action
    from lockgate.targets.target import Target

_PROGRAM = "forget_socket"
_OWNED = (ArgumentType.SOCK, ArgumentType.SOCKET)


def tracks_sockets(generation: Generation) -> bool:
    """Whether some policy of a generation tracks sockets, so that they have owners."""
    return any(
        hook.hook.return_action is not None
        or any(
            action.kind in TRACKING
            for selector in hook.hook.selectors
            for action in (*selector.actions, *selector.return_actions)
        )
        for hook in generation.hooks
    )


def owned_socket(site: Site) -> str:
    """Return C's expression for the socket whose owner a hit is judged by; 0 is none."""
    for number, value in enumerate(site.values):
        if value.origin is Origin.ARGUMENT and value.type in _OWNED:
            return _sock(site, number)
    return "0"


def owner_expression(dimension: Dimension, found: ShapedDimension) -> str:
    """Return what a dimension judges, asked of the owner where that is another process."""
    asked = found.expression
    if dimension.facet is Facet.PID:
        return "owner.tgid"
    if dimension.facet is Facet.NAMESPACE:
        return f"owner.is_other ? owner_namespace(&owner, NAMESPACE_{found.member}) : {asked}"
    if dimension.facet is Facet.CAPABILITY:
        held = dimension.detail.lower()
        return f"owner.is_other ? OWNER_CAPABILITIES(owner, {held}) : {asked}"
    if dimension.facet is Facet.CAPABILITY_CHANGE:
        held = dimension.detail.lower()
        now = f"OWNER_CAPABILITIES(owner, {held}) ^ process->first_{held}"
        return f"owner.is_other ? {now} : ({asked})"
    if dimension.facet is Facet.NAMESPACE_CHANGE:
        # Of another process its record says where it began, and no more.
        return f"owner.is_other ? 0 : {asked}"
    if dimension.facet is Facet.NAMESPACE_PID:
        number = "owner.process ? owner.process->number : 0"
        return f"owner.is_other ? {number} : {asked}"
    return asked


def track_call(site: Site, hook: SiteHook, action: Action) -> str:
    """Return the call that does a TrackSock or UntrackSock."""
    place = hook.arguments[action.argument or 0]
    return _call(action.kind, _sock(site, place))


def returned_call(site: Site, hook: SiteHook) -> str:
    """Return the call that tracks what is returned; empty where the hook does not ask."""
    kind = hook.hook.return_action
    if kind is None or hook.returned is None:
        return ""
    return _call(kind, _sock(site, hook.returned))


def _call(kind: ActionKind, sock: str) -> str:
    if kind is ActionKind.TRACK_SOCK:
        return f"track_socket(&deeds, {sock}, &owner)"
    return f"untrack_socket(&deeds, {sock})"


def _sock(site: Site, number: int) -> str:
    value = f"value_{number}(context)"
    is_socket = site.values[number].type is ArgumentType.SOCKET
    return f"sock_of({value})" if is_socket else value


# ---------------------------------------------------------------- the end of a socket


def render_sockets(target: Target) -> str:
    """Return the C text of the object that forgets sockets that are freed."""
    stand, function = _end(target)
    way = "TRAMPOLINE" if stand is Stand.FENTRY else "REGISTERS"
    return render(
        "tracing/sockets.c.j2",
        machine=target.machine,
        stand=stand.value,
        function=function,
        way=way,
    )


def sockets_row(target: Target) -> dict[str, Any]:
    """Return its row in ``sites.json``."""
    stand, function = _end(target)
    return {
        "program": _PROGRAM,
        "object": "sockets.o",
        "stand": stand.value,
        "functions": [function],
        "hooks": [],
        "is_multi_disabled": False,
    }


def _end(target: Target) -> tuple[Stand, str]:
    function = next(name for name in SOCKET_ENDS if name in target.functions)
    is_typed = target.hooks.get("fentry") and target.prototype(function)
    return (Stand.FENTRY if is_typed else Stand.KPROBE), function

"""``matchActions`` and ``matchReturnActions``: what is done on a match."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lockgate.diagnostics import Diagnostics, quote
from lockgate.frontend.schema import Fields
from lockgate.ir.tracing import Attachment
from lockgate.ir.tracing_actions import Action, ActionKind, RateLimitScope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockgate.frontend.schema import Node
    from lockgate.ir.tracing_arguments import Argument

LEAST_ERROR = -4095
"""``-MAX_ERRNO`` of include/linux/err.h: what a hook may return as an error."""
MOST_SIGNAL = 64
_SIGKILL = 9

_ACTIONS = {
    "Post": ActionKind.POST,
    "NoPost": ActionKind.NO_POST,
    "Signal": ActionKind.SIGNAL,
    "Sigkill": ActionKind.SIGNAL,
    "Override": ActionKind.OVERRIDE,
    "GetUrl": ActionKind.GET_URL,
    "DnsLookup": ActionKind.DNS_LOOKUP,
    "TrackSock": ActionKind.TRACK_SOCK,
    "UntrackSock": ActionKind.UNTRACK_SOCK,
    "NotifyEnforcer": ActionKind.NOTIFY_ENFORCER,
    "CleanupEnforcerNotification": ActionKind.CLEANUP_ENFORCER,
    "Set": ActionKind.SET,
}
REMOVED_ACTIONS = {
    "FollowFD": "path arguments of type 'fd' are resolved without it",
    "UnfollowFD": "take it away: nothing is followed any more",
    "CopyFD": "take it away: nothing is followed any more",
    "NotifyKiller": "it is called NotifyEnforcer now",
}
"""Actions that the reference had once, each with what came after it."""

_OF_POST = (
    "imaHash",
    "kernelStackTrace",
    "rateLimit",
    "rateLimitScope",
    "userStackTrace",
)
_NEW_PLACES = ("argNewAddr", "argNewOffset", "argNewSymbol")
_OWNERS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_OF_POST, ("Post",)),
    "argError": ("Override", "NotifyEnforcer"),
    "argFqdn": ("DnsLookup",),
    "argIndex": ("Set",),
    "argRegs": ("Override",),
    "argSig": ("Signal", "NotifyEnforcer"),
    "argSock": ("TrackSock", "UntrackSock"),
    "argUrl": ("GetUrl",),
    "argValue": ("Set",),
    **dict.fromkeys(_NEW_PLACES, ("Override",)),
}
"""Which action each field belongs to."""

_FIELDS = ("action", *_OWNERS)
_RATE = re.compile(r"([0-9]{1,10})([smhSMH]?)")
_LABEL = "[A-Za-z0-9_][A-Za-z0-9_-]{0,62}"
_NAME = re.compile(rf"(?=.{{1,254}}$){_LABEL}(?:\.{_LABEL})*\.?")
"""A name of the DNS."""
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def parse_actions(
    items: Sequence[Node],
    attachment: Attachment,
    arguments: Sequence[Argument],
    diagnostics: Diagnostics,
) -> tuple[Action, ...]:
    """Return the actions of a selector, without those that are mistaken."""
    found = (_parse_action(item, attachment, arguments, diagnostics) for item in items)
    return tuple(action for action in found if action is not None)


def _parse_action(
    node: Node,
    attachment: Attachment,
    arguments: Sequence[Argument],
    diagnostics: Diagnostics,
) -> Action | None:
    fields = Fields(node, "ActionSelector", diagnostics, known=_FIELDS)
    word = _read_word(fields, diagnostics)
    if word is None:
        return None
    for name, owners in _OWNERS.items():
        if fields.has(name) and word not in owners:
            message = f"'{name}' means nothing beside the action {word}"
            cure = f"it belongs to {' and '.join(owners)}; take it away"
            diagnostics.warning("W1107", message, fields.key_span(name), help=cure)
    kind, text = _ACTIONS[word], ""
    if kind is ActionKind.OVERRIDE:
        kind, text = _read_override(fields, attachment, diagnostics)
    elif kind in (ActionKind.GET_URL, ActionKind.DNS_LOOKUP):
        text = _read_request(fields, kind, diagnostics)
    return Action(
        kind=kind,
        span=fields.node.span,
        signal=_read_signal(fields, word),
        error=_read_error(fields, kind, diagnostics),
        argument=_read_argument(fields, kind, arguments, diagnostics),
        value=fields.integer("argValue", minimum=0, maximum=(1 << 32) - 1) or 0,
        text=text,
        rate_limit=_read_rate(fields, diagnostics),
        rate_limit_scope=_read_scope(fields, diagnostics),
        has_kernel_stack=bool(fields.boolean("kernelStackTrace")),
        has_user_stack=bool(fields.boolean("userStackTrace")),
        has_hash=bool(fields.boolean("imaHash")),
    )


def _read_request(fields: Fields, kind: ActionKind, diagnostics: Diagnostics) -> str:
    """Return the URL or the name that somebody shall ask for."""
    is_url = kind is ActionKind.GET_URL
    name = "argUrl" if is_url else "argFqdn"
    text = fields.string(name, required=True) or ""
    if text and is_url and not _is_url(text):
        message = f"{quote(text)} is no URL of the web"
        cure = "write one such as https://host.example/path"
        diagnostics.error("E1102", message, fields.span(name), help=cure)
    if text and not is_url and not _NAME.fullmatch(text):
        message = f"{quote(text)} is no name of the DNS"
        cure = "write one such as host.example"
        diagnostics.error("E1102", message, fields.span(name), help=cure)
    return text


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        has_port = parts.port != 0  # ValueError where it is no number
    except ValueError:
        return False
    return has_port and parts.scheme in ("http", "https") and bool(parts.hostname)


def _read_word(fields: Fields, diagnostics: Diagnostics) -> str | None:
    node = fields.get("action")
    text = getattr(node, "text", "")
    if text in REMOVED_ACTIONS:
        message = f"the action {text} was removed from the API"
        cure = REMOVED_ACTIONS[text]
        diagnostics.error("E1106", message, fields.span("action"), help=cure)
        return None
    return fields.string("action", enum=_ACTIONS, required=True)


def _read_signal(fields: Fields, word: str) -> int:
    if word == "Sigkill":
        return _SIGKILL
    is_required = word == "Signal"
    number = fields.integer(
        "argSig",
        minimum=1 if is_required else 0,
        maximum=MOST_SIGNAL,
        required=is_required,
    )
    return number or 0


def _read_error(fields: Fields, kind: ActionKind, diagnostics: Diagnostics) -> int:
    """Return the error number; it must be one that a hook may return."""
    number = fields.integer("argError")
    is_said = fields.has("argError")
    if kind is ActionKind.OVERRIDE and (number == 0 or not is_said):
        what = "with 'argError: 0'" if is_said else "without 'argError'"
        message = f"an Override {what} denies nothing: the operation goes on"
        cure: str | None = (
            "write 'argError: -1' (EPERM) to deny, or 'Post' to tell of it"
        )
        span = fields.span("argError") if is_said else fields.node.span
        diagnostics.warning("W1105", message, span, help=cure)
    if number is None:
        return 0
    if not LEAST_ERROR <= number <= 0:
        message = f"an error number is from {LEAST_ERROR} to 0, not {number}"
        is_positive = 0 < number <= -LEAST_ERROR
        cure = f"errors are negative: write -{number}" if is_positive else None
        diagnostics.error("E1105", message, fields.span("argError"), help=cure)
        return 0
    return number


def _read_override(
    fields: Fields, attachment: Attachment, diagnostics: Diagnostics
) -> tuple[ActionKind, str]:
    """Return which of the three kinds of Override this is, and what it says."""
    places = [name for name in _NEW_PLACES if fields.has(name)]
    registers = [text for text, _ in fields.strings("argRegs")]
    named = places + (["argRegs"] if fields.has("argRegs") else [])
    if len(named) > 1:
        message = f"an Override has one of {', '.join((*_NEW_PLACES, 'argRegs'))}"
        diagnostics.error("E1107", message, fields.key_span(named[1]))
    if named and attachment is not Attachment.UPROBE:
        message = f"'{named[0]}' is for uprobes only"
        cure = "elsewhere an Override has an 'argError'"
        diagnostics.error("E1107", message, fields.key_span(named[0]), help=cure)
    if fields.has("argRegs"):
        return ActionKind.OVERRIDE_REGISTERS, ",".join(registers)
    if places:
        value = fields.integer_or_string(places[0])
        return ActionKind.OVERRIDE_CALL, f"{places[0]}={value}"
    return ActionKind.OVERRIDE, ""


def _read_argument(
    fields: Fields,
    kind: ActionKind,
    arguments: Sequence[Argument],
    diagnostics: Diagnostics,
) -> int | None:
    """Return the place of the argument that an action is about."""
    if kind is ActionKind.SET:
        name = "argIndex"
    elif kind in (ActionKind.TRACK_SOCK, ActionKind.UNTRACK_SOCK):
        name = "argSock"
    else:
        return None
    index = fields.integer(name, minimum=0) or 0
    # As in the reference, which looks for it there: not the function's, but the list's number.
    if index < len(arguments):
        return index
    known = [argument.index for argument in arguments]
    if index in known:
        return known.index(index)
    message = f"'{name}' is about argument {index}, which 'args' does not name"
    cure = "add the argument to 'args' with its type"
    diagnostics.error("E1100", message, fields.span(name), help=cure)
    return None


def _read_rate(fields: Fields, diagnostics: Diagnostics) -> int:
    """Return the seconds of ``rateLimit``: a number, perhaps with s, m or h."""
    text = fields.string("rateLimit")
    if not text:
        return 0
    match = _RATE.fullmatch(text)
    if match is None:
        message = f"{quote(text)} is no time"
        cure = "write seconds, or a number with s, m or h, such as 5m"
        diagnostics.error("E1102", message, fields.span("rateLimit"), help=cure)
        return 0
    return int(match[1]) * _SECONDS[match[2].lower()]


def _read_scope(fields: Fields, diagnostics: Diagnostics) -> RateLimitScope:
    scopes = {scope.value: scope for scope in RateLimitScope}
    word = fields.string("rateLimitScope", enum=scopes)
    if word and not fields.has("rateLimit"):
        message = "'rateLimitScope' means nothing without 'rateLimit'"
        diagnostics.error("E1107", message, fields.key_span("rateLimitScope"))
    return scopes[word] if word else RateLimitScope.THREAD

"""Hooks: the entries of ``kprobes``, ``tracepoints``, ``lsmhooks``, ``uprobes`` and so on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from lockgate.diagnostics import Diagnostics, did_you_mean, quote
from lockgate.frontend.schema import Fields, read_integer
from lockgate.frontend.tracing.arguments import parse_argument, parse_arguments
from lockgate.frontend.tracing.selectors import Surroundings, parse_selectors
from lockgate.ir.tracing import (
    Attachment,
    Hook,
    KernelFunction,
    KernelFunctions,
    LsmHook,
    Tracepoint,
    UserFunction,
    UserProbe,
)
from lockgate.ir.tracing_actions import ActionKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockgate.frontend.schema import Node
    from lockgate.ir.tracing import NameList, Place
    from lockgate.ir.tracing_arguments import Argument

MESSAGE_LENGTH = 256
MOST_TAGS = 16
LIST = "list:"
_COMMON = ("args", "message", "selectors", "tags")
_RETURNING = ("return", "returnArg")
_FUNCTION_FIELDS = (
    *_COMMON,
    *_RETURNING,
    "call",
    "data",
    "ignore",
    "returnArgAction",
    "syscall",
)
_FIELDS: Mapping[Attachment, tuple[str, ...]] = {
    Attachment.KPROBE: _FUNCTION_FIELDS,
    Attachment.FENTRY: _FUNCTION_FIELDS,
    Attachment.TRACEPOINT: (*_COMMON, "event", "raw", "subsystem"),
    Attachment.LSM: (*_COMMON, "hook"),
    Attachment.UPROBE: (
        *_COMMON,
        *_RETURNING,
        "addrs",
        "binaryDigests",
        "btfPath",
        "data",
        "ignore",
        "offsets",
        "path",
        "refCtrOffsets",
        "symbols",
    ),
    Attachment.USDT: (*_COMMON, "btfPath", "name", "path", "provider"),
}
_SPECS = {
    Attachment.KPROBE: "KProbeSpec",
    Attachment.FENTRY: "KProbeSpec",
    Attachment.TRACEPOINT: "TracepointSpec",
    Attachment.LSM: "LsmHookSpec",
    Attachment.UPROBE: "UProbeSpec",
    Attachment.USDT: "UsdtSpec",
}
_RETURN_ACTIONS = {
    "TrackSock": ActionKind.TRACK_SOCK,
    "UntrackSock": ActionKind.UNTRACK_SOCK,
}
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_ARCHITECTURES = re.compile(r"__(?:x64|arm64)_")
_DIGEST = re.compile(r"[a-z0-9_-]+:[0-9A-Fa-f]+")
_MOST_OFFSET = (1 << 64) - 1


class Policy(NamedTuple):
    """What hooks know of the policy that they stand in."""

    lists: Mapping[str, NameList]
    macros: Mapping[str, Node]


def parse_hook(
    node: Node,
    attachment: Attachment,
    path: str,
    policy: Policy,
    diagnostics: Diagnostics,
) -> Hook | None:
    """Return one hook, ``path`` being its place in the object; None where it is mistaken."""
    fields = Fields(node, _SPECS[attachment], diagnostics, known=_FIELDS[attachment])
    place = _PLACES[attachment](fields, policy, diagnostics)
    reading = parse_arguments(fields, attachment, diagnostics)
    returned, has_return = _parse_return(fields, attachment, diagnostics)
    # Who reads a buffer when it has been filled asks for the return.
    has_return = has_return or any(a.is_copied_at_return for a in reading.arguments)
    around = Surroundings(attachment, reading, returned, policy.macros)
    selectors = parse_selectors(fields, around, diagnostics)
    message = _parse_message(fields, diagnostics)
    tags = _parse_tags(fields, diagnostics)
    return_action = fields.string("returnArgAction", enum=_RETURN_ACTIONS)
    is_optional = _parse_ignore(fields, "callNotFound", diagnostics)
    if place is None:
        return None
    return Hook(
        attachment=attachment,
        place=place,
        path=path,
        span=fields.node.span,
        arguments=reading.arguments,
        data=reading.data,
        has_return=has_return,
        returned=returned,
        return_action=_RETURN_ACTIONS[return_action] if return_action else None,
        selectors=selectors,
        message=message,
        tags=tags,
        is_optional=is_optional,
    )


# ---------------------------------------------------------------- places


def _parse_function(
    fields: Fields, policy: Policy, diagnostics: Diagnostics
) -> Place | None:
    name = fields.string("call", required=True)
    is_syscall = fields.boolean("syscall") is not False
    if name is None:
        return None
    return parse_call(name, fields, "call", policy.lists, diagnostics, is_syscall)


def parse_call(
    name: str,
    fields: Fields,
    field: str,
    lists: Mapping[str, NameList],
    diagnostics: Diagnostics,
    is_syscall: bool,
) -> KernelFunction | KernelFunctions | None:
    """Return the function that ``call`` names, or the list of functions."""
    span = fields.span(field)
    if name.startswith(LIST):
        known = name.removeprefix(LIST)
        if known not in lists:
            message = f"there is no list {quote(known)}"
            cure = did_you_mean(known, lists) or "define it in 'lists'"
            diagnostics.error("E1103", message, span, help=cure)
            return None
        return KernelFunctions(known, is_syscall)
    if not _WORD.fullmatch(name):
        message = f"{quote(name)} cannot be the name of a function"
        diagnostics.error("E1104", message, span)
        return None
    if is_syscall:
        # The reference takes a name with or without the prefix of an architecture; what 32-bit
        # programs call are functions of their own.
        name = _ARCHITECTURES.sub("", name, count=1)
    return KernelFunction(name, is_syscall)


def _parse_tracepoint(
    fields: Fields, _policy: Policy, diagnostics: Diagnostics
) -> Place | None:
    subsystem = fields.string("subsystem", required=True)
    event = fields.string("event", required=True)
    is_raw = bool(fields.boolean("raw"))
    for name, text in (("subsystem", subsystem), ("event", event)):
        if text is not None and not _WORD.fullmatch(text.replace("-", "_")):
            message = f"{quote(text)} cannot be the name of a tracepoint"
            diagnostics.error("E1104", message, fields.span(name))
            return None
    if subsystem is None or event is None:
        return None
    return Tracepoint(subsystem, event, is_raw)


def _parse_lsm(
    fields: Fields, _policy: Policy, diagnostics: Diagnostics
) -> Place | None:
    name = fields.string("hook", required=True)
    if name is None:
        return None
    if not _WORD.fullmatch(name):
        message = f"{quote(name)} cannot be the name of a hook"
        diagnostics.error("E1104", message, fields.span("hook"))
        return None
    bare = re.sub(r"^(bpf_lsm_|security_)", "", name)
    if bare != name:
        message = f"the hook is called '{bare}': '{name}' is the function that calls it"
        cure = f"write 'hook: {bare}'"
        diagnostics.error("E1104", message, fields.span("hook"), help=cure)
    return LsmHook(bare)


def _parse_user_function(
    fields: Fields, _policy: Policy, diagnostics: Diagnostics
) -> Place | None:
    path = _parse_path(fields, diagnostics)
    symbols = tuple(text for text, _ in fields.strings("symbols"))
    offsets = _parse_numbers(fields, "offsets", diagnostics)
    addresses = _parse_numbers(fields, "addrs", diagnostics)
    counters = _parse_numbers(fields, "refCtrOffsets", diagnostics)
    named = [n for n in ("symbols", "offsets", "addrs") if not fields.is_empty(n)]
    if len(named) != 1:
        message = "a uprobe needs one of 'symbols', 'offsets' and 'addrs'"
        span = fields.key_span(named[1]) if named else fields.node.span
        diagnostics.error("E1104", message, span)
        return None
    wanted = len(symbols or offsets or addresses)
    if counters and len(counters) != wanted:
        message = f"'refCtrOffsets' has {len(counters)} items and '{named[0]}' {wanted}"
        diagnostics.error("E1104", message, fields.key_span("refCtrOffsets"))
    digests = fields.strings("binaryDigests")
    for text, span in digests:
        if not _DIGEST.fullmatch(text):
            message = f"{quote(text)} is no digest"
            diagnostics.error("E1102", message, span, help="write it as sha256:0123...")
    if path is None:
        return None
    return UserFunction(
        path,
        symbols,
        offsets,
        addresses,
        counters,
        tuple(text for text, _ in digests),
        _parse_ignore(fields, "digestVerificationFailure", diagnostics),
        fields.string("btfPath"),
    )


def _parse_user_probe(
    fields: Fields, _policy: Policy, diagnostics: Diagnostics
) -> Place | None:
    path = _parse_path(fields, diagnostics)
    provider = fields.string("provider", required=True)
    name = fields.string("name", required=True)
    for field, text in (("provider", provider), ("name", name)):
        if text == "":
            message = f"'{field}' is empty: no probe has such a name"
            diagnostics.error("E1104", message, fields.span(field))
            return None
    if path is None or provider is None or name is None:
        return None
    return UserProbe(path, provider, name, fields.string("btfPath"))


_PLACES = {
    Attachment.KPROBE: _parse_function,
    Attachment.FENTRY: _parse_function,
    Attachment.TRACEPOINT: _parse_tracepoint,
    Attachment.LSM: _parse_lsm,
    Attachment.UPROBE: _parse_user_function,
    Attachment.USDT: _parse_user_probe,
}


def _parse_path(fields: Fields, diagnostics: Diagnostics) -> str | None:
    path = fields.string("path", required=True)
    if path is not None and not path.startswith("/"):
        message = f"{quote(path)} is no absolute path"
        diagnostics.error("E1102", message, fields.span("path"))
        return None
    return path


def _parse_numbers(
    fields: Fields, name: str, diagnostics: Diagnostics
) -> tuple[int, ...]:
    what = f"an item of '{name}'"
    found = (
        read_integer(item, what, diagnostics, minimum=0, maximum=_MOST_OFFSET)
        for item in fields.items(name)
    )
    return tuple(number for number in found if number is not None)


# ---------------------------------------------------------------- what every hook has


def _parse_return(
    fields: Fields, attachment: Attachment, diagnostics: Diagnostics
) -> tuple[Argument | None, bool]:
    has_return = bool(fields.boolean("return"))
    node = fields.get("returnArg")
    if has_return and node is None:
        message = "'return: true' needs a 'returnArg' that says what is returned"
        diagnostics.error("E1108", message, fields.key_span("return"))
    if node is None:
        return None, has_return
    returned = parse_argument(node, attachment, diagnostics, is_returned=True)
    if not has_return:
        message = "'returnArg' means nothing without 'return: true'"
        cure = "add 'return: true', or take 'returnArg' away"
        span = fields.key_span("returnArg")
        diagnostics.warning("W1108", message, span, help=cure)
        return None, False
    return returned, has_return


def _parse_message(fields: Fields, diagnostics: Diagnostics) -> str:
    text = fields.string("message") or ""
    if len(text) > MESSAGE_LENGTH:
        message = f"'message' has {len(text)} characters, and events {MESSAGE_LENGTH}"
        diagnostics.error("E1109", message, fields.span("message"), help="shorten it")
    return text


def _parse_tags(fields: Fields, diagnostics: Diagnostics) -> tuple[str, ...]:
    tags = tuple(text for text, _ in fields.strings("tags"))
    if len(tags) > MOST_TAGS:
        message = f"a hook has at most {MOST_TAGS} tags, not {len(tags)}"
        diagnostics.error("E1109", message, fields.span("tags"))
    return tags


def _parse_ignore(fields: Fields, name: str, diagnostics: Diagnostics) -> bool:
    known = (
        "digestVerificationFailure"
        if fields.what == _SPECS[Attachment.UPROBE]
        else "callNotFound"
    )
    if name != known:
        return False
    ignore = fields.fields("ignore", "ignore", known=(known,))
    return bool(ignore and ignore.boolean(known))

"""``args``, ``data`` and ``returnArg``: what a hook reads, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lockgate.diagnostics import Diagnostics, quote
from lockgate.frontend.schema import Fields
from lockgate.frontend.tracing.names import TYPES
from lockgate.ir.tracing import Attachment
from lockgate.ir.tracing_arguments import Argument, ArgumentType, Source

if TYPE_CHECKING:
    from lockgate.frontend.schema import Node

_FIELDS = (
    "btfType",
    "btfTypeModule",
    "index",
    "label",
    "maxData",
    "resolve",
    "returnCopy",
    "sizeArgIndex",
    "source",
    "type",
)
_SOURCES = {"current_task": Source.CURRENT_TASK, "pt_regs": Source.PT_REGS}
_FILLED = frozenset({ArgumentType.CHAR_BUF, ArgumentType.CHAR_IOVEC})
_BUFFERS = {
    "sizeArgIndex": _FILLED | {ArgumentType.CONST_BUF, ArgumentType.SOCKADDR_UN},
    "returnCopy": _FILLED,
    "maxData": _FILLED | {ArgumentType.IOV_ITER},
}
"""Fields of buffers, and the types for which they mean something."""
MOST_INDEX = 5
"""The last argument that a probe on a function can read (x86-64: six in registers)."""
MOST_BYTES = 4096
"""Bytes of one buffer that are judged, and shown without 'maxData' (TEXT_SIZE of rooms.h)."""
DEEPEST = 10
"""So many members can be followed, as in the reference."""

_INDEXED = frozenset(
    {Attachment.KPROBE, Attachment.FENTRY, Attachment.LSM, Attachment.UPROBE}
)


class Reading(NamedTuple):
    """Everything that a hook reads."""

    arguments: tuple[Argument, ...]
    data: tuple[Argument, ...]


def parse_arguments(
    fields: Fields, attachment: Attachment, diagnostics: Diagnostics
) -> Reading:
    """Return ``args`` and ``data`` of a hook, without those that are mistaken."""
    found = []
    for item in fields.items("args"):
        argument = parse_argument(item, attachment, diagnostics)
        if argument is None:
            continue
        is_elsewhere = argument.source is not Source.ARGUMENT
        if is_elsewhere and attachment is not Attachment.UPROBE:
            message = "an argument is read from the function's own arguments"
            cure = "move it to 'data', which can read from elsewhere"
            diagnostics.error("E1104", message, argument.span, help=cure)
        found.append(argument)
    data = []
    for item in fields.items("data"):
        argument = parse_argument(item, attachment, diagnostics)
        if argument is None:
            continue
        if argument.source is Source.ARGUMENT or not argument.resolve:
            message = "an item of 'data' says where it is read from, and what"
            cure = "add 'source: current_task' and 'resolve'"
            diagnostics.error("E1104", message, argument.span, help=cure)
        data.append(argument)
    return Reading(tuple(found), tuple(data))


def parse_argument(
    node: Node,
    attachment: Attachment,
    diagnostics: Diagnostics,
    *,
    is_returned: bool = False,
) -> Argument | None:
    """Return one argument; None where it is mistaken."""
    fields = Fields(node, "KProbeArg", diagnostics, known=_FIELDS)
    word = fields.string("type", enum=TYPES)
    kind = TYPES[word] if word else ArgumentType.AUTO
    most = MOST_INDEX if attachment in _INDEXED else None
    index = fields.integer("index", minimum=0, maximum=most)
    if index is None and not is_returned and not fields.has("source"):
        fields.require("index")
    source = fields.string("source", enum=_SOURCES)
    size_index = fields.integer("sizeArgIndex", minimum=0)
    is_copied = bool(fields.boolean("returnCopy"))
    _check_buffer(fields, kind, diagnostics)
    if fields.has("btfTypeModule") and not fields.has("btfType"):
        message = "'btfTypeModule' means nothing without 'btfType'"
        cure = "name the type of the module, or take it away"
        span = fields.key_span("btfTypeModule")
        diagnostics.warning("W1104", message, span, help=cure)
    if fields.has("btfType") and source == "current_task":
        message = "'btfType' means nothing for what is read from the task"
        span = fields.key_span("btfType")
        diagnostics.warning("W1104", message, span, help="take it away")
    return Argument(
        index=index or 0,
        type=kind,
        span=fields.node.span,
        label=fields.string("label") or "",
        source=_SOURCES[source] if source else Source.ARGUMENT,
        resolve=_parse_path(fields, diagnostics),
        cast=fields.string("btfType") or None,
        cast_module=fields.string("btfTypeModule") or None,
        # The API counts from 1 here, so that 0 can mean that there is none.
        size_index=size_index - 1 if size_index else None,
        is_copied_at_return=is_copied,
        is_long=bool(fields.boolean("maxData")),
    )


def _check_buffer(fields: Fields, kind: ArgumentType, diagnostics: Diagnostics) -> None:
    """Say of fields of buffers that they mean nothing beside a type that is none."""
    for name, kinds in _BUFFERS.items():
        if fields.has(name) and kind not in (*kinds, ArgumentType.AUTO):
            message = f"'{name}' means nothing for an argument of type {kind.value}"
            names = ", ".join(sorted(kind.value for kind in kinds))
            cure = f"it is for {names}; take it away"
            diagnostics.warning("W1104", message, fields.key_span(name), help=cure)
    if fields.boolean("maxData"):
        _check_long(fields, kind, diagnostics)


def _check_long(fields: Fields, kind: ArgumentType, diagnostics: Diagnostics) -> None:
    """Say of 'maxData' that it adds nothing where nobody says how long a buffer is."""
    span = fields.key_span("maxData")
    is_measured = fields.has("sizeArgIndex") or fields.boolean("returnCopy")
    if kind is ArgumentType.CHAR_BUF and not is_measured:
        message = "'maxData' means nothing for a buffer whose size nobody says"
        cure = f"add 'sizeArgIndex' (or 'returnCopy'); else {MOST_BYTES} bytes are read"
        diagnostics.warning("W1104", message, span, help=cure)
    if kind is ArgumentType.AUTO:
        message = "'maxData' means nothing beside type auto, unless it is an iov_iter"
        names = ", ".join(sorted(kind.value for kind in _BUFFERS["maxData"]))
        cure = f"name the type: {names}"
        diagnostics.warning("W1104", message, span, help=cure)


def _parse_path(fields: Fields, diagnostics: Diagnostics) -> tuple[str, ...]:
    """Return the members that ``resolve`` follows."""
    text = fields.string("resolve")
    if not text:
        return ()
    members = tuple(text.split("."))
    if not all(members):
        message = f"{quote(text)} is no way through members"
        cure = "write the names of members with one '.' between them"
        diagnostics.error("E1104", message, fields.span("resolve"), help=cure)
        return ()
    if len(members) > DEEPEST:
        message = f"'resolve' follows at most {DEEPEST} members, not {len(members)}"
        diagnostics.error("E1104", message, fields.span("resolve"))
        return ()
    return members

"""``selectors`` of a hook: whose hits count, which values, and what is done then."""

from __future__ import annotations

import re
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from lockgate.diagnostics import Diagnostics, did_you_mean, quote
from lockgate.frontend.schema import Fields, read_integer, read_string
from lockgate.frontend.tracing.actions import parse_actions
from lockgate.frontend.tracing.names import CAPABILITIES
from lockgate.frontend.tracing.operators import OPERATORS
from lockgate.frontend.tracing.value_reader import capability
from lockgate.frontend.tracing.values import Numbering, parse_match
from lockgate.frontend.tracing.workloads import WORKLOAD_FIELDS, parse_workloads
from lockgate.ir.tracing import Attachment
from lockgate.ir.tracing_selectors import (
    BinaryMatch,
    CapabilityMatch,
    CapabilitySet,
    HookSelector,
    Namespace,
    NamespaceChangeMatch,
    NamespaceMatch,
    PidMatch,
    WorkloadMatch,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lockgate.frontend.schema import Node
    from lockgate.frontend.tracing.arguments import Reading
    from lockgate.ir.tracing_arguments import Argument
    from lockgate.ir.tracing_selectors import ValueMatch
    from lockgate.source import Span

_T = TypeVar("_T")

SELECTOR_FIELDS = (
    "label",
    "macros",
    "matchActions",
    "matchArgs",
    "matchBinaries",
    "matchCapabilities",
    "matchCapabilityChanges",
    "matchData",
    "matchNamespaceChanges",
    "matchNamespaces",
    "matchParentBinaries",
    "matchPIDs",
    "matchReturnActions",
    "matchReturnArgs",
    "matchWorkloads",
)
_NO_FILTERS = (
    "label",
    "macros",
    "matchActions",
    "matchReturnActions",
    "matchWorkloads",
)
MACRO_FILTERS = tuple(name for name in SELECTOR_FIELDS if name not in _NO_FILTERS)
"""What a macro adds to a selector; each is a list."""
_IN = ("In", "NotIn")
_BINARY_OPERATORS = {
    "In": OPERATORS["Equal"],
    "NotIn": OPERATORS["NotEqual"],
    **{
        name: OPERATORS[name]
        for name in ("Prefix", "NotPrefix", "Postfix", "NotPostfix")
    },
}
_NAMESPACES = {namespace.value: namespace for namespace in Namespace}
_SETS = {kind.value: kind for kind in CapabilitySet}
_HOST_NAMESPACE = "host_ns"
_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}")
_MOST_PID = 1 << 22
"""``PID_MAX_LIMIT`` of include/linux/threads.h."""


class Surroundings(NamedTuple):
    """What a selector can speak about: the hook that it belongs to, and the macros.

    ``reading`` is None in a macro, which belongs to no hook yet.
    """

    attachment: Attachment
    reading: Reading
    returned: Argument | None
    macros: Mapping[str, Node]


def parse_selectors(
    fields: Fields, around: Surroundings, diagnostics: Diagnostics
) -> tuple[HookSelector, ...]:
    """Return the selectors of a hook; mistaken parts are left out, and reported."""
    return tuple(
        parse_selector(item, around, diagnostics) for item in fields.items("selectors")
    )


def parse_selector(
    node: Node, around: Surroundings, diagnostics: Diagnostics
) -> HookSelector:
    """Return one selector with its macros in place."""
    fields = Fields(node, "KProbeSelector", diagnostics, known=SELECTOR_FIELDS)
    found = _parse_filters(fields, around, diagnostics)
    for name, span in fields.strings("macros"):
        macro = around.macros.get(name)
        if macro is None:
            message = f"there is no macro {quote(name)}"
            cure = did_you_mean(name, around.macros) or "define it in 'selectorsMacros'"
            diagnostics.error("E1103", message, span, help=cure)
            continue
        # The macro itself is checked where it stands, and used here for this hook.
        inner = Fields(macro, "KProbeSelector", Diagnostics(), known=SELECTOR_FIELDS)
        found = _join(found, _parse_filters(inner, around, diagnostics))
    return found


def _join(selector: HookSelector, macro: HookSelector) -> HookSelector:
    """Append the filters of a macro to those of a selector."""
    joined = {
        field.name: getattr(selector, field.name) + getattr(macro, field.name)
        for field in dataclass_fields(HookSelector)
        if isinstance(getattr(selector, field.name), tuple) and field.name != "span"
    }
    if selector.workloads.is_everything:
        joined["workloads"] = macro.workloads
    return replace(selector, **joined)


def _parse_filters(
    fields: Fields, around: Surroundings, diagnostics: Diagnostics
) -> HookSelector:
    reading = around.reading
    attachment = around.attachment
    is_tracepoint = attachment is Attachment.TRACEPOINT
    numbering = Numbering.FIELD_OR_PLACE if is_tracepoint else Numbering.POSITION
    returns: tuple[ValueMatch, ...] = ()
    if around.returned is not None:
        returned = (around.returned,)
        returns = _matches(
            fields, "matchReturnArgs", returned, Numbering.PLACE, diagnostics
        )
    workloads = fields.fields(
        "matchWorkloads", "WorkloadsSelector", known=WORKLOAD_FIELDS
    )
    for name in ("matchReturnArgs", "matchReturnActions"):
        if not fields.is_empty(name) and around.returned is None:
            message = (
                f"'{name}' needs the returned value, which this hook does not read"
            )
            cure = "add 'return: true' and 'returnArg' to the hook"
            diagnostics.error("E1108", message, fields.key_span(name), help=cure)
    return HookSelector(
        span=fields.node.span,
        label=fields.string("label") or "",
        pids=_each(fields, "matchPIDs", _parse_pids, diagnostics),
        arguments=_matches(
            fields, "matchArgs", reading.arguments, numbering, diagnostics
        ),
        data=_matches(fields, "matchData", reading.data, Numbering.PLACE, diagnostics),
        returns=returns,
        binaries=_binaries(fields, "matchBinaries", diagnostics),
        parent_binaries=_binaries(fields, "matchParentBinaries", diagnostics),
        namespaces=_each(fields, "matchNamespaces", _parse_namespace, diagnostics),
        namespace_changes=_each(
            fields, "matchNamespaceChanges", _parse_namespace_change, diagnostics
        ),
        capabilities=_each(
            fields, "matchCapabilities", _parse_capabilities, diagnostics
        ),
        capability_changes=_each(
            fields, "matchCapabilityChanges", _parse_capabilities, diagnostics
        ),
        workloads=(
            WorkloadMatch()
            if workloads is None
            else parse_workloads(workloads, diagnostics)
        ),
        actions=parse_actions(
            fields.items("matchActions"), attachment, reading.arguments, diagnostics
        ),
        return_actions=parse_actions(
            fields.items("matchReturnActions"),
            attachment,
            reading.arguments,
            diagnostics,
        ),
    )


def _each(
    fields: Fields,
    name: str,
    parse: Callable[[Node, Diagnostics], _T | None],
    diagnostics: Diagnostics,
) -> tuple[_T, ...]:
    found = (parse(item, diagnostics) for item in fields.items(name))
    return tuple(value for value in found if value is not None)


def _matches(
    fields: Fields,
    name: str,
    arguments: Sequence[Argument],
    numbering: Numbering,
    diagnostics: Diagnostics,
) -> tuple[ValueMatch, ...]:
    found = (
        parse_match(item, arguments, diagnostics, numbering)
        for item in fields.items(name)
    )
    return tuple(match for match in found if match is not None)


# ---------------------------------------------------------------- filters on processes


def _binaries(
    fields: Fields, name: str, diagnostics: Diagnostics
) -> tuple[BinaryMatch, ...]:
    items = fields.items(name)
    if len(items) > 1:
        message = f"'{name}' has at most one item"
        cure = "write all paths into the 'values' of one, or a selector for each"
        diagnostics.error("E1104", message, items[1].span, help=cure)
    found = (_parse_binary(item, diagnostics) for item in items[:1])
    return tuple(match for match in found if match is not None)


def _parse_binary(node: Node, diagnostics: Diagnostics) -> BinaryMatch | None:
    known = ("followChildren", "operator", "values")
    fields = Fields(node, "BinarySelector", diagnostics, known=known)
    word = fields.string("operator", enum=_BINARY_OPERATORS, required=True)
    values = _read_values(fields, diagnostics)
    if word is None or not values:
        return None
    comparison, is_negated = _BINARY_OPERATORS[word]
    for path, span in values:
        if word in ("In", "NotIn", "Prefix", "NotPrefix") and path[:1] != "/":
            message = f"{quote(path)} is no absolute path, so no binary has it"
            cure = "write the whole path, or use Postfix for the end of one"
            diagnostics.error("E1102", message, span, help=cure)
    follows = bool(fields.boolean("followChildren"))
    paths = tuple(dict.fromkeys(path for path, _ in values))
    return BinaryMatch(comparison, paths, fields.node.span, is_negated, follows)


def _parse_pids(node: Node, diagnostics: Diagnostics) -> PidMatch | None:
    known = ("followForks", "isNamespacePID", "operator", "values")
    fields = Fields(node, "PIDSelector", diagnostics, known=known)
    word = fields.string("operator", enum=_IN, required=True)
    items = fields.items("values")
    if fields.is_empty("values"):
        _needs_values("matchPIDs", fields, diagnostics)
    pids = [
        read_integer(item, "a pid", diagnostics, minimum=0, maximum=_MOST_PID)
        for item in items
    ]
    if word is None or not pids or None in pids:
        return None
    return PidMatch(
        tuple(dict.fromkeys(pid for pid in pids if pid is not None)),
        fields.node.span,
        word == "NotIn",
        bool(fields.boolean("isNamespacePID")),
        bool(fields.boolean("followForks")),
    )


def _parse_namespace(node: Node, diagnostics: Diagnostics) -> NamespaceMatch | None:
    known = ("namespace", "operator", "values")
    fields = Fields(node, "NamespaceSelector", diagnostics, known=known)
    name = fields.string("namespace", enum=_NAMESPACES, required=True)
    word = fields.string("operator", enum=_IN, required=True)
    values = _read_values(fields, diagnostics)
    inodes = []
    for text, span in values:
        if text == _HOST_NAMESPACE:
            continue
        if not _NUMBER.fullmatch(text) or int(text) >= 1 << 32:
            message = f"{quote(text)} is no namespace"
            cure = (
                "write the number that `readlink /proc/PID/ns/NAME` shows, or host_ns"
            )
            diagnostics.error("E1102", message, span, help=cure)
            return None
        inodes.append(int(text))
    if name is None or word is None or not values:
        return None
    return NamespaceMatch(
        _NAMESPACES[name],
        tuple(dict.fromkeys(inodes)),
        any(text == _HOST_NAMESPACE for text, _ in values),
        fields.node.span,
        word == "NotIn",
    )


def _parse_namespace_change(
    node: Node, diagnostics: Diagnostics
) -> NamespaceChangeMatch | None:
    fields = Fields(
        node, "NamespaceChangesSelector", diagnostics, known=("operator", "values")
    )
    word = fields.string("operator", enum=_IN, required=True)
    values = [
        read_string(item, "a namespace", diagnostics, enum=_NAMESPACES)
        for item in fields.items("values")
    ]
    if fields.is_empty("values"):
        _needs_values("matchNamespaceChanges", fields, diagnostics)
    if word is None or not values or None in values:
        return None
    namespaces = tuple(_NAMESPACES[value] for value in dict.fromkeys(values) if value)
    return NamespaceChangeMatch(namespaces, fields.node.span, word == "NotIn")


def _parse_capabilities(node: Node, diagnostics: Diagnostics) -> CapabilityMatch | None:
    known = ("isNamespaceCapability", "operator", "type", "values")
    fields = Fields(node, "CapabilitiesSelector", diagnostics, known=known)
    kind = fields.string("type", enum=_SETS)
    word = fields.string("operator", enum=_IN, required=True)
    mask = 0
    values = _read_values(fields, diagnostics)
    for text, span in values:
        number = capability(text.strip())
        if number is None:
            message = f"{quote(text)} is no capability"
            cure = did_you_mean(text.upper(), CAPABILITIES) or "names such as CAP_BPF"
            diagnostics.error("E1102", message, span, help=cure)
            return None
        mask |= 1 << number
    if not values or word is None:
        return None
    return CapabilityMatch(
        _SETS[kind] if kind else CapabilitySet.EFFECTIVE,
        mask,
        fields.node.span,
        word == "NotIn",
        bool(fields.boolean("isNamespaceCapability")),
    )


def _read_values(
    fields: Fields, diagnostics: Diagnostics
) -> tuple[tuple[str, Span], ...]:
    """Return the values with their places; read once, so that a mistake is told once."""
    if fields.is_empty("values"):
        _needs_values(fields.what, fields, diagnostics)
    return fields.strings("values")


def _needs_values(what: str, fields: Fields, diagnostics: Diagnostics) -> None:
    message = f"{what} needs values: without them it matches nothing"
    diagnostics.error("E1102", message, fields.node.span)

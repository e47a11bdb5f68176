"""TracingPolicy and TracingPolicyNamespaced, cilium.io/v1alpha1: hooks, and what to do there.

The schema is that of the reference (``pkg/k8s/apis/cilium.io/v1alpha1``), strictly: a field in
the wrong place, a removed action, an operator that cannot judge its argument are errors.  Its
limits on the number of selectors, values and arguments are not ours.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from lockgate.diagnostics import Diagnostics, did_you_mean, quote
from lockgate.frontend.metadata import read_metadata
from lockgate.frontend.schema import Fields
from lockgate.frontend.selectors import parse_label_selector
from lockgate.frontend.tracing.annotations import read_takes_unknown
from lockgate.frontend.tracing.hooks import LIST, Policy, parse_call, parse_hook
from lockgate.frontend.tracing.mistakes import report_mistakes
from lockgate.frontend.tracing.selectors import (
    MACRO_FILTERS,
    SELECTOR_FIELDS,
)
from lockgate.frontend.tracing.workloads import WORKLOAD_FIELDS, parse_workloads
from lockgate.ir.tracing import (
    Attachment,
    Enforcer,
    Hook,
    ListKind,
    Loader,
    Mode,
    NameList,
    TracingPolicy,
)
from lockgate.ir.tracing_actions import ActionKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lockgate.frontend.metadata import Context
    from lockgate.frontend.schema import Node

_OBJECT_FIELDS = ("apiVersion", "kind", "metadata", "spec", "status")
_LISTS = {
    "kprobes": Attachment.KPROBE,
    "fentries": Attachment.FENTRY,
    "tracepoints": Attachment.TRACEPOINT,
    "lsmhooks": Attachment.LSM,
    "uprobes": Attachment.UPROBE,
    "usdts": Attachment.USDT,
}
_SPEC_FIELDS = (
    *_LISTS,
    *WORKLOAD_FIELDS,
    "enforcers",
    "lists",
    "loader",
    "nodeSelector",
    "options",
    "selectorsMacros",
)
_NAMESPACED = "TracingPolicyNamespaced"
_KINDS = {kind.value: kind for kind in ListKind}
_MODES = {mode.value: mode for mode in Mode}
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


def parse(
    node: Node, context: Context, diagnostics: Diagnostics
) -> TracingPolicy | None:
    """Return the policy; None where it is mistaken as a whole."""
    is_namespaced = context.kind == _NAMESPACED
    elsewhere = dict.fromkeys(_SPEC_FIELDS, "'spec'")
    fields = Fields(
        node, context.kind, diagnostics, known=_OBJECT_FIELDS, elsewhere=elsewhere
    )
    metadata = read_metadata(fields, diagnostics, is_namespaced=is_namespaced)
    spec = fields.fields("spec", "TracingPolicySpec", known=_SPEC_FIELDS, required=True)
    if spec is None:
        return None
    if is_namespaced and spec.has("hostSelector"):
        message = f"a {_NAMESPACED} concerns pods of its namespace, never the host"
        cure = "write it as a TracingPolicy, or take 'hostSelector' away"
        span = spec.key_span("hostSelector")
        diagnostics.error("E1111", message, span, help=cure)
    lists = _parse_lists(spec, diagnostics)
    around = Policy(lists, _parse_macros(spec, diagnostics))
    hooks = tuple(_parse_hooks(spec, around, diagnostics))
    enforcers = tuple(_parse_enforcers(spec, lists, diagnostics))
    _check_lists(hooks, lists, diagnostics)
    _check_enforced(hooks, enforcers, diagnostics)
    if not hooks and not _names_hooks(spec):
        message = "this policy has no hook: it does nothing"
        cure = f"add one of {', '.join(_LISTS)}"
        diagnostics.error("E1104", message, spec.node.span, help=cure)
    node_selector = spec.get("nodeSelector")
    options = _parse_options(spec, diagnostics)
    policy = TracingPolicy(
        kind=context.kind,
        namespace=metadata.namespace,
        name=metadata.name,
        span=metadata.span,
        hooks=hooks,
        lists=tuple(lists.values()),
        enforcers=enforcers,
        workloads=parse_workloads(spec, diagnostics),
        nodes=None
        if node_selector is None
        else parse_label_selector(node_selector, diagnostics, default_source="k8s"),
        takes_unknown=read_takes_unknown(fields, metadata, diagnostics),
        mode=options.mode,
        is_multi_disabled=options.is_multi_disabled,
        override_method=options.override_method,
        sleepable_preload_size=options.preload_size,
    )
    report_mistakes(policy, diagnostics)
    return policy


# ---------------------------------------------------------------- hooks


def _parse_hooks(
    spec: Fields, policy: Policy, diagnostics: Diagnostics
) -> Iterator[Hook]:
    for name, attachment in _LISTS.items():
        for number, item in enumerate(spec.items(name)):
            path = f"spec.{name}[{number}]"
            hook = parse_hook(item, attachment, path, policy, diagnostics)
            if hook is not None:
                yield hook
    if spec.boolean("loader"):
        span = spec.key_span("loader")
        yield Hook(Attachment.LOADER, Loader(), "spec.loader", span)


def _names_hooks(spec: Fields) -> bool:
    """Whether there are hooks that were mistaken, which is reported already."""
    return not all(map(spec.is_empty, _LISTS)) or any(
        name not in _SPEC_FIELDS for name, _ in spec.entries()
    )


def _parse_macros(spec: Fields, diagnostics: Diagnostics) -> dict[str, Node]:
    """Return the macros; what is in them is read where they are used, for that hook."""
    found = {}
    for name, value in spec.mapping("selectorsMacros") or ():
        fields = Fields(
            value, f"macro {quote(name.text)}", diagnostics, known=SELECTOR_FIELDS
        )
        for forbidden in (
            "macros",
            "matchActions",
            "matchReturnActions",
            "matchWorkloads",
        ):
            if fields.has(forbidden):
                message = f"a macro cannot have '{forbidden}'"
                cure = "a macro holds filters, which are added to those of a selector"
                span = fields.key_span(forbidden)
                diagnostics.error("E1104", message, span, help=cure)
        # What is no list is told here, and once: a filter that is lost would hit everybody.
        for field in MACRO_FILTERS:
            fields.items(field)
        if not any(map(fields.has, MACRO_FILTERS)):
            message = f"the macro {quote(name.text)} has no filter"
            cure = "add one, such as matchPIDs, or take the macro away"
            diagnostics.error("E1104", message, value.span, help=cure)
        found[name.text] = value
    return found


# ---------------------------------------------------------------- lists and enforcers


def _parse_lists(spec: Fields, diagnostics: Diagnostics) -> dict[str, NameList]:
    found: dict[str, NameList] = {}
    known = ("name", "pattern", "type", "validated", "values")
    for item in spec.items("lists"):
        fields = Fields(item, "ListSpec", diagnostics, known=known)
        name = fields.string("name", required=True)
        word = fields.string("type", enum=_KINDS)
        if name is None:
            continue
        if name in found:
            message = f"there are two lists {quote(name)}"
            related = ((found[name].span, "first here"),)
            diagnostics.error("E1112", message, fields.span("name"), related=related)
            continue
        kind = _KINDS[word or ""]
        values = tuple(text for text, _ in fields.strings("values"))
        pattern = fields.string("pattern")
        fields.boolean("validated")
        _check_list(fields, kind, pattern, diagnostics)
        found[name] = NameList(name, kind, fields.span("name"), values, pattern)
    return found


def _check_list(
    fields: Fields, kind: ListKind, pattern: str | None, diagnostics: Diagnostics
) -> None:
    is_generated = kind in (ListKind.EVERY_SYSCALL, ListKind.MATCHING_FUNCTIONS)
    if is_generated and not fields.is_empty("values"):
        message = f"a list of type {kind.value} is generated, and has no values"
        diagnostics.error("E1112", message, fields.key_span("values"))
    if not is_generated and fields.is_empty("values"):
        message = "this list is empty"
        diagnostics.error("E1112", message, fields.node.span, help="add 'values'")
    if (kind is ListKind.MATCHING_FUNCTIONS) != bool(pattern):
        message = "'pattern' belongs to a list of type generated_ftrace"
        if kind is ListKind.MATCHING_FUNCTIONS:
            message = "a list of type generated_ftrace needs a 'pattern'"
        diagnostics.error("E1112", message, fields.node.span)
    if pattern:
        try:
            re.compile(pattern)
        except re.error as error:
            message = f"{quote(pattern)} is no regular expression: {error}"
            diagnostics.error("E1112", message, fields.span("pattern"))


def _parse_enforcers(
    spec: Fields, lists: Mapping[str, NameList], diagnostics: Diagnostics
) -> Iterator[Enforcer]:
    for item in spec.items("enforcers"):
        fields = Fields(item, "EnforcerSpec", diagnostics, known=("calls",))
        fields.sequence("calls", required=True)
        calls = []
        for name, _ in fields.strings("calls"):
            is_syscall = name.startswith(LIST) or not name.startswith("security_")
            call = parse_call(name, fields, "calls", lists, diagnostics, is_syscall)
            if call is not None:
                calls.append(call)
        yield Enforcer(tuple(calls), fields.node.span)


def _check_lists(
    hooks: tuple[Hook, ...], lists: Mapping[str, NameList], diagnostics: Diagnostics
) -> None:
    """Refuse filters that name a list which is not there."""
    for hook in hooks:
        for selector in hook.selectors:
            for match in (*selector.arguments, *selector.data, *selector.returns):
                for reference in match.lists:
                    if reference.name not in lists:
                        message = f"there is no list {quote(reference.name)}"
                        cure = did_you_mean(reference.name, lists)
                        diagnostics.error(
                            "E1103",
                            message,
                            match.span,
                            help=cure or "define it in 'lists'",
                        )


def _check_enforced(
    hooks: tuple[Hook, ...], enforcers: tuple[Enforcer, ...], diagnostics: Diagnostics
) -> None:
    """Refuse to notify an enforcer that is not there."""
    if enforcers:
        return
    for hook in hooks:
        for selector in hook.selectors:
            for action in (*selector.actions, *selector.return_actions):
                if action.kind is ActionKind.NOTIFY_ENFORCER:
                    message = "NotifyEnforcer notifies nobody: there are no 'enforcers'"
                    cure = "add 'enforcers' with the calls at which to enforce"
                    diagnostics.error("E1113", message, action.span, help=cure)


# ---------------------------------------------------------------- options


class _Options(NamedTuple):
    mode: Mode = Mode.ENFORCE
    is_multi_disabled: bool = False
    override_method: str | None = None
    preload_size: int | None = None


def _parse_options(spec: Fields, diagnostics: Diagnostics) -> _Options:
    found: dict[str, Any] = {}
    seen: set[str] = set()
    for item in spec.items("options"):
        fields = Fields(item, "OptionSpec", diagnostics, known=("name", "value"))
        name = fields.string("name", enum=_OPTIONS, required=True)
        value = fields.string("value", required=True)
        if name is None or value is None:
            continue
        field, read, wanted = _OPTIONS[name]
        if name in seen:
            message = f"the option {name} stands twice, and only one can hold"
            help_text = "keep the one that is meant"
            diagnostics.error("E1110", message, fields.span("name"), help=help_text)
        seen.add(name)
        known = read(value)
        if known is None:
            message = f"{quote(value)} is no value of the option {name}"
            diagnostics.error("E1110", message, fields.span("value"), help=wanted)
        else:
            # One of two options that disable the same is enough.
            found[field] = known or found.get(field, known)
    return _Options(**found)


def _positive(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,8}", text) else None


def _override_method(text: str) -> str | None:
    return text if text in ("fmod-ret", "override-return") else None


_OPTIONS: dict[str, tuple[str, Callable[[str], Any], str]] = {
    "disable-kprobe-multi": ("is_multi_disabled", _BOOLEANS.get, "true or false"),
    "disable-uprobe-multi": ("is_multi_disabled", _BOOLEANS.get, "true or false"),
    "override-method": (
        "override_method",
        _override_method,
        "fmod-ret or override-return",
    ),
    "policy-mode": ("mode", _MODES.get, "enforce or monitor"),
    "sleepable-preload-size": ("preload_size", _positive, "a number of bytes"),
}

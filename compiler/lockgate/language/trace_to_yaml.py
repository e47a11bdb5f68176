"""Tracing policies of the IR as objects of the API: the inverse of ``frontend/tracing``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lockgate.frontend.tracing.annotations import LEFT_OUT, UNKNOWN
from lockgate.frontend.tracing.names import (
    CAPABILITIES,
    FAMILIES,
    FILE_TYPES,
    PROTOCOLS,
    TCP_STATES,
)
from lockgate.frontend.tracing.operators import OPERATORS
from lockgate.ir.tracing import (
    Attachment,
    KernelFunction,
    KernelFunctions,
    LsmHook,
    Mode,
    Tracepoint,
    UserFunction,
    UserProbe,
)
from lockgate.ir.tracing_actions import Action, ActionKind, RateLimitScope
from lockgate.ir.tracing_arguments import Source
from lockgate.ir.tracing_selectors import Comparison
from lockgate.language.yaml_selectors import cilium_key, label_selector

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lockgate.ir.labels import Selector
    from lockgate.ir.tracing import Hook, TracingPolicy
    from lockgate.ir.tracing_arguments import Argument
    from lockgate.ir.tracing_selectors import (
        BinaryMatch,
        CapabilityMatch,
        HookSelector,
        ValueMatch,
        WorkloadMatch,
    )

Object = dict[str, Any]

_LISTS = {
    Attachment.KPROBE: "kprobes",
    Attachment.FENTRY: "fentries",
    Attachment.TRACEPOINT: "tracepoints",
    Attachment.LSM: "lsmhooks",
    Attachment.UPROBE: "uprobes",
    Attachment.USDT: "usdts",
}
_NAMES: Mapping[Comparison, Mapping[int, str]] = {
    Comparison.PROTOCOL: {n: name for name, n in PROTOCOLS.items()},
    Comparison.FAMILY: {n: name for name, n in reversed(FAMILIES.items())},
    Comparison.STATE: {n: name for name, n in TCP_STATES.items()},
    Comparison.FILE_TYPE: {n: name for name, n in FILE_TYPES.items()},
}
_OF_BINARIES = {"Equal": "In", "NotEqual": "NotIn"}


def tracing_object(policy: TracingPolicy) -> Object:
    """Return the object that says what a policy says."""
    spec: Object = _workloads(policy.workloads)
    if policy.nodes is not None:
        spec["nodeSelector"] = _selector(policy.nodes)
    if policy.lists:
        spec["lists"] = [
            _without_nothing(
                name=one.name,
                type=one.kind.value,
                values=list(one.values),
                pattern=one.pattern,
            )
            for one in policy.lists
        ]
    for hook in policy.hooks:
        if hook.attachment is Attachment.LOADER:
            spec["loader"] = True
        else:
            spec.setdefault(_LISTS[hook.attachment], []).append(_hook(hook))
    if policy.enforcers:
        spec["enforcers"] = [
            {"calls": [_call(call) for call in one.calls]} for one in policy.enforcers
        ]
    options = {
        "policy-mode": "monitor" if policy.mode is Mode.MONITOR else None,
        "disable-kprobe-multi": "true" if policy.is_multi_disabled else None,
        "override-method": policy.override_method,
        "sleepable-preload-size": policy.sleepable_preload_size,
    }
    listed = [{"name": k, "value": str(v)} for k, v in options.items() if v is not None]
    if listed:
        spec["options"] = listed
    metadata: Object = {"name": policy.name}
    if not policy.takes_unknown:
        metadata["annotations"] = {UNKNOWN: LEFT_OUT}
    if policy.namespace:
        metadata["namespace"] = policy.namespace
    return {
        "apiVersion": "cilium.io/v1alpha1",
        "kind": policy.kind,
        "metadata": metadata,
        "spec": spec,
    }


def _without_nothing(**fields: Any) -> Object:  # noqa: ANN401  # any value
    return {k: v for k, v in fields.items() if v not in (None, "", [], (), False)}


def _selector(selector: Selector) -> Object:
    pairs = []
    for r in selector.requirements:
        key = r.key if r.source == "k8s" else cilium_key(r)
        pairs.append((key, r))
    return label_selector(pairs)


def _workloads(workloads: WorkloadMatch) -> Object:
    found: Object = {}
    if workloads.pods is not None:
        found["podSelector"] = _selector(workloads.pods)
    if workloads.containers is not None and workloads.containers.requirements:
        found["containerSelector"] = _selector(workloads.containers)
    if workloads.host:
        found["hostSelector"] = {}
    return found


# ---------------------------------------------------------------- hooks


def _call(call: KernelFunction | KernelFunctions) -> str:
    return f"list:{call.list}" if isinstance(call, KernelFunctions) else call.name


def _place(hook: Hook) -> Object:
    match hook.place:
        case (
            KernelFunction(is_syscall=is_syscall)
            | KernelFunctions(are_syscalls=is_syscall)
        ):
            return {"call": _call(hook.place), "syscall": is_syscall}
        case Tracepoint(subsystem, event, is_raw):
            return {"subsystem": subsystem, "event": event} | (
                {"raw": True} if is_raw else {}
            )
        case LsmHook(name):
            return {"hook": name}
        case UserFunction() as place:
            return _without_nothing(
                path=place.path,
                btfPath=place.types,
                symbols=list(place.symbols),
                offsets=list(place.offsets),
                addrs=list(place.addresses),
                refCtrOffsets=list(place.reference_counters),
                binaryDigests=list(place.digests),
                ignore={"digestVerificationFailure": True}
                if place.is_skipped_on_digest
                else None,
            )
        case UserProbe(path, provider, name, types):
            return _without_nothing(
                path=path, btfPath=types, provider=provider, name=name
            )
    raise AssertionError("a loader is no item of a list")


def _hook(hook: Hook) -> Object:
    said = _place(hook)
    if hook.is_optional:
        said["ignore"] = {"callNotFound": True}
    said |= _without_nothing(
        message=hook.message,
        tags=list(hook.tags),
        args=[_argument(one) for one in hook.arguments],
        data=[_argument(one, is_data=True) for one in hook.data],
    )
    if hook.has_return:
        said["return"] = True
    if hook.returned is not None:
        said["returnArg"] = _argument(hook.returned)
    if hook.return_action is not None:
        said["returnArgAction"] = hook.return_action.value
    if hook.selectors:
        said["selectors"] = [_hook_selector(hook, one) for one in hook.selectors]
    return said


def _argument(argument: Argument, *, is_data: bool = False) -> Object:
    said: Object = {} if is_data and not argument.index else {"index": argument.index}
    said["type"] = argument.type.value
    source = None if argument.source is Source.ARGUMENT else argument.source.value
    size = None if argument.size_index is None else argument.size_index + 1
    return said | _without_nothing(
        label=argument.label,
        source=source,
        resolve=".".join(argument.resolve),
        btfType=argument.cast,
        btfTypeModule=argument.cast_module,
        sizeArgIndex=size,
        returnCopy=argument.is_copied_at_return,
        maxData=argument.is_long,
    )


# ---------------------------------------------------------------- selectors


def _hook_selector(hook: Hook, selector: HookSelector) -> Object:
    numbers = [argument.index for argument in hook.arguments]
    return _without_nothing(
        label=selector.label,
        matchPIDs=[
            _operated(one.is_negated, list(one.pids))
            | _without_nothing(
                isNamespacePID=one.is_namespaced, followForks=one.follows_forks
            )
            for one in selector.pids
        ],
        matchArgs=[_value(one, numbers) for one in selector.arguments],
        matchData=[_value(one, None) for one in selector.data],
        matchReturnArgs=[_value(one, None) for one in selector.returns],
        matchBinaries=[_binary(one) for one in selector.binaries],
        matchParentBinaries=[_binary(one) for one in selector.parent_binaries],
        matchNamespaces=[
            {"namespace": one.namespace.value}
            | _operated(
                one.is_negated,
                [*(["host_ns"] if one.is_host else []), *map(str, one.inodes)],
            )
            for one in selector.namespaces
        ],
        matchNamespaceChanges=[
            _operated(one.is_negated, [n.value for n in one.namespaces])
            for one in selector.namespace_changes
        ],
        matchCapabilities=[_capabilities(one) for one in selector.capabilities],
        matchCapabilityChanges=[
            _capabilities(one) for one in selector.capability_changes
        ],
        matchWorkloads=_workloads(selector.workloads) or None,
        matchActions=[_action(one) for one in selector.actions],
        matchReturnActions=[_action(one) for one in selector.return_actions],
    )


def _operated(is_negated: bool, values: Iterable[object]) -> Object:
    return {"operator": "NotIn" if is_negated else "In", "values": list(values)}


def _word(comparison: Comparison, is_negated: bool) -> str:
    return next(
        word for word, pair in OPERATORS.items() if pair == (comparison, is_negated)
    )


def _value(match: ValueMatch, numbers: list[int] | None) -> Object:
    """Return a filter; ``numbers`` are the arguments' own, None where places are meant."""
    places = list(match.arguments)
    said: Object
    if numbers is None:
        said = {"index": places[0] if places else 0}
    elif len(places) == 1 and numbers.count(numbers[places[0]]) == 1:
        said = {"index": numbers[places[0]]}
    else:
        said = {"args": places}
    values: list[str] = list(match.texts)
    if not values:
        names = _NAMES.get(match.comparison, {})
        values += [str(network) for network in match.networks]
        values += [
            names.get(r.first, str(r.first))
            if r.first == r.last and match.comparison is not Comparison.IN_RANGE
            else f"{r.first}:{r.last}"
            for r in match.ranges
        ]
    values += [f"list:{one.name}" for one in match.lists]
    said["operator"] = _word(match.comparison, match.is_negated)
    return said | _without_nothing(values=list(dict.fromkeys(values)))


def _binary(match: BinaryMatch) -> Object:
    word = _word(match.comparison, match.is_negated)
    said = {"operator": _OF_BINARIES.get(word, word), "values": list(match.values)}
    return said | _without_nothing(followChildren=match.follows_children)


def _capabilities(match: CapabilityMatch) -> Object:
    names = [name for name, n in CAPABILITIES.items() if match.capabilities >> n & 1]
    return (
        {"type": match.set.value}
        | _operated(match.is_negated, names)
        | _without_nothing(isNamespaceCapability=match.is_namespaced)
    )


# ---------------------------------------------------------------- actions


def _action(action: Action) -> Object:  # noqa: C901  # one case each
    kind = action.kind
    if kind is ActionKind.SIGNAL and action.signal == 9:
        return {"action": "Sigkill"}
    said: Object = {"action": kind.value.partition("(")[0]}
    match kind:
        case ActionKind.SIGNAL:
            said["argSig"] = action.signal
        case ActionKind.OVERRIDE:
            said["argError"] = action.error
        case ActionKind.NOTIFY_ENFORCER:
            said["argError"] = action.error
            said |= _without_nothing(argSig=action.signal)
        case ActionKind.OVERRIDE_REGISTERS:
            said["argRegs"] = action.text.split(",")
        case ActionKind.OVERRIDE_CALL:
            name, _, value = action.text.partition("=")
            said[name] = value
        case ActionKind.GET_URL:
            said["argUrl"] = action.text
        case ActionKind.DNS_LOOKUP:
            said["argFqdn"] = action.text
        case ActionKind.TRACK_SOCK | ActionKind.UNTRACK_SOCK:
            said["argSock"] = action.argument
        case ActionKind.SET:
            said |= {"argIndex": action.argument, "argValue": action.value}
    if kind is ActionKind.POST:
        scope = action.rate_limit_scope
        rate = f"{action.rate_limit}s" if action.rate_limit else ""
        is_told = rate and scope is not RateLimitScope.THREAD
        said |= _without_nothing(
            rateLimit=rate,
            rateLimitScope=scope.value if is_told else "",
            kernelStackTrace=action.has_kernel_stack,
            userStackTrace=action.has_user_stack,
            imaHash=action.has_hash,
        )
    return said

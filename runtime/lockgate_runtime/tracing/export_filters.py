"""Filters of the reference's export: which events are allowed, and which denied.

::

    {"event_set": ["PROCESS_EXEC"], "binary_regex": ["^/usr/bin/"]}      allow or deny list

All conditions of one filter must hold; a list of filters is a choice.  A field that is not known
is refused: a deny list that is not understood would let through what it forbids.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from lockgate_runtime.tracing.cel import CelError, compile_filter
from lockgate_runtime.tracing.event_schema import EVENTS
from lockgate_runtime.tracing.label_selectors import read_selector
from lockgate_runtime.tracing.words import CAPABILITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Holds = Callable[[dict[str, Any]], bool]

_SETS = ("permitted", "effective", "inheritable")
_PROBES = re.compile(r"^(?:/usr)?/bin/(?:grpc_health_probe|health)$")


class FilterError(ValueError):
    """A filter that is none."""


_NUMBERS = {
    1: "process_exec",
    5: "process_exit",
    9: "process_kprobe",
    10: "process_tracepoint",
    11: "process_loader",
    12: "process_uprobe",
    27: "process_throttle",
    28: "process_lsm",
    29: "process_usdt",
    40001: "rate_limit_info",
}
"""Events by the reference's numbers for them."""
_EVENTS = frozenset(EVENTS)


def event_name(event: dict[str, Any]) -> str:
    """Return which event it is, ``process_exec`` and the like."""
    return next((name for name in event if name in _EVENTS), "")


def event_names(wanted: object) -> frozenset[str]:
    """Read a list of events, ``PROCESS_EXEC`` or its number; FilterError for others."""
    if not isinstance(wanted, list):
        raise FilterError("event_set is a list")
    names = [_NUMBERS.get(item, str(item).lower()) for item in wanted]
    for name in names:
        if name not in _EVENTS:
            known = ", ".join(event.upper() for event in EVENTS)
            raise FilterError(f"unknown event {name}; known: {known}")
    return frozenset(names)


def snake_case(name: str) -> str:
    """Spell a field as it stands in events; the interface takes ``binaryRegex``, too.

    >>> snake_case("binaryRegex")
    'binary_regex'
    """
    return re.sub("[A-Z]", lambda match: "_" + match[0].lower(), name)


def _body(event: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = event.get(event_name(event)) or {}
    return found


def _process(event: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _body(event).get("process") or {}
    return found


def _parent(event: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _body(event).get("parent") or {}
    return found


def _ancestors(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    parent = _parent(event)
    if parent:
        yield parent
    yield from _body(event).get("ancestors") or ()


def _text(of: dict[str, Any], name: str) -> list[str]:
    """Return a field's text, of something that is there."""
    return [of.get(name, "")] if of else []


def read_filters(texts: Iterable[str]) -> Holds:
    """Return the test of a list of filters, each JSON, several of them in lines."""
    filters = [
        _read_filter(json.loads(line))
        for text in texts
        for line in text.splitlines()
        if line.strip()
    ]
    return lambda event: any(holds(event) for holds in filters)


def _read_filter(value: object) -> Holds:
    if not isinstance(value, dict):
        raise FilterError("a filter is an object")
    value = {snake_case(name): wanted for name, wanted in value.items()}
    unknown = value.keys() - _CONDITIONS.keys()
    if unknown:
        raise FilterError(
            f"unknown field {sorted(unknown)[0]}; known: {', '.join(_CONDITIONS)}"
        )
    conditions = [_CONDITIONS[name](wanted) for name, wanted in value.items()]
    return lambda event: all(holds(event) for holds in conditions)


def _regex(
    read: Callable[[dict[str, Any]], Iterable[str]],
) -> Callable[[object], Holds]:
    """Make a condition of regular expressions, of which one must be found in one text."""

    def condition(wanted: object) -> Holds:
        patterns = [compile_pattern(text) for text in strings(wanted)]
        return lambda event: any(
            pattern.search(text) for text in read(event) for pattern in patterns
        )

    return condition


def _member(read: Callable[[dict[str, Any]], object]) -> Callable[[object], Holds]:
    def condition(wanted: object) -> Holds:
        if not isinstance(wanted, list):
            raise FilterError("a list is expected")
        return lambda event: read(event) in wanted

    return condition


def _event_set(wanted: object) -> Holds:
    names = event_names(wanted)
    return lambda event: event_name(event) in names


def _pid_set(wanted: object) -> Holds:
    """Hold for a process and all of its descendants."""
    if not isinstance(wanted, list):
        raise FilterError("a list is expected")
    return lambda event: any(
        process.get("pid") in wanted
        for process in (_process(event), *_ancestors(event))
    )


def _flag(read: Callable[[dict[str, Any]], bool]) -> Callable[[object], Holds]:
    def condition(wanted: object) -> Holds:
        if not isinstance(wanted, bool):
            raise FilterError("true or false is expected")
        return lambda event: read(event) == wanted

    return condition


def _capabilities(wanted: object) -> Holds:
    if not isinstance(wanted, dict) or wanted.keys() - set(_SETS):
        raise FilterError(f"capabilities has {', '.join(_SETS)}")
    conditions = [_capability_set(name, rule) for name, rule in wanted.items()]
    return lambda event: all(holds(event) for holds in conditions)


def _capability_set(name: str, rule: object) -> Holds:
    tests: dict[str, Callable[[set[str], set[str]], bool]] = {
        "any": lambda has, given: bool(has & given),
        "all": lambda has, given: has >= given,
        "exactly": lambda has, given: has == given,
        "none": lambda has, given: not has & given,
    }
    if not isinstance(rule, dict) or rule.keys() - tests.keys():
        raise FilterError(f"a set of capabilities has {', '.join(tests)}")
    if len(rule) != 1:
        raise FilterError(f"a set of capabilities has one of {', '.join(tests)}")
    wanted = [(tests[word], _capability_names(names)) for word, names in rule.items()]

    def holds(event: dict[str, Any]) -> bool:
        has = set(_process(event).get("cap", {}).get(name, ()))
        return all(test(has, names) for test, names in wanted)

    return holds


def _capability_names(value: object) -> set[str]:
    """Read names of capabilities; the reference spells one of them without CAP_."""
    names = {
        name if name in CAPABILITIES else name.removeprefix("CAP_")
        for name in strings(value)
    }
    if unknown := names - set(CAPABILITIES):
        raise FilterError(f"unknown capability {sorted(unknown)[0]}")
    return names


def _labels(wanted: object) -> Holds:
    selectors = []
    for text in strings(wanted):
        try:
            selectors.append(read_selector(text))
        except ValueError as error:
            raise FilterError(f"{text!r} is no selector of labels: {error}") from None

    def holds(event: dict[str, Any]) -> bool:
        pod = _pod(event)
        labels = pod.get("pod_labels") or {}
        return bool(pod) and any(matches(labels) for matches in selectors)

    return holds


def _cel(wanted: object) -> Holds:
    tests = []
    for text in strings(wanted):
        try:
            tests.append(compile_filter(text))
        except CelError as error:
            raise FilterError(
                f"cel_expression, character {error.at + 1}: {error}\n"
                f"  {text}\n  {' ' * error.at}^"
            ) from None
    return lambda event: any(test(event) for test in tests)


def _is_health_check(event: dict[str, Any]) -> bool:
    """Whether a probe of the kubelet's was executed, as far as it shows."""
    return any(
        (_container_of(process).get("maybe_exec_probe") is True)
        or _PROBES.match(process.get("binary", ""))
        for process in (_process(event), _parent(event))
    )


def _container_of(process: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (process.get("pod") or {}).get("container") or {}
    return found


def _pod(event: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _process(event).get("pod") or {}
    return found


def _container(event: dict[str, Any]) -> dict[str, Any]:
    return _container_of(_process(event))


def _policy(event: dict[str, Any]) -> object:
    return _body(event).get("policy_name", "")


_CONDITIONS: dict[str, Callable[[object], Holds]] = {
    "binary_regex": _regex(lambda e: _text(_process(e), "binary")),
    "namespace": _member(lambda e: _pod(e).get("namespace", "")),
    "health_check": _flag(_is_health_check),
    "pid": _member(lambda e: _process(e).get("pid")),
    "pid_set": _pid_set,
    "event_set": _event_set,
    "pod_regex": _regex(lambda e: _text(_pod(e), "name")),
    "arguments_regex": _regex(lambda e: _text(_process(e), "arguments")),
    "labels": _labels,
    "policy_names": _member(_policy),
    "capabilities": _capabilities,
    "cel_expression": _cel,
    "parent_binary_regex": _regex(lambda e: _text(_parent(e), "binary")),
    "parent_arguments_regex": _regex(lambda e: _text(_parent(e), "arguments")),
    "container_id": _regex(lambda e: _text(_process(e), "docker")),
    "in_init_tree": _flag(lambda e: bool(_process(e).get("in_init_tree"))),
    "ancestor_binary_regex": _regex(
        lambda e: (a.get("binary", "") for a in _body(e).get("ancestors") or ())
    ),
    "container_name_regex": _regex(lambda e: _text(_container(e), "name")),
    "namespace_regex": _regex(lambda e: _text(_pod(e), "namespace")),
}
NEED_ANCESTORS = ("pid_set", "ancestor_binary_regex")


def compile_pattern(text: str) -> re.Pattern[str]:
    """Return a regular expression; FilterError where it is none."""
    try:
        return re.compile(text)
    except re.error as error:
        raise FilterError(f"{text!r} is no regular expression: {error}") from None


def strings(value: object) -> list[str]:
    """Return a list of strings; FilterError where it is none."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise FilterError("a list of strings is expected")
    return value

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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Holds = Callable[[dict[str, Any]], bool]

_SETS = ("permitted", "effective", "inheritable")
_PROBES = re.compile(r"^(?:/usr)?/bin/(?:grpc_health_probe|health)$")


class FilterError(ValueError):
    """A filter that is none."""


def event_name(event: dict[str, Any]) -> str:
    """Return which event it is, ``process_exec`` and the like."""
    return next((name for name in event if name.startswith("process_")), "")


def _process(event: dict[str, Any]) -> dict[str, Any]:
    body = event.get(event_name(event), {})
    found: dict[str, Any] = body.get("process") or {}
    return found


def _parent(event: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = event.get(event_name(event), {}).get("parent") or {}
    return found


def _ancestors(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    parent = _parent(event)
    if parent:
        yield parent
    yield from event.get(event_name(event), {}).get("ancestors") or ()


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
    names = {name.lower() for name in strings(wanted)}
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
    wanted = [(tests[word], set(strings(names))) for word, names in rule.items()]

    def holds(event: dict[str, Any]) -> bool:
        has = set(_process(event).get("cap", {}).get(name, ()))
        return all(test(has, names) for test, names in wanted)

    return holds


def _pod(event: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _process(event).get("pod") or {}
    return found


def _container(event: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _pod(event).get("container") or {}
    return found


def _policy(event: dict[str, Any]) -> object:
    return event.get(event_name(event), {}).get("policy_name", "")


_CONDITIONS: dict[str, Callable[[object], Holds]] = {
    "binary_regex": _regex(lambda e: [_process(e).get("binary", "")]),
    "namespace": _member(lambda e: _pod(e).get("namespace", "")),
    "health_check": _flag(lambda e: bool(_PROBES.match(_process(e).get("binary", "")))),
    "pid": _member(lambda e: _process(e).get("pid")),
    "pid_set": _pid_set,
    "event_set": _event_set,
    "pod_regex": _regex(lambda e: [_pod(e).get("name", "")]),
    "arguments_regex": _regex(lambda e: [_process(e).get("arguments", "")]),
    "policy_names": _member(_policy),
    "capabilities": _capabilities,
    "parent_binary_regex": _regex(lambda e: [_parent(e).get("binary", "")]),
    "parent_arguments_regex": _regex(lambda e: [_parent(e).get("arguments", "")]),
    "container_id": _regex(lambda e: [_process(e).get("docker", "")]),
    "in_init_tree": _flag(lambda e: bool(_process(e).get("in_init_tree"))),
    "ancestor_binary_regex": _regex(
        lambda e: (a.get("binary", "") for a in _ancestors(e))
    ),
    "container_name_regex": _regex(lambda e: [_container(e).get("name", "")]),
    "namespace_regex": _regex(lambda e: [_pod(e).get("namespace", "")]),
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

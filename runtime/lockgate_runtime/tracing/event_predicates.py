"""Filters of events in JSON: what ``lockgate events --filter`` compiles an expression to.

::

    {"version": 1, "event": {"all": [{"field": "event", "in": ["exec"]},
                                     {"field": "binary", "like": ["/usr/bin/*"]},
                                     {"not": {"field": "ancestor", "regex": "sshd$"}}]}}

``all``, ``any`` and ``not`` join; ``in`` compares, ``like`` knows ``*``, ``regex`` is searched for.
What is not known is refused, never ignored.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lockgate_runtime.tracing.export_filters import (
    FilterError,
    compile_pattern,
    event_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Event = dict[str, Any]
    Holds = Callable[[Event], bool]

VERSION = 1


def _process(event: Event) -> Event:
    found: Event = event.get(event_name(event), {}).get("process") or {}
    return found


def _parents(event: Event) -> list[Event]:
    parent = event.get(event_name(event), {}).get("parent")
    return [parent] if parent else []


def _ancestors(event: Event) -> list[Event]:
    return [
        *_parents(event),
        *(event.get(event_name(event), {}).get("ancestors") or ()),
    ]


def _of_process(name: str) -> Callable[[Event], Iterable[object]]:
    return lambda event: [_process(event).get(name, "")]


def _of_event(name: str) -> Callable[[Event], Iterable[object]]:
    return lambda event: [event.get(event_name(event), {}).get(name, "")]


FIELDS: dict[str, Callable[[Event], Iterable[object]]] = {
    "event": lambda e: [event_name(e).removeprefix("process_")],
    "binary": _of_process("binary"),
    "arguments": _of_process("arguments"),
    "cwd": _of_process("cwd"),
    "pid": _of_process("pid"),
    "uid": _of_process("uid"),
    "auid": _of_process("auid"),
    "container": _of_process("docker"),
    "unit": _of_process("systemd_unit"),
    "pod": lambda e: [(_process(e).get("pod") or {}).get("uid", "")],
    "capability": lambda e: _process(e).get("cap", {}).get("effective", ()),
    "parent": lambda e: [one.get("binary", "") for one in _parents(e)],
    "ancestor": lambda e: [one.get("binary", "") for one in _ancestors(e)],
    "policy": lambda e: [
        *_of_event("policy_name")(e),
        *(e.get(event_name(e), {}).get("policy_names") or ()),
    ],
    "function": _of_event("function_name"),
    "action": lambda e: [
        str(value).removeprefix("KPROBE_ACTION_").lower()
        for value in _of_event("action")(e)
    ],
    "signal": _of_event("signal"),
    "status": lambda e: [e.get(event_name(e), {}).get("status", 0)],
    "node": lambda e: [e.get("node_name", "")],
    "path": lambda e: [
        value.get("path", "")
        for argument in e.get(event_name(e), {}).get("args", ())
        for name, value in argument.items()
        if name in ("file_arg", "path_arg", "linux_binprm_arg")
    ],
}
"""What of an event can be asked for; most have one value, some several."""


def read_predicate(value: object) -> Holds:
    """Return the test that a predicate describes; FilterError where it is none of ours."""
    if not isinstance(value, dict) or value.get("version") != VERSION:
        raise FilterError(f"this is no predicate of version {VERSION}")
    if value.keys() != {"version", "event"}:
        raise FilterError("a predicate has the fields 'version' and 'event'")
    return _read(value["event"])


def _read(value: object) -> Holds:
    if not isinstance(value, dict):
        raise FilterError("a condition is an object")
    keys = value.keys()
    if keys == {"all"}:
        every = [_read(item) for item in _list(value["all"])]
        return lambda event: all(holds(event) for holds in every)
    if keys == {"any"}:
        some = [_read(item) for item in _list(value["any"])]
        return lambda event: any(holds(event) for holds in some)
    if keys == {"not"}:
        inner = _read(value["not"])
        return lambda event: not inner(event)
    if "field" in keys and len(keys) == 2:
        read = FIELDS.get(value["field"])
        if read is None:
            raise FilterError(
                f"unknown field {value['field']}; known: {', '.join(FIELDS)}"
            )
        return _read_test(read, value)
    raise FilterError(f"unknown condition on an event: {', '.join(sorted(keys))}")


def _read_test(
    read: Callable[[Event], Iterable[object]], value: dict[str, Any]
) -> Holds:
    if "in" in value:
        wanted = frozenset(map(str, _list(value["in"])))
        return lambda event: any(str(one) in wanted for one in read(event))
    if "like" in value:
        texts = [".*".join(map(re.escape, t.split("*"))) for t in _list(value["like"])]
        pattern = re.compile("|".join(texts), re.DOTALL)
        return lambda event: any(pattern.fullmatch(str(one)) for one in read(event))
    if "regex" in value:
        search = compile_pattern(value["regex"]).search
        return lambda event: any(search(str(one)) for one in read(event))
    raise FilterError("a field has 'in', 'like' or 'regex'")


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise FilterError("a list is expected")
    return value

"""Whatever stands where something else should: it is told, and told once."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from tests.frontend.reading import read

if TYPE_CHECKING:
    from collections.abc import Iterator

_SELECTOR: dict[str, Any] = {
    "matchPIDs": [{"operator": "In", "values": [1], "followForks": True}],
    "matchArgs": [{"index": 0, "operator": "Equal", "values": ["5"]}],
    "matchReturnArgs": [{"index": 0, "operator": "Equal", "values": ["0"]}],
    "matchBinaries": [{"operator": "In", "values": ["/bin/cat"]}],
    "matchParentBinaries": [{"operator": "In", "values": ["/bin/sh"]}],
    "matchNamespaces": [{"namespace": "Pid", "operator": "In", "values": ["1"]}],
    "matchNamespaceChanges": [{"operator": "In", "values": ["Mnt"]}],
    "matchCapabilities": [
        {"type": "Effective", "operator": "In", "values": ["CAP_KILL"]}
    ],
    "matchActions": [{"action": "Override", "argError": -1}, {"action": "Post"}],
}
SPEC: dict[str, Any] = {
    "podSelector": {"matchLabels": {"app": "web"}},
    "lists": [{"name": "calls", "type": "syscalls", "values": ["sys_read"]}],
    "options": [{"name": "policy-mode", "value": "monitor"}],
    "kprobes": [
        {
            "call": "security_file_open",
            "syscall": False,
            "message": "opened",
            "tags": ["files"],
            "args": [{"index": 0, "type": "int", "label": "x"}],
            "data": [{"type": "int", "source": "current_task", "resolve": "pid"}],
            "return": True,
            "returnArg": {"index": 0, "type": "int"},
            "selectors": [_SELECTOR],
        }
    ],
    "tracepoints": [{"subsystem": "sched", "event": "sched_switch"}],
    "lsmhooks": [{"hook": "file_open", "args": [{"index": 0, "type": "file"}]}],
    "uprobes": [{"path": "/bin/bash", "symbols": ["readline"], "offsets": []}],
    "usdts": [{"path": "/bin/bash", "provider": "p", "name": "n"}],
}


def _lists(value: object, way: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _lists(inner, (*way, key))
    elif isinstance(value, list):
        yield way
        for number, inner in enumerate(value):
            yield from _lists(inner, (*way, number))


def _with(way: tuple[Any, ...], wrong: object) -> dict[str, Any]:
    spec = deepcopy(SPEC)
    around: Any = spec
    for step in way[:-1]:
        around = around[step]
    around[way[-1]] = wrong
    return spec


def test_each_mistake_is_told_once() -> None:
    """Each list in turn is none, or has a number in it; no message comes twice."""
    for way in _lists(SPEC):
        for wrong in (5, [5]):
            policy = {
                "apiVersion": "cilium.io/v1alpha1",
                "kind": "TracingPolicy",
                "metadata": {"name": "example"},
                "spec": _with(way, wrong),
            }
            found = read(json.dumps(policy)).diagnostics.found
            told = [(one.code, one.message, one.span) for one in found]
            assert len(told) == len(set(told)), (way, wrong, told)


def test_what_is_no_list_is_not_called_empty() -> None:
    """It is one mistake, not two."""
    for spec in (
        "kprobes: {}",
        "kprobes: [{call: f}]\n  lists: [{name: x, values: 5}]",
    ):
        found = read(
            "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\n"
            f"metadata: {{name: example}}\nspec:\n  {spec}\n"
        )
        assert found.codes == ["E1005"]

"""All trials of a plan: first without policies, then with them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate_runtime.apply import Request, apply
from lockgate_runtime.pins import Pins
from lockgate_runtime.state import State
from lockgate_runtime.tracing.stream import EventStream
from lockgate_runtime.trial.run import Run, run
from lockgate_runtime.trial.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lockgate_runtime.trial.plan import Plan, Trial

_ROOT = Path("/sys/fs/bpf/lockgate")
_STATE = Path("/run/lockgate")
_QUIET = 30
"""Milliseconds without an event after which nothing more is expected."""
_HOOKS = {
    "process_kprobe": "function_name",
    "process_lsm": "function_name",
    "process_tracepoint": "event",
    "process_uprobe": "symbol",
    "process_usdt": "name",
    "process_loader": "path",
}
"""Kinds of events that policies make, and the field that says where."""


def run_all(plan: Plan, bundle: Path, workload: Path) -> dict[str, Any]:
    """Return what each trial did before and under the policies of a bundle.

    Raises NodeError where the bundle is refused.
    """
    stage = Stage(workload.read_bytes())
    before = [_run_once(stage, trial, plan.seconds) for trial in plan.trials]
    node = os.uname().nodename
    apply(Request(bundle, _ROOT, _STATE, node), _silent, _silent)
    with EventStream(
        Pins(_ROOT), State(_ROOT, _STATE), node, ancestry=frozenset()
    ) as stream:
        under = [
            _run_watched(stage, trial, plan.seconds, stream) for trial in plan.trials
        ]
    return {
        "kernel": os.uname().release,
        "trials": [
            {
                "before": first,
                "under": second,
                "links": _links(trial),
            }
            for trial, first, second in zip(plan.trials, before, under, strict=True)
        ],
    }


def _silent(_step: str = "") -> None:
    """Say nothing of steps."""


def _run_once(stage: Stage, trial: Trial, seconds: float) -> dict[str, Any]:
    try:
        stage.prepare(trial)
        with stage.acting(trial.program):
            done = run(trial, seconds, _silent)
    except OSError as error:
        return {**Run(0, "not-prepared", error.errno or 0).row(), "effect": None}
    return {**done.row(), "effect": stage.took_effect(trial)}


def _run_watched(
    stage: Stage, trial: Trial, seconds: float, stream: EventStream
) -> dict[str, Any]:
    try:
        stage.prepare(trial)
        with stage.acting(trial.program):
            done = run(trial, seconds, lambda: _drain(stream))
    except OSError as error:
        done = Run(0, "not-prepared", error.errno or 0)
    events = list(_events_of(done, stream))
    return {**done.row(), "effect": stage.took_effect(trial), "events": events}


def _drain(stream: EventStream) -> None:
    while stream.take(0):
        pass


def _events_of(done: Run, stream: EventStream) -> Iterator[dict[str, Any]]:
    """Yield what policies said of a run's process and its children."""
    family = {done.pid}
    while lines := stream.take(_QUIET):
        for line in lines:
            event = json.loads(line)
            kind = next(iter(event))
            body = event[kind]
            if not isinstance(body, dict) or not is_of_family(body, family):
                continue
            if kind in _HOOKS:
                yield _summary(kind, body)


def is_of_family(body: Mapping[str, Any], family: set[int]) -> bool:
    """Tell whether an event is of one of these processes or a child, which then is one."""
    own = body.get("process", {}).get("pid")
    parent = body.get("parent", {}).get("pid")
    if own is None or not family & {own, parent}:
        return False
    family.add(own)
    return True


def _summary(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": kind,
        "where": body.get(_HOOKS[kind], ""),
        "action": body.get("action", ""),
        "withheld": body.get("withheld_action", ""),
        "policies": body.get("policy_names") or [body.get("policy_name", "")],
        "because": body.get("because", []),
    }


def _links(trial: Trial) -> dict[str, str]:
    """Return the paths of a trial that are another in truth."""
    paths = [trial.program]
    paths += [what for kind, what in trial.needs if what.startswith("/")]
    return {path: real for path in paths if (real := os.path.realpath(path)) != path}

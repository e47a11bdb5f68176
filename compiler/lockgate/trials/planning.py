"""The statements of tests to a plan for the machine; mistakes in them are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lockgate.diagnostics import did_you_mean, quote
from lockgate.language.ast_tests import Trial
from lockgate.trials.operations import OPERATIONS, OperandError, plan_operation
from lockgate.trials.pods import cgroup_of, made

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.cluster import Pod
    from lockgate.ir.tracing import TracingPolicy
    from lockgate.language.ast import Name
    from lockgate.language.ast_tests import Test, WorkloadName

PROGRAM = "/opt/lockgate/workload"
"""Who does it where a statement does not say."""

_LARGEST_USER = 0xFFFFFFFE


@dataclass(frozen=True, slots=True)
class PlannedTrial:
    """A statement of a test, and its row in the plan."""

    test: Test
    statement: Trial
    row: dict[str, Any]


def plan_trials(
    tests: Iterable[Test],
    policies: Iterable[TracingPolicy],
    pods: Iterable[Pod],
    diagnostics: Diagnostics,
) -> list[PlannedTrial]:
    """Return the trials of all tests; E6206 for what cannot be tried."""
    known = {f"{pod.namespace}/{pod.name}": pod for pod in pods}
    names = {name for policy in policies for name in names_of(policy)}
    planned = []
    for test, statement in trials_of(tests):
        row = _plan(statement, diagnostics)
        _check_policy(statement, names, diagnostics)
        cgroup = _find_cgroup(statement.workload, known, diagnostics)
        if row is not None and cgroup is not None:
            planned.append(PlannedTrial(test, statement, row | {"cgroup": cgroup}))
    return planned


def trials_of(tests: Iterable[Test]) -> Iterator[tuple[Test, Trial]]:
    """Yield the statements about operations."""
    for test in tests:
        for statement in test.statements:
            if isinstance(statement, Trial):
                yield test, statement


def names_of(policy: TracingPolicy) -> tuple[str, ...]:
    """Return what a test may call a policy."""
    return policy.name, policy.key, policy.key.partition("/")[2]


def _check_policy(statement: Trial, names: set[str], diagnostics: Diagnostics) -> None:
    policy = statement.policy
    if policy is not None and policy.text not in names:
        diagnostics.error(
            "E6206",
            f"there is no tracing policy {quote(policy.text)}",
            policy.span,
            help=did_you_mean(policy.text, names),
        )


def _find_cgroup(
    workload: WorkloadName | None, pods: Mapping[str, Pod], diagnostics: Diagnostics
) -> str | None:
    """Return where a workload's processes are; empty for the host, None if it is refused."""
    if workload is None:
        return ""
    name = workload.pod
    pod = pods.get(name.text)
    if pod is None:
        diagnostics.error(
            "E6206",
            f"there is no pod {quote(name.text)} in what the policies stand with",
            name.span,
            help=did_you_mean(name.text, pods)
            or "name a pod of -f's files with its namespace: in pod shop/web-0",
        )
        return None
    pod = made(pod)
    containers = {one.name: one for one in pod.containers}
    chosen = workload.container
    if chosen is None and len(containers) < 2:
        return cgroup_of(pod, next(iter(containers.values()), None))
    if chosen is None or chosen.text not in containers:
        listed = ", ".join(containers) or "none"
        diagnostics.error(
            "E6206",
            f"{name.text} has no container {quote(chosen.text)}"
            if chosen
            else f"{name.text} has several containers",
            chosen.span if chosen else name.span,
            help=f"name one: in pod {name.text} container NAME; its containers: {listed}",
        )
        return None
    return cgroup_of(pod, containers[chosen.text])


def _plan(statement: Trial, diagnostics: Diagnostics) -> dict[str, Any] | None:
    operation, user = statement.operation, statement.user
    if operation.text not in OPERATIONS:
        _refuse_operation(operation, diagnostics)
        return None
    texts = [operand.text for operand in statement.operands]
    try:
        operands, needs = plan_operation(operation.text, texts)
    except OperandError as error:
        some = statement.operands
        span = (
            some[error.number].span if 0 <= error.number < len(some) else operation.span
        )
        cure = f"{operation.text}: {OPERATIONS[operation.text].meaning}"
        diagnostics.error("E6206", str(error), span, help=cure)
        return None
    program = statement.program
    if program is not None and not program.text.startswith("/"):
        diagnostics.error(
            "E6206",
            f"{quote(program.text)} is no absolute path",
            program.span,
            help='name the program that does it: by "/usr/bin/cat"',
        )
        return None
    if user is not None and not (
        user.text.isascii()
        and user.text.isdecimal()
        and int(user.text) <= _LARGEST_USER
    ):
        diagnostics.error(
            "E6206",
            f"{quote(user.text)} is not the number of a user",
            user.span,
            help="a machine for tests has no names of users: as 1000",
        )
        return None
    return {
        "operation": operation.text,
        "operands": list(operands),
        "needs": [list(need) for need in needs],
        "program": program.text if program else PROGRAM,
        "user": int(user.text) if user else None,
    }


def _refuse_operation(operation: Name, diagnostics: Diagnostics) -> None:
    diagnostics.error(
        "E6206",
        f"there is no operation {quote(operation.text)}",
        operation.span,
        help=did_you_mean(operation.text, OPERATIONS)
        or f"operations are {', '.join(OPERATIONS)}",
    )

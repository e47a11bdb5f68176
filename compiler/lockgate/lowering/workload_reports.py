"""Say at compile time what is known of the workloads that policies concern, and what not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.site import Facet
from lockgate.ir.tracing_actions import ActionKind
from lockgate.ir.workloads import UNKNOWN_NODE
from lockgate.lowering.workloads import workload_tests

if TYPE_CHECKING:
    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.cluster import Cluster
    from lockgate.ir.site import Generation, WorkloadTest
    from lockgate.ir.workloads import WorkloadClasses

_ENFORCING = frozenset(
    {
        ActionKind.SIGNAL,
        ActionKind.OVERRIDE,
        ActionKind.NOTIFY_ENFORCER,
        ActionKind.SET,
    }
)


def report_workloads(
    generation: Generation,
    cluster: Cluster,
    classes: WorkloadClasses,
    diagnostics: Diagnostics,
) -> None:
    """Report whom nobody of the snapshot is meant by, and what enforcers do with strangers."""
    tests = workload_tests(generation)
    if not tests:
        return
    concerned = _concerned(classes)
    for workload, test in tests.items():
        if workload not in concerned:
            diagnostics.warning(
                "W3136",
                "this concerns no pod, container or node of the snapshot",
                test.span,
                help="compare its selectors with the labels of what runs",
            )
    nameless = [pod for pod in cluster.pods if not pod.uid]
    if nameless:
        first = nameless[0]
        diagnostics.warning(
            "W3137",
            f"{len(nameless)} of the snapshot's pods have no uid (the first is "
            f"{first.namespace}/{first.name}): no process is known to be theirs",
            first.span,
            help="give them as the API server prints them: kubectl get pods -A -o yaml",
        )
    _report_fallbacks(generation, classes, diagnostics)


def _concerned(classes: WorkloadClasses) -> set[WorkloadTest]:
    """Return the tests that something of the snapshot, or any pod at all, may be meant by."""
    numbers = {n for pod in classes.pods for n in (pod.other, *pod.containers.values())}
    numbers |= set(classes.cgroups.values())
    numbers |= {n for node, n in classes.hosts.items() if node != UNKNOWN_NODE}
    met = [classes.known[n].holding | classes.known[n].undecided for n in numbers]
    strangers = (classes.hosts, classes.unknown_pods)
    met += [classes.known[by_node[UNKNOWN_NODE]].holding for by_node in strangers]
    return {test for tests in met for test in tests}


def _report_fallbacks(
    generation: Generation, classes: WorkloadClasses, diagnostics: Diagnostics
) -> None:
    open_ = {
        test
        for by_node in (classes.hosts, classes.unknown_pods)
        for number in by_node.values()
        for test in classes.known[number].undecided
        if test.takes_unknown
    }
    told = set()
    for site in generation.sites:
        hooks = {number: hook for hook in site.hooks for number in hook.selectors}
        for dimension in site.dimensions:
            if dimension.facet is not Facet.WORKLOAD:
                continue
            for test in dimension.tests:
                policy = hooks[test.selector].policy
                kinds = {a.kind for a in site.selectors[test.selector].actions}
                if (
                    test.workload not in open_
                    or not kinds & _ENFORCING
                    or policy.key in told
                ):
                    continue
                told.add(policy.key)
                diagnostics.note(
                    "N3135",
                    f"{policy.key} enforces on processes of pods that the snapshot does not "
                    "have, too: they may be meant",
                    policy.span,
                    help="to leave them out, annotate the policy: "
                    "lockgate.dev/unknown-workloads: left-out",
                )

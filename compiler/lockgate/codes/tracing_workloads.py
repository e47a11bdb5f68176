"""N3135, W3136-W3137: which pods, containers and nodes tracing policies concern."""

from __future__ import annotations

from lockgate.codes.explanation import Explanation

EXPLANATIONS = (
    Explanation(
        "N3135",
        "unknown-workloads",
        "what a policy for some pods does with a process of a pod that nobody knows",
        "Which pod a process is of is known by its cgroup and the snapshot.  A pod (or a "
        "container) that was made after the snapshot may or may not be selected.  Nothing is "
        "silently left out: such a process counts as selected, its events say workload_unknown, "
        "and the counter unclassified counts it.  The host is never taken for a pod, nor a pod "
        "for the host.",
        "Take a new snapshot, compile and apply when pods have changed.  Where hitting a stranger "
        "is worse than missing one, annotate the policy: lockgate.dev/unknown-workloads: left-out.",
    ),
    Explanation(
        "W3136",
        "selects-no-workload",
        "a tracing policy concerns no pod, container or node of the snapshot",
        "Its selectors match nothing that the snapshot has: a label is misspelt, the snapshot is "
        "of another cluster, or the pods come later.",
        "Compare the selector with kubectl get pods -A --show-labels, and give the snapshot with "
        "the policies: kubectl get pods,nodes,namespaces -A -o yaml.",
    ),
    Explanation(
        "W3137",
        "pods-without-uid",
        "the snapshot does not say by what pods are known on a node",
        "A pod's cgroup is named by its uid (metadata.uid), a container's by its id "
        "(status.containerStatuses).  Without them a pod that runs is an unknown one.",
        "Give the objects as the API server prints them: kubectl get pods -A -o yaml.",
    ),
)

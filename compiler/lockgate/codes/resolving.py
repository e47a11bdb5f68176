"""E2050-E2099, E3050-E3099: what the passes find."""

from __future__ import annotations

from lockgate.codes.examples import cilium_example
from lockgate.codes.explanation import Explanation

EXPLANATIONS = (
    Explanation(
        "W2050",
        "group-unknown",
        "a CiliumCIDRGroup that is not in the input",
        "A rule names a group of prefixes that no document defines.  The peer selects nothing: "
        "an allow rule allows nothing by it, a deny rule denies nothing.",
        "Add the CiliumCIDRGroup to the input, or correct its name.",
        cilium_example("ingress:\n- fromCIDRSet: [{cidrGroupRef: offices}]\n"),
    ),
    Explanation(
        "W2051",
        "service-unknown",
        "a service that is not in the snapshot",
        "A rule's toServices names a service that the snapshot does not hold, so the peer "
        "selects nothing.",
        "Add services and EndpointSlices to the snapshot, or correct the name.",
        cilium_example(
            "egress:\n"
            "- toServices: [{k8sService: {serviceName: db, namespace: shop}}]\n"
        ),
    ),
    Explanation(
        "W2052",
        "port-name-unknown",
        "no endpoint has a port of this name",
        "A named port is that of the subject on ingress and of each peer on egress.  No "
        "endpoint of the snapshot has a port of this name and protocol, so the port matches "
        "nothing.",
        "Name the container's port in the pod, correct the name, or write the number.",
        cilium_example(
            "ingress:\n- toPorts: [{ports: [{port: web, protocol: TCP}]}]\n"
        ),
    ),
    Explanation(
        "E2053",
        "parsers-disagree",
        "two parsers for the same traffic",
        "Two rules that match the same peer and port ask different parsers (such as HTTP and "
        "DNS) to judge the traffic, and only one can.",
        "Give each parser ports of its own, or peers of its own.",
    ),
    Explanation(
        "W2054",
        "service-partly-denied",
        "a service whose backends are judged differently",
        "Services are not translated yet: a packet to a service's address is allowed if all "
        "its ready backends are allowed at their target ports, and denied otherwise.  Here "
        "some are allowed and some are not, or different L7 rules judge them.",
        "Write the rule so that it selects all pods behind the service.",
    ),
    Explanation(
        "W2055",
        "no-host-selected",
        "a host policy that selects no node",
        "The nodeSelector of a host policy matches the labels of no node of the snapshot, so "
        "the policy judges nobody: hosts that it is meant for stay open.",
        "Correct the selector, or add the nodes to the snapshot as kubectl prints them.",
        cilium_example(
            "ingress:\n- fromEntities: [cluster]\n",
            kind="CiliumClusterwideNetworkPolicy",
            subject="  nodeSelector: {matchLabels: {role: edge}}",
        ),
    ),
    Explanation(
        "E2060",
        "lock-unreadable",
        "the lock file of identities cannot be read",
        "A line of the file is not a number and a label set as lockgate writes them.",
        "Restore the file from version control, or take the line away and compile without "
        "--locked.",
    ),
    Explanation(
        "E2061",
        "locked-twice",
        "an identity or a label set is locked twice",
        "Two lines give one number to two label sets, or two numbers to one; a merge of two "
        "branches can leave this behind.",
        "Remove one of the two lines and compile without --locked.",
    ),
    Explanation(
        "E3050",
        "too-many-port-intervals",
        "too many different ranges of ports",
        "The table of ports has room for 65,536 ranges over all protocols, and the rules tell "
        "more apart.",
        "Join ranges, or compile parts of the cluster apart.",
    ),
    Explanation(
        "E3051",
        "too-many-peer-groups",
        "too many groups of peers in one policy",
        "The verdict table of one endpoint and direction has room for 65,536 rows, one for "
        "each group of peers that is judged differently.",
        "Let rules select by labels or larger prefixes instead of many single addresses.",
    ),
)

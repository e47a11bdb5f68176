"""W1040-W1099, N1041-N1099: where the policy kinds surprise."""

from __future__ import annotations

from lockgate.codes.examples import (
    cilium_example,
    cluster_example,
    kubernetes_example,
)
from lockgate.codes.explanation import Explanation

EXPLANATIONS = (
    Explanation(
        "W1040",
        "host-bits",
        "a prefix has bits beyond its length",
        "The length says how many bits of the address count.  The others are dropped, as "
        "Kubernetes and Cilium do, so that 10.0.0.1/8 means 10.0.0.0/8.",
        "Write the prefix without them; or /32 or /128 if the one address was meant.",
        cilium_example("egress:\n- toCIDR: [10.0.0.1/8]"),
    ),
    Explanation(
        "W1041",
        "foreign-namespace",
        "a policy selects in its own namespace only",
        "The endpointSelector of a CiliumNetworkPolicy always concerns the policy's own "
        "namespace.  Cilium overwrites another one, and so do we.",
        "Put the policy into the namespace that is meant.",
        cilium_example(
            "ingress: [{}]",
            subject="  endpointSelector:\n    matchLabels:\n"
            "      k8s:io.kubernetes.pod.namespace: elsewhere",
        ),
    ),
    Explanation(
        "W1042",
        "matches-nothing",
        "something in this rule matches nothing",
        "An empty list of peers selects nobody, and a toPorts element without ports or an "
        "icmps element without fields no traffic.  An empty item allows nothing in "
        "Cilium's kinds, though in NetworkPolicy it allows everything.",
        "Take the empty field away where everything was meant.",
        cilium_example(
            'ingress:\n- fromEndpoints: []\n  toPorts: [{ports: [{port: "80"}]}]',
        ),
    ),
    Explanation(
        "W1043",
        "rules-without-type",
        "rules of a direction that 'policyTypes' does not name",
        "Kubernetes ignores such rules, and does not isolate the direction.  Cilium "
        "enforces them; so does --semantics cilium.",
        "Add the direction to 'policyTypes', or take the rules away.",
        kubernetes_example("podSelector: {}\npolicyTypes: [Ingress]\negress: [{}]"),
    ),
    Explanation(
        "W1044",
        "no-default-deny",
        "'enableDefaultDeny' without rules has no effect",
        "A policy denies by default only in a direction in which it has rules; "
        "enableDefaultDeny can switch that off, not on.",
        "Add an empty rule, such as 'egress: [{}]'.",
        cilium_example("ingress: [{}]\nenableDefaultDeny: {egress: true}"),
    ),
    Explanation(
        "W1045",
        "spec-and-specs",
        "'spec' and 'specs' in one object",
        "Both are read, and their rules are added up.",
        "Move 'spec' into the list.",
        cilium_example("ingress: [{}]")
        + "specs:\n- endpointSelector: {}\n  egress: [{}]\n",
    ),
    Explanation(
        "W1046",
        "repeated-spec",
        "the same spec twice",
        "Rules are added up, so a repetition changes nothing; often a change was forgotten "
        "after copying.",
        "Take one away, or correct it.",
        "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: example}\n"
        "specs:\n- {endpointSelector: {}, ingress: [{}]}\n"
        "- {endpointSelector: {}, ingress: [{}]}\n",
    ),
    Explanation(
        "W1047",
        "no-range",
        "an endPort that makes no range",
        'Cilium takes no notice of an endPort below the port, or beside port "0".',
        "Write the lower number as 'port' and the higher one as 'endPort'.",
        cilium_example('egress:\n- toPorts: [{ports: [{port: "90", endPort: 80}]}]'),
    ),
    Explanation(
        "W1048",
        "selects-nothing",
        "a policy that can select nothing",
        "Its selector asks for a namespace that is not the policy's own, and a policy "
        "selects in its own namespace only.",
        "Take the requirement away, or put the policy into that namespace.",
        cilium_example(
            "ingress: [{}]",
            subject="  endpointSelector:\n    matchLabels:\n"
            "      io.kubernetes.pod.namespace: elsewhere",
        ),
    ),
    Explanation(
        "W1049",
        "empty-l7-list",
        "an empty list of L7 rules",
        "Without items it asks for nothing: every request passes, as in Cilium.",
        "Write rules, or take the field away.",
        cilium_example(
            'ingress:\n- toPorts:\n  - ports: [{port: "80", protocol: TCP}]\n'
            "    rules: {http: []}"
        ),
    ),
    Explanation(
        "W1050",
        "no-pod-selector",
        "a NetworkPolicy without 'podSelector'",
        "Kubernetes takes it for an empty selector: every pod of the namespace.",
        "Write 'podSelector: {}' if that is meant.",
        kubernetes_example("ingress: []"),
    ),
    Explanation(
        "W1059",
        "no-named-ports",
        "a named port of peers that have none",
        "Ports have names in pods only, so a named port never matches traffic to networks, "
        "nodes or domain names.",
        "Write the number, or a rule of its own for pods.",
        cluster_example(
            "egress:\n- action: Accept\n  to: [{networks: [192.0.2.0/24]}]\n"
            "  protocols: [{destinationNamedPort: http}]"
        ),
    ),
    # ---------------------------------------------------------------- notes
    Explanation(
        "N1041",
        "icmp-type-zero",
        "ICMP type 0 means something else in Cilium",
        "Cilium keeps the ICMP type where ports stand, and 0 there means every one; so a "
        "rule for echo replies matches every type.  Here it means type 0.",
        "Compile with --semantics cilium to keep Cilium's reading.",
        cilium_example("ingress:\n- icmps: [{fields: [{type: EchoReply}]}]"),
    ),
    Explanation(
        "N1042",
        "namespaces-beyond-pods",
        "a negative 'namespaces' peer selects more in Cilium",
        "With --semantics cilium, a ClusterNetworkPolicy peer that only says which "
        "namespaces are not meant matches the world and the nodes too, which have none.",
        "Add a requirement that pods meet, such as Exists of a namespace label.",
    ),
    Explanation(
        "N1043",
        "equal-priorities",
        "several policies of a tier have the same priority",
        "ClusterNetworkPolicy leaves open which of them wins where both match, and other "
        "implementations may choose differently.  Here the one whose name comes first is "
        "asked first.",
        "Give them different priorities where both could match.",
        cluster_example("ingress: []")
        + "---\n"
        + cluster_example("ingress: []").replace("name: example", "name: other"),
    ),
)

"""6001-6034: what ``lockgate lint`` finds (E, W, N by how sure and how bad it is)."""

from __future__ import annotations

from lockgate.codes.examples import (
    cilium_example,
    cluster_example,
    kubernetes_example,
)
from lockgate.codes.explanation import Explanation

CONFIG = "# .lockgate-lint.yaml\n"
"""The first line of an example that begins with a configuration."""


def _pod(name: str, namespace: str, address: str, labels: str) -> str:
    return (
        "---\napiVersion: v1\nkind: Pod\n"
        f"metadata: {{name: {name}, namespace: {namespace}, labels: {{{labels}}}}}\n"
        "spec: {nodeName: node-1}\n"
        f"status: {{phase: Running, podIP: {address}, podIPs: [{{ip: {address}}}]}}\n"
    )


_WEB = _pod("web", "default", "10.0.0.1", "app: web")
_DNS = _pod("dns", "kube-system", "10.0.0.2", "k8s-app: kube-dns")
_NODES = "".join(
    f"---\napiVersion: v1\nkind: Node\nmetadata: {{name: node-{i}}}\n"
    f"status: {{addresses: [{{type: InternalIP, address: 192.168.0.{i}}}]}}\n"
    for i in (1, 2)
)
_API_SERVER = (
    "---\napiVersion: v1\nkind: Service\n"
    "metadata: {name: kubernetes, namespace: default}\n"
    "spec: {clusterIP: 10.96.0.1, ports: [{name: https, port: 443, protocol: TCP}]}\n"
    "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
    "metadata: {name: kubernetes, namespace: default, "
    "labels: {kubernetes.io/service-name: kubernetes}}\n"
    "addressType: IPv4\nports: [{name: https, port: 6443, protocol: TCP}]\n"
    "endpoints: [{addresses: [192.168.0.2], conditions: {ready: true}}]\n"
)
_HTTP = (
    'ingress:\n- toPorts:\n  - ports: [{{port: "80", protocol: TCP}}]\n'
    "    rules: {{http: [{{path: '{}'}}]}}"
)
_HOST = cilium_example(
    "egress: [{toEntities: [world]}]",
    kind="CiliumClusterwideNetworkPolicy",
    subject="  nodeSelector: {}",
)
_ISOLATED = kubernetes_example(
    "podSelector: {matchLabels: {app: web}}\npolicyTypes: [Egress]\n"
    "egress: [{to: [{podSelector: {}}]}]"
)
_IGNORED = (
    kubernetes_example("podSelector: {}\ningress: []").rstrip("\n")
    + "  # lockgate: ignore[shadowed-rule]"
)
_FROM_CIDR = (
    "podSelector: {matchLabels: {app: web}}\n"
    "ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]"
)

_EXCEPTION = (
    f"{CONFIG}findings:\n"
    "- {{finding: {}, severity: off, reason: to be mended, until: {}}}\n"
)

_SHADOWED = (
    "A rule is shadowed where others decide all that it matches: a denial, an allowance on "
    "the same terms, a rule of a higher tier, or, in ClusterNetworkPolicy, an earlier rule.  "
    "The union of them counts, not each alone."
)
_LOCK_OUT = (
    "By the verdict tables, in both directions where both ends are enforced: pods that may "
    "talk to others and cannot ask the name service; nodes under host policies that nobody "
    "reaches by SSH, or that the API server, the kubelet or etcd do not reach; and what the "
    "configuration protects."
)
_EXPOSED = (
    "The world is every address that no narrow prefix names.  Without a list of 'exposed' "
    "workloads in the configuration, and without a baseline, this is a note on the rule; "
    "with either, each workload that is not expected is a warning."
)

EXPLANATIONS = (
    Explanation(
        "W6001",
        "selector-matches-nothing",
        "a selector that nobody in the snapshot matches",
        "The policy, or the peer, selects nobody.  Usually a label is misspelt, has another "
        "case, or belongs to a namespace and not to its pods.",
        "Correct the selector; the message says which requirement nobody meets.",
        kubernetes_example("podSelector: {matchLabels: {app: wbe}}\ningress: []")
        + _WEB,
    ),
    Explanation(
        "W6002",
        "shadowed-rule",
        "a rule that decides nothing, whatever labels pods have",
        f"{_SHADOWED}  This is decided on the selectors, without a snapshot.",
        "Take the rule away, or correct what it was meant to match.",
        kubernetes_example(
            "podSelector: {}\ningress:\n- {from: [{podSelector: {}}]}\n"
            "- {from: [{podSelector: {matchLabels: {app: web}}}]}"
        ),
    ),
    Explanation(
        "N6002",
        "shadowed-rule",
        "a rule that decides nothing in this snapshot",
        f"{_SHADOWED}  Here that is so for the pods that there are: without the rule every "
        "verdict is the same, and by the same kind of rule.",
        "Look whether it is still needed; pods to come may need it.",
        kubernetes_example(
            "podSelector: {}\ningress:\n- {from: [{podSelector: {matchLabels: {app: web}}}]}\n"
            "- {from: [{podSelector: {matchLabels: {tier: front}}}]}"
        )
        + _pod("web", "default", "10.0.0.1", "app: web, tier: front"),
    ),
    Explanation(
        "W6003",
        "contradictory-rules",
        "an allowance that is denied as a whole, or a selector against itself",
        "A denial wins over every allowance of its tier, so an allowance within it does "
        "nothing.  Two requirements of one selector that exclude each other match nobody.",
        "Take one of them away, or narrow the denial.",
        cilium_example(
            "ingress:\n- fromEndpoints: [{matchLabels: {app: web}}]\n"
            "ingressDeny:\n- fromEndpoints: [{}]"
        ),
    ),
    Explanation(
        "W6004",
        "deny-only-isolates",
        "a policy with denials only, which denies everything else, too",
        "In Cilium's kinds a policy isolates each direction in which it has rules, rules that "
        "deny among them.  Where no policy allows anything to those that it selects, all "
        "else is denied by default.",
        "Write 'enableDefaultDeny: {ingress: false}', or allow what is not denied.",
        cilium_example("ingressDeny:\n- fromEntities: [world]"),
    ),
    Explanation(
        "N6004",
        "deny-only-isolates",
        "a policy with denials only, which leaves everything else open",
        "A ClusterNetworkPolicy never isolates: what none of its rules decides is left to "
        "other policies, and nothing isolates these endpoints.",
        "Deny the rest in tier Baseline, or with a NetworkPolicy, if that is meant.",
        cluster_example("ingress:\n- {action: Deny, from: [{namespaces: {}}]}") + _WEB,
    ),
    Explanation(
        "W6005",
        "policy-types-mismatch",
        "a policy type without a rule, which denies the whole direction",
        "'policyTypes' isolates each direction that it names.  Egress beside ingress rules "
        "only cuts all egress, look-ups of names included, if no other policy allows any.",
        "Take the type away, or write the rules.",
        kubernetes_example(
            "podSelector: {}\npolicyTypes: [Ingress, Egress]\n"
            "ingress: [{from: [{podSelector: {}}]}]"
        ),
    ),
    Explanation(
        "W6006",
        "cluster-ip-in-cidr",
        "a prefix over addresses that a prefix does not select",
        "A CIDR of Cilium's kinds never selects pods or nodes, whatever their address.  In "
        "every kind, traffic to a service is judged after its address became that of a "
        "backend.",
        "Select pods by labels, nodes by entities, services by their backends.",
        cilium_example("egress:\n- toCIDR: [10.0.0.0/24]") + _WEB,
    ),
    Explanation(
        "W6007",
        "name-rule-without-dns",
        "names whose addresses are never learned",
        "toFQDNs selects the addresses that the DNS proxy saw in an answer.  Only look-ups "
        "that a DNS rule allows pass through the proxy.",
        "Add a rule for port 53 with 'rules: {dns: [...]}' that covers the name.",
        cilium_example("egress:\n- toFQDNs: [{matchName: api.example.com}]"),
    ),
    Explanation(
        "W6008",
        "regex-too-large",
        "an expression that Envoy refuses",
        "Envoy takes programs of at most 100 instructions of RE2 (re2.max_program_size."
        "error_level) and refuses a whole configuration for one that is larger.  The size is "
        "computed here as RE2 does; where loops stand in loops, to a few instructions.",
        "Write '+' for '{36}', '[^/]*' once where it stands often; or split the rule.",
        cilium_example(_HTTP.format("/item/[0-9a-f-]{36}")),
    ),
    Explanation(
        "W6009",
        "regex-unanchored",
        "an expression with one anchor, where the whole field must match",
        "Paths, methods and hosts are matched as a whole.  '^/api' matches the path /api "
        "and nothing behind it.",
        "Write '/api.*' if more may stand there; anchors are not needed.",
        cilium_example(_HTTP.format("^/api")),
    ),
    Explanation(
        "W6010",
        "and-or-dash",
        "two peers that were meant as one",
        "With a dash before each, namespaceSelector and podSelector are two peers: all pods "
        "of those namespaces, and these pods of the policy's own.  Here the second matches "
        "nobody, and pods of those namespaces would match.",
        "Take the dash before podSelector away.",
        kubernetes_example(
            "podSelector: {}\ningress:\n- from:\n"
            "  - namespaceSelector: {matchLabels: {team: shop}}\n"
            "  - podSelector: {matchLabels: {app: client}}"
        )
        + _WEB
        + _pod("client", "shop", "10.0.0.3", "app: client")
        + "---\napiVersion: v1\nkind: Namespace\n"
        "metadata: {name: shop, labels: {team: shop}}\n",
    ),
    Explanation(
        "N6010",
        "and-or-dash",
        "two peers that may be meant as one",
        "With a dash before each, namespaceSelector and podSelector are two peers: all pods "
        "of those namespaces, and these pods of the policy's own.",
        "Take the dash before podSelector away to mean these pods of those namespaces.",
        kubernetes_example(
            "podSelector: {}\ningress:\n- from:\n"
            "  - namespaceSelector: {matchLabels: {team: shop}}\n"
            "  - podSelector: {matchLabels: {app: client}}"
        ),
    ),
    Explanation(
        "W6011",
        "empty-rules",
        "an empty list or rule beside others",
        "'ingress: []' does nothing in Cilium's kinds.  An empty rule of a NetworkPolicy "
        "allows everything, so that other rules beside it say nothing.",
        "Write '[{}]' in Cilium's kinds to deny a direction; take an empty rule away.",
        cilium_example("ingress: []\negress: [{}]"),
    ),
    Explanation(
        "N6011",
        "empty-rules",
        "an empty rule, which allows everything",
        "'ingress: [{}]' of a NetworkPolicy allows all ingress, from the world too.  (In "
        "Cilium's kinds the same words deny it.)",
        "Write 'ingress: []' to deny all of it.",
        kubernetes_example("podSelector: {}\ningress: [{}]"),
    ),
    Explanation(
        "E6012",
        "lock-out",
        "policies cut what the cluster, or its owner, cannot do without",
        _LOCK_OUT,
        "Allow it, as the message says.",
        _HOST + _NODES + _API_SERVER,
    ),
    Explanation(
        "W6012",
        "lock-out",
        "policies cut something that is mostly needed",
        _LOCK_OUT,
        "Allow it, as the message says; or ignore it with a reason.",
        _ISOLATED + _WEB + _DNS,
    ),
    Explanation(
        "N6012",
        "lock-out",
        "pods that may ask nobody cannot look up names either",
        _LOCK_OUT,
        "Nothing, if they are meant to be silent.",
        kubernetes_example("podSelector: {}\npolicyTypes: [Egress]") + _WEB + _DNS,
    ),
    Explanation(
        "E6013",
        "budget",
        "the set is larger than the configuration allows",
        "The configuration gives a ceiling for identity classes, verdict tables, ranges of "
        "ports, or entries and bytes of maps (for the whole cluster).",
        "Raise the ceiling, if the growth is meant.",
        f"{CONFIG}budgets: {{verdict-tables: 2}}\n---\n"
        + kubernetes_example("podSelector: {}\ningress: []")
        + _WEB,
    ),
    Explanation(
        "W6014",
        "newly-exposed",
        "a workload that the world can reach and was not expected to be",
        _EXPOSED,
        "Narrow the peers, or list the workload.",
        f"{CONFIG}exposed: [default/other]\n---\n"
        + kubernetes_example(_FROM_CIDR)
        + _WEB,
    ),
    Explanation(
        "N6014",
        "newly-exposed",
        "workloads that the world can reach",
        _EXPOSED,
        "List those that may be, and all others become warnings.",
        kubernetes_example(_FROM_CIDR) + _WEB,
    ),
    Explanation(
        "N6015",
        "world-by-label",
        "reserved:world in a selector",
        "In a dual-stack cluster Cilium labels the world reserved:world-ipv4 or "
        "reserved:world-ipv6, and this selector matches nobody there; the entity means both.  "
        "Lockgate gives the world all these labels.",
        "Write 'fromEntities: [world]' or 'toEntities: [world]'.",
        cilium_example(
            'ingress:\n- fromEndpoints: [{matchLabels: {"reserved:world": ""}}]'
        ),
    ),
    Explanation(
        "N6016",
        "too-many-overlap",
        "some rules were not compared with all others",
        "To find out whether many rules together cover another one can take very long.  "
        "After a second or so it is given up: nothing is said of those rules' being shadowed "
        "for every label set.  What the snapshot shows is said of all.",
        "Lint fewer policies at a time.",
    ),
    # ---------------------------------------------------------------- exceptions
    Explanation(
        "W6020",
        "expired-exception",
        "an exception whose time is over",
        "'until' is the first day on which an exception of the configuration, or of a "
        "comment, does not hold any more; what it excepted counts again.",
        "Mend the cause, or agree on a new date.",
        _EXCEPTION.format("shadowed-rule", "2020-01-31"),
    ),
    Explanation(
        "W6021",
        "ignore-without-reason",
        "a comment that ignores or changes a finding and does not say why",
        "Without a reason nobody can tell later whether it is still right, so it has no "
        "effect.",
        "Add one after a colon.",
        _IGNORED + "\n",
    ),
    Explanation(
        "W6022",
        "ignore-unused",
        "a comment that ignores or changes nothing",
        "No such finding is at its line, or in the block or object below it.",
        "Take it away.",
        _IGNORED + ": once it was\n" + _WEB,
    ),
    Explanation(
        "W6023",
        "ignore-not-understood",
        "a comment for lint that is not understood",
        "The form is '# lockgate: ignore[NAME, ...] until 2027-01-31: reason'; 'error', "
        "'warning' or 'note' in the place of 'ignore' give that severity.  NAME is a "
        "finding's name or code.  At the end of a line it is about that line, on a line of "
        "its own about the block or object below; the nearest comment wins, and every "
        "comment over the configuration.  Errors of the compiler can be neither ignored nor "
        "changed.",
        "Correct it.",
        _IGNORED.replace("shadowed", "shadowy") + ": once it was\n",
    ),
    Explanation(
        "N6024",
        "no-snapshot",
        "some things were not judged, for want of a snapshot",
        "Whom a selector matches, who is locked out or exposed, is a question about a cluster.",
        "Add a snapshot: kubectl get ns,pods,nodes,svc,endpointslices -A -o yaml",
        kubernetes_example("podSelector: {}\ningress: []"),
    ),
    Explanation(
        "N6025",
        "set-not-judged",
        "some things were not judged, because of errors",
        "What needs all policies would tell of policies that are missing.",
        "Mend the errors first.",
        kubernetes_example("podSelector: {}\ningress: []")
        + "---\n"
        + kubernetes_example("podSelector: {}\ningres: []").replace("example", "other"),
    ),
    Explanation(
        "W6026",
        "protects-nobody",
        "a protected connection of which an end is nobody",
        "No node or endpoint of the snapshot has that name.",
        "Correct the name, or take the item away.",
        f"{CONFIG}protected:\n- {{name: ssh, from: world, to: node/none, port: tcp/22}}\n---\n"
        + kubernetes_example("podSelector: {}\ningress: []")
        + _WEB,
    ),
    # ---------------------------------------------------------------- configuration
    Explanation(
        "E6030",
        "unknown-finding",
        "a setting for a finding that there is not",
        "Findings are called by their name or their code, as they are printed.",
        "Correct the name.",
        _EXCEPTION.format("shadowy-rule", "2999-01-31"),
    ),
    Explanation(
        "E6031",
        "bad-date",
        "something that is no date",
        "A day is written year-month-day.",
        "Write it such as 2027-01-31.",
        _EXCEPTION.format("shadowed-rule", "soon"),
    ),
    Explanation(
        "E6032",
        "not-a-choice",
        "a setting for an error of the compiler",
        "`lockgate compile` refuses such a policy whatever lint says, so that nothing "
        "would be won.",
        "Mend the policy.",
        _EXCEPTION.format("unknown-field", "2999-01-31"),
    ),
    Explanation(
        "E6033",
        "bad-baseline",
        "a file that is no baseline",
        "A baseline is JSON that `lockgate lint --write-baseline` wrote.",
        "Write a new one.",
    ),
    Explanation(
        "E6034",
        "bad-connection",
        "a protected connection that is not understood",
        "An end is a prefix, 'world', 'nodes', 'node/NAME' or 'namespace/pod' with * and ?; "
        "a port is protocol and number.",
        "Write it such as {name: ssh, from: 203.0.113.0/24, to: nodes, port: tcp/22}.",
        f"{CONFIG}protected:\n- {{name: ssh, from: world, to: nodes, port: 22/tcp}}\n",
    ),
)

"""A table for each check: what it finds, and its nearest neighbour, which is fine."""

from __future__ import annotations

from typing import NamedTuple

from tests.lint.judging import documents
from tests.lint.policies import (
    ALL,
    CLIENT,
    DNS,
    SERVICE,
    SHOP,
    TIERED,
    WEB,
    cilium,
    network,
    path,
)


class Case(NamedTuple):
    """Documents that yield a code, and others, nearly the same, that do not."""

    code: str
    what: str
    fires: str
    misses: str


WEB_ONLY = "endpointSelector: {matchLabels: {app: web}}"
NAMED = "egress: [{toFQDNs: [{matchName: api.example.com}]}"
EVERY_FROM = "ingress: [{from: [{podSelector: {}}]}]"


def ask(pattern: str) -> str:
    """Return a rule that sends look-ups to the proxy."""
    rules = f"{{dns: [{{matchPattern: '{pattern}'}}]}}"
    return f"{{toPorts: [{{ports: [{{port: '53'}}], rules: {rules}}}]}}"


CASES = (
    Case(
        "W6001",
        "a subject",
        documents(network("podSelector: {matchLabels: {app: wbe}}"), WEB),
        documents(network("podSelector: {matchLabels: {app: web}}"), WEB),
    ),
    Case(
        "W6001",
        "a peer",
        documents(
            network(
                "podSelector: {}, ingress: [{from: [{podSelector: "
                "{matchLabels: {app: client}}}]}]"
            ),
            WEB,
            CLIENT,
        ),
        documents(
            network(
                "podSelector: {}, ingress: [{from: [{namespaceSelector: {}, podSelector: "
                "{matchLabels: {app: client}}}]}]"
            ),
            WEB,
            CLIENT,
        ),
    ),
    Case(
        "W6003",
        "an allowance within a denial",
        cilium(
            f"{ALL}, ingress: [{{fromEndpoints: [{{matchLabels: {{app: a}}}}]}}], "
            "ingressDeny: [{fromEndpoints: [{matchExpressions: "
            "[{key: app, operator: NotIn, values: [b]}]}]}]"
        ),
        cilium(
            f"{ALL}, ingress: [{{fromEndpoints: [{{matchLabels: {{app: a}}}}]}}], "
            "ingressDeny: [{fromEndpoints: [{matchExpressions: "
            "[{key: app, operator: NotIn, values: [a]}]}]}]"
        ),
    ),
    Case(
        "W6003",
        "requirements of a selector",
        network(
            "podSelector: {matchLabels: {app: a}, matchExpressions: "
            "[{key: app, operator: NotIn, values: [a, b]}]}"
        ),
        network(
            "podSelector: {matchLabels: {app: a}, matchExpressions: "
            "[{key: app, operator: NotIn, values: [b]}]}"
        ),
    ),
    Case(
        "W6004",
        "nobody allows anything",
        cilium(f"{ALL}, ingressDeny: [{{fromEntities: [world]}}]"),
        cilium(
            f"{ALL}, ingressDeny: [{{fromEntities: [world]}}], "
            "enableDefaultDeny: {ingress: false}"
        ),
    ),
    Case(
        "W6004",
        "the allowance is another direction's",
        documents(
            cilium(f"{ALL}, ingressDeny: [{{fromEntities: [world]}}]"),
            cilium(f"{ALL}, egress: [{{toEntities: [all]}}]", "two"),
        ),
        documents(
            cilium(f"{ALL}, ingressDeny: [{{fromEntities: [world]}}]"),
            cilium(f"{ALL}, ingress: [{{fromEntities: [all]}}]", "two"),
        ),
    ),
    Case(
        "N6004",
        "nobody isolates",
        documents(
            TIERED.format(spec="ingress: [{action: Deny, from: [{namespaces: {}}]}]"),
            WEB,
        ),
        documents(
            TIERED.format(spec="ingress: [{action: Deny, from: [{namespaces: {}}]}]"),
            network("podSelector: {}, ingress: []"),
            WEB,
        ),
    ),
    Case(
        "W6005",
        "egress without rules",
        network(f"podSelector: {{}}, policyTypes: [Ingress, Egress], {EVERY_FROM}"),
        network(f"podSelector: {{}}, policyTypes: [Ingress], {EVERY_FROM}"),
    ),
    Case(
        "W6005",
        "an empty list says that it is meant",
        network(f"podSelector: {{}}, policyTypes: [Ingress, Egress], {EVERY_FROM}"),
        network(
            f"podSelector: {{}}, policyTypes: [Ingress, Egress], {EVERY_FROM}, egress: []"
        ),
    ),
    Case(
        "W6005",
        "another policy allows egress of others",
        documents(
            network(
                "podSelector: {matchLabels: {app: a}}, policyTypes: [Ingress, Egress], "
                f"{EVERY_FROM}"
            ),
            network(
                "podSelector: {matchLabels: {app: b}}, policyTypes: [Egress], egress: [{}]",
                "two",
            ),
        ),
        documents(
            network(
                "podSelector: {matchLabels: {app: a}}, policyTypes: [Ingress, Egress], "
                f"{EVERY_FROM}"
            ),
            network(
                "podSelector: {matchLabels: {tier: b}}, policyTypes: [Egress], egress: [{}]",
                "two",
            ),
        ),
    ),
    Case(
        "W6006",
        "pods in a CIDR of Cilium's",
        documents(cilium(f"{ALL}, egress: [{{toCIDR: [10.0.0.0/24]}}]"), WEB),
        documents(cilium(f"{ALL}, egress: [{{toCIDR: [10.0.1.0/24]}}]"), WEB),
    ),
    Case(
        "W6006",
        "the exception leaves them out",
        documents(
            cilium(
                f"{ALL}, egress: [{{toCIDRSet: "
                "[{cidr: 10.0.0.0/8, except: [10.0.0.2/31]}]}]"
            ),
            WEB,
        ),
        documents(
            cilium(
                f"{ALL}, egress: [{{toCIDRSet: "
                "[{cidr: 10.0.0.0/8, except: [10.0.0.0/31]}]}]"
            ),
            WEB,
        ),
    ),
    Case(
        "W6006",
        "a service's address",
        documents(
            network(
                "podSelector: {}, policyTypes: [Egress], "
                "egress: [{to: [{ipBlock: {cidr: 10.96.0.0/16}}]}]"
            ),
            WEB,
            SERVICE,
        ),
        documents(
            network(
                "podSelector: {}, policyTypes: [Egress], "
                "egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]"
            ),
            WEB,
            SERVICE,
        ),
    ),
    Case(
        "W6007",
        "no DNS rule",
        cilium(f"{ALL}, {NAMED}]"),
        cilium(f"{ALL}, {NAMED}, {ask('*')}]"),
    ),
    Case(
        "W6007",
        "a DNS rule for other names",
        cilium(f"{ALL}, {NAMED}, {ask('*.example.org')}]"),
        cilium(f"{ALL}, {NAMED}, {ask('*.example.com')}]"),
    ),
    Case(
        "W6007",
        "a DNS rule of others",
        documents(
            cilium(f"{WEB_ONLY}, {NAMED}]"),
            cilium(
                f"endpointSelector: {{matchLabels: {{app: db}}}}, egress: [{ask('*')}]",
                "two",
            ),
        ),
        documents(
            cilium(f"{WEB_ONLY}, {NAMED}]"),
            cilium(f"{ALL}, egress: [{ask('*')}]", "two"),
        ),
    ),
    Case("W6008", "101 of 100", path("/" + "a" * 96), path("/" + "a" * 95)),
    Case("W6009", "one anchor", path("^/api"), path("^/api$")),
    Case("W6009", "an open beginning", path("api$"), path("/api$")),
    Case("W6009", "a prefix that says so", path("^/api/v1"), path("^/api/.*")),
    Case(
        "W6010",
        "pods of that namespace",
        documents(
            network(
                "podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: "
                "{team: shop}}}, {podSelector: {matchLabels: {app: client}}}]}]"
            ),
            WEB,
            CLIENT,
            SHOP,
        ),
        documents(
            network(
                "podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: "
                "{team: shop}}, podSelector: {matchLabels: {app: client}}}]}]"
            ),
            WEB,
            CLIENT,
            SHOP,
        ),
    ),
    Case(
        "N6010",
        "two items",
        network(
            "podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: "
            "{team: shop}}}, {podSelector: {matchLabels: {app: client}}}]}]"
        ),
        network(
            "podSelector: {}, ingress: [{from: [{namespaceSelector: {}}, "
            "{podSelector: {matchLabels: {app: client}}}]}]"
        ),
    ),
    Case(
        "W6011",
        "an empty list of Cilium's",
        cilium(f"{ALL}, ingress: [], egress: [{{}}]"),
        cilium(f"{ALL}, ingress: [{{}}], egress: [{{}}]"),
    ),
    Case(
        "W6011",
        "an empty rule beside others",
        network(
            "podSelector: {}, ingress: [{}, {from: [{podSelector: {}}], ports: [{port: 1}]}]"
        ),
        network(
            "podSelector: {}, ingress: [{ports: [{port: 2}]}, "
            "{from: [{podSelector: {}}], ports: [{port: 1}]}]"
        ),
    ),
    Case(
        "N6011",
        "an empty rule alone",
        network("podSelector: {}, ingress: [{}]"),
        network("podSelector: {}, ingress: []"),
    ),
    Case(
        "W6012",
        "names",
        documents(
            network(
                "podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: "
                "[{to: [{podSelector: {}}]}, {to: [{namespaceSelector: {}}], "
                "ports: [{port: 53, protocol: TCP}]}]"
            ),
            WEB,
            DNS,
        ),
        documents(
            network(
                "podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: "
                "[{to: [{podSelector: {}}]}, {to: [{namespaceSelector: {}}], "
                "ports: [{port: 53, protocol: UDP}]}]"
            ),
            WEB,
            DNS,
        ),
    ),
    Case(
        "W6012",
        "the name service's own door",
        documents(
            network("podSelector: {}, ingress: [{from: [{podSelector: {}}]}]").replace(
                "name: one", "name: one, namespace: kube-system"
            ),
            WEB,
            DNS,
        ),
        documents(
            network(
                "podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]"
            ).replace("name: one", "name: one, namespace: kube-system"),
            WEB,
            DNS,
        ),
    ),
    Case(
        "N6012",
        "silent pods",
        documents(network("podSelector: {}, policyTypes: [Egress]"), WEB, DNS),
        documents(network("podSelector: {}, policyTypes: [Ingress]"), WEB, DNS),
    ),
    Case(
        "N6014",
        "the world",
        documents(
            network(
                "podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]"
            ),
            WEB,
        ),
        documents(
            network(
                "podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/24}}]}]"
            ),
            WEB,
        ),
    ),
    Case(
        "N6014",
        "the world in halves",
        documents(
            network(
                "podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/1}}]}]"
            ),
            WEB,
        ),
        documents(
            network(
                "podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]"
            ),
            WEB,
        ),
    ),
    Case(
        "N6015",
        "the label",
        cilium(
            f"{ALL}, ingress: [{{fromEndpoints: [{{matchLabels: {{'reserved:world': ''}}}}]}}]"
        ),
        cilium(f"{ALL}, ingress: [{{fromEntities: [world]}}]"),
    ),
)

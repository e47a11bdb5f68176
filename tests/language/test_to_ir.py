"""What the language says is what the YAML says: pairs that must mean the same."""

from __future__ import annotations

import pytest

from lockgate.ir.policy import Scope, Tier
from lockgate.language.equivalence import normal_form
from lockgate.language.to_ir import KINDS
from tests.language.read import diagnose, read_policies, read_yaml_policies

CILIUM = (
    "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
    "metadata: {name: web, namespace: shop}\nspec:\n"
)
CLUSTERWIDE = (
    "apiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\n"
    "metadata: {name: web}\nspec:\n"
)
KUBERNETES = (
    "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
    "metadata: {name: web, namespace: shop}\nspec:\n"
)
ADMIN = (
    "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n"
    "metadata: {name: web}\nspec:\n"
)

PAIRS = {
    "default deny": (
        "policy web in shop for pods { isolate in, out }",
        f"{CILIUM}  endpointSelector: {{}}\n  ingress: [{{}}]\n  egress: [{{}}]\n",
    ),
    "an empty rule of NetworkPolicy is everyone": (
        "policy web in shop for pods { isolate in allow in from everything }",
        f"{KUBERNETES}  podSelector: {{}}\n  ingress: [{{}}]\n",
    ),
    "an empty list of peers is nobody": (
        "policy web in shop for pods { isolate in allow in from @none on tcp/80 }",
        f"{CILIUM}  endpointSelector: {{}}\n  ingress:\n"
        '  - {fromEndpoints: [], toPorts: [{ports: [{port: "80", protocol: TCP}]}]}\n',
    ),
    "an empty selector is the own namespace": (
        "policy web in shop for pods { isolate in allow in from pods }",
        f"{CILIUM}  endpointSelector: {{}}\n  ingress: [{{fromEndpoints: [{{}}]}}]\n",
    ),
    "ports without peers are for everyone": (
        "policy web in shop for app=web { isolate in allow in from everything on any/53 }",
        f"{CILIUM}  endpointSelector: {{matchLabels: {{app: web}}}}\n"
        '  ingress: [{toPorts: [{ports: [{port: "53"}]}]}]\n',
    ),
    "without default deny": (
        "policy web in shop for pods { allow in from @world deny in from @host }",
        f"{CILIUM}  endpointSelector: {{}}\n  enableDefaultDeny: {{ingress: false}}\n"
        "  ingress: [{fromEntities: [world]}]\n"
        "  ingressDeny: [{fromEntities: [host]}]\n",
    ),
    "requirements": (
        "policy web in shop for a=b & c!=d & e in {f, g} & h not in {i, j} & has k & not l"
        " { isolate in }",
        f"{CILIUM}  endpointSelector:\n    matchLabels: {{a: b}}\n    matchExpressions:\n"
        "    - {key: c, operator: NotIn, values: [d]}\n"
        "    - {key: e, operator: In, values: [g, f]}\n"
        "    - {key: h, operator: NotIn, values: [i, j]}\n"
        "    - {key: k, operator: Exists}\n    - {key: l, operator: DoesNotExist}\n"
        "  ingress: [{}]\n",
    ),
    "other namespaces": (
        "policy web in shop for pods { isolate in"
        " allow in from ops:app=a, ns ops, ns in {a, b} & c=d, has ns & e=f }",
        f"{CILIUM}  endpointSelector: {{}}\n  ingress:\n  - fromEndpoints:\n"
        "    - matchLabels: {app: a, io.kubernetes.pod.namespace: ops}\n"
        '    - matchLabels: {"k8s:io.kubernetes.pod.namespace": ops}\n'
        "    - matchLabels: {c: d}\n      matchExpressions:\n"
        "      - {key: io.kubernetes.pod.namespace, operator: In, values: [a, b]}\n"
        "    - matchLabels: {e: f}\n      matchExpressions:\n"
        "      - {key: io.kubernetes.pod.namespace, operator: Exists}\n",
    ),
    "labels of namespaces": (
        "policy web in shop for pods { isolate in allow in from ns.env=prod & app=a,"
        " ns.env!=prod }",
        f"{KUBERNETES}  podSelector: {{}}\n  ingress:\n  - from:\n"
        "    - namespaceSelector: {matchLabels: {env: prod}}\n"
        "      podSelector: {matchLabels: {app: a}}\n"
        "    - namespaceSelector:\n        matchExpressions:\n"
        "        - {key: env, operator: NotIn, values: [prod]}\n",
    ),
    "addresses of both scopes": (
        "policy web in shop for pods { isolate in"
        " allow in from address 10.0.0.0/8 except 10.1.0.0/16 on tcp }",
        f"{KUBERNETES}  podSelector: {{}}\n  ingress:\n"
        "  - from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]\n"
        "    ports: [{protocol: TCP}]\n",
    ),
    "groups, services, names": (
        "policy web in shop for pods { isolate out"
        " allow out to cidr fd00::/8 except {fd01::/16, fd02::/16},"
        " group a except 10.0.0.0/8, groups b=c"
        " allow out to service db, any service x, services ops:a=b, any services c=d"
        ' allow out to fqdn "a.example", fqdn "*.example" on tcp/443 }',
        f"{CILIUM}  endpointSelector: {{}}\n  egress:\n  - toCIDRSet:\n"
        '    - {cidr: "fd00::/8", except: ["fd02::/16", "fd01::/16"]}\n'
        "    - {cidrGroupRef: a, except: [10.0.0.0/8]}\n"
        "    - {cidrGroupSelector: {matchLabels: {b: c}}}\n"
        "  - toServices:\n"
        "    - {k8sService: {serviceName: db, namespace: shop}}\n"
        "    - {k8sService: {serviceName: x}}\n"
        "    - k8sServiceSelector: {namespace: ops, selector: {matchLabels: {a: b}}}\n"
        "    - k8sServiceSelector: {selector: {matchLabels: {c: d}}}\n"
        "  - toFQDNs: [{matchName: a.example}, {matchPattern: '*.example'}]\n"
        '    toPorts: [{ports: [{port: "443", protocol: TCP}]}]\n',
    ),
    "traffic": (
        "policy web in shop for pods { isolate in allow in from @all on"
        " tcp/80, udp/8000-8010, sctp, any/http, icmp/8, icmpv6/EchoRequest, proto/gre }",
        f"{CILIUM}  endpointSelector: {{}}\n  ingress:\n"
        "  - fromEntities: [all]\n    toPorts:\n    - ports:\n"
        '      - {port: "80", protocol: TCP}\n'
        '      - {port: "8000", endPort: 8010, protocol: UDP}\n'
        '      - {port: "0", protocol: SCTP}\n      - {port: HTTP}\n'
        "      - {protocol: GRE}\n"
        "  - fromEntities: [all]\n    icmps:\n"
        "    - fields: [{type: 8}, {family: IPv6, type: EchoRequest}]\n",
    ),
    "cluster-wide": (
        "cluster policy web for endpoints { isolate in allow in from pods, app=a }",
        f"{CLUSTERWIDE}  endpointSelector: {{}}\n"
        "  ingress: [{fromEndpoints: [{}, {matchLabels: {app: a}}]}]\n",
    ),
    "nodes": (
        "host policy web for nodes role=worker { isolate in"
        " allow in from remote nodes zone=a allow in from labels "
        '"reserved:health"="" }',
        f"{CLUSTERWIDE}  nodeSelector: {{matchLabels: {{role: worker}}}}\n  ingress:\n"
        "  - fromNodes: [{matchLabels: {zone: a}}]\n"
        '  - fromEndpoints: [{matchLabels: {"reserved:health": ""}}]\n',
    ),
    "tiers": (
        "admin policy web priority 7 for ns.env=prod { pass in from app=a on any/http"
        " deny in from pods"
        " allow out to nodes role=x, address 10.0.0.0/8 on tcp/1-9, udp/7"
        ' allow out to fqdn "**.example.org" }',
        f"{ADMIN}  tier: Admin\n  priority: 7\n"
        "  subject: {namespaces: {matchLabels: {env: prod}}}\n  ingress:\n"
        "  - action: Pass\n    from: [{pods: {podSelector: {matchLabels: {app: a}}}}]\n"
        "    protocols: [{destinationNamedPort: http}]\n"
        "  - {action: Deny, from: [{namespaces: {}}]}\n  egress:\n  - action: Accept\n"
        "    to: [{nodes: {matchLabels: {role: x}}}, {networks: [10.0.0.0/8]}]\n"
        "    protocols:\n"
        "    - {tcp: {destinationPort: {range: {start: 1, end: 9}}}}\n"
        "    - {udp: {destinationPort: {number: 7}}}\n"
        "  - {action: Accept, to: [{domainNames: ['*.example.org']}]}\n",
    ),
    "layer 7": (
        "policy web in shop for pods { isolate in"
        ' allow in from everything on tcp/80 http { GET "/a.b/*" host "*.example"'
        ' any ~"/x|/y" header "X: 1" require "A" = "b" else replace }'
        " authenticate }",
        f"{CILIUM}  endpointSelector: {{}}\n  ingress:\n"
        '  - toPorts:\n    - ports: [{port: "80", protocol: TCP}]\n      rules:\n'
        "        http:\n"
        "        - {method: GET, path: '/a\\.b/[^/?]*', host: '[^.]*\\.example'}\n"
        "        - path: /x|/y\n          headers: ['X: 1']\n"
        "          headerMatches: [{name: A, value: b, mismatch: REPLACE}]\n"
        "    authentication: {mode: required}\n",
    ),
    "names on the wire": (
        'policy web in shop for pods { allow out to everything on udp/53 dns { "a.example" }'
        ' allow out to everything on tcp/443 tls { "*.example" } }',
        f"{CILIUM}  endpointSelector: {{}}\n  enableDefaultDeny: {{egress: false}}\n"
        "  egress:\n"
        '  - toPorts: [{ports: [{port: "53", protocol: UDP}],'
        " rules: {dns: [{matchName: a.example}]}}]\n"
        '  - toPorts: [{ports: [{port: "443", protocol: TCP}],'
        ' serverNames: ["*.example"]}]\n',
    ),
    "audit and log": (
        "policy web in shop for pods { audit isolate in"
        ' allow in from @host log "why" }',
        CILIUM.replace("shop}", 'shop, annotations: {lockgate.dev/audit: "true"}}')
        + "  endpointSelector: {}\n  log: {value: why}\n"
        "  ingress: [{fromEntities: [host]}]\n",
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_same_as_yaml(name: str) -> None:
    """The normal forms of both are equal."""
    gate, yaml = PAIRS[name]
    ours = normal_form(read_policies(gate), "default")
    theirs = normal_form(read_yaml_policies(yaml), "default")
    assert ours == theirs


def test_different_policies_differ() -> None:
    """The comparison can fail: no two of the pairs mean the same."""
    forms = [normal_form(read_policies(gate), "default") for gate, _ in PAIRS.values()]
    assert len(set(forms)) == len(forms)


def test_spans_are_of_the_file() -> None:
    """Policies, rules and what is in them point to their lines."""
    text = (
        "# first\n\npolicy web in shop for pods {\n  isolate out\n"
        '  allow out to fqdn "a.example"\n  deny out to @host on tcp/1\n}\n'
    )
    (policy,) = read_policies(text)
    assert policy.key == "Policy/shop/web"
    assert policy.span.place == "p.gate:3:8"
    places = [(rule.path, rule.span.place) for rule in policy.egress.rules]
    assert places == [("out[0]", "p.gate:5:3"), ("out[1]", "p.gate:6:3")]


def test_kinds_have_names_and_tiers() -> None:
    """Each kind is told apart by its key; only two have a tier."""
    text = (
        "policy a in shop for pods { isolate in }\n"
        "cluster policy a for pods { isolate in }\n"
        "host policy a for nodes { isolate in }\n"
        "admin policy a priority 1 for pods { deny in from pods }\n"
        "baseline policy a priority 1 for pods { deny in from pods }\n"
    )
    policies = read_policies(text)
    assert {p.kind for p in policies} == set(KINDS.values())
    tiers = [p.tier for p in policies]
    assert tiers == [Tier.NORMAL] * 3 + [Tier.ADMIN, Tier.BASELINE]


def test_cidr_and_address_have_their_scopes() -> None:
    """``cidr`` is outside of the cluster, ``address`` is whoever has it."""
    (policy,) = read_policies(
        "policy a in b for pods { isolate out allow out to cidr 10.0.0.0/8"
        " allow out to address 10.0.0.0/8 }"
    )
    scopes = [rule.peers[0].scope for rule in policy.egress.rules]  # type: ignore[union-attr]  # prefixes
    assert scopes == [Scope.WORLD, Scope.EVERY]


def test_open_directions_are_noted() -> None:
    """Allowing without isolating is right, and worth a note."""
    found = diagnose("policy a in b for pods { allow in from @host }").found
    assert [d.code for d in found] == ["N1835"]

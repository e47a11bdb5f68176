"""Each check finds what it is for, and says nothing of its nearest neighbour."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from lockgate.codes import CODES
from lockgate.codes.linting import EXPLANATIONS
from lockgate.driver import compile_policies
from lockgate.lint.checks.budget import measure_maps
from lockgate.options import Options
from tests.lint.judging import documents, find, lint, pod, read

NETWORK = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {name}}}
spec: {{{spec}}}
"""
CILIUM = """
apiVersion: cilium.io/v2
kind: {kind}
metadata: {{name: {name}}}
spec: {{{spec}}}
"""
TIERED = """
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {{name: tiered}}
spec: {{tier: Admin, priority: 1, subject: {{namespaces: {{}}}}, {spec}}}
"""
WEB = pod("web", "10.0.0.1", "app: web")
CLIENT = pod("client", "10.0.0.3", "app: client", namespace="shop")
DNS = pod("dns", "10.0.0.2", "k8s-app: kube-dns", namespace="kube-system")
SHOP = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: shop}}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.96.0.7, selector: {app: web}, ports: [{port: 80}]}
"""


def network(spec: str, name: str = "one") -> str:
    """Return a NetworkPolicy."""
    return NETWORK.format(spec=spec, name=name)


def cilium(spec: str, name: str = "one", kind: str = "CiliumNetworkPolicy") -> str:
    """Return a policy of Cilium's."""
    return CILIUM.format(spec=spec, name=name, kind=kind)


def path(regex: str) -> str:
    """Return a policy with a path of an HTTP rule."""
    ports = "[{port: '80', protocol: TCP}]"
    rule = f"{{ports: {ports}, rules: {{http: [{{path: '{regex}'}}]}}}}"
    return cilium(f"endpointSelector: {{}}, ingress: [{{toPorts: [{rule}]}}]")


class Case(NamedTuple):
    """Documents that yield a code, and others, nearly the same, that do not."""

    code: str
    what: str
    fires: str
    misses: str


ALL = "endpointSelector: {}"
WEB_ONLY = "endpointSelector: {matchLabels: {app: web}}"
NAMED = "egress: [{toFQDNs: [{matchName: api.example.com}]}"


def ask(pattern: str) -> str:
    """Return a rule that sends look-ups to the proxy."""
    rules = f"{{dns: [{{matchPattern: '{pattern}'}}]}}"
    return f"{{toPorts: [{{ports: [{{port: '53'}}], rules: {rules}}}]}}"


EVERY_FROM = "ingress: [{from: [{podSelector: {}}]}]"

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


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code} {case.what}")
def test_it_fires(case: Case) -> None:
    """Found, with a place and a cure."""
    assert find(case.fires, case.code), [f.message for f in lint(case.fires).findings]
    for finding in find(case.fires, case.code):
        assert finding.span is not None
        assert finding.help


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code} {case.what}")
def test_it_does_not_fire(case: Case) -> None:
    """The near miss compiles, and nothing of the kind is said of it."""
    judgement = lint(case.misses)
    assert case.code not in [finding.code for finding in judgement.findings]
    assert not [f for f in judgement.findings if f.code.startswith("E1")]


def test_every_finding_has_a_case() -> None:
    """What is not in the table has a test of its own, here or beside."""
    elsewhere = {
        "W6002", "N6002", "N6016",  # test_shadowing
        "E6012",  # test_lock_out
        "E6013", "W6014", "W6026",  # below, test_lock_out
        "W6020", "W6021", "W6022", "W6023",  # test_exceptions
        "N6024", "N6025",  # below
        "E6030", "E6031", "E6032", "E6033", "E6034",  # test_config, test_baseline
    }  # fmt: skip
    assert {c.code for c in CASES} | elsewhere == {e.code for e in EXPLANATIONS}
    assert all(case.code in CODES for case in CASES)


def test_a_near_word_is_suggested() -> None:
    """A label that is misspelt is the usual reason."""
    text = documents(network("podSelector: {matchLabels: {app: wbe}}"), WEB)
    (found,) = find(text, "W6001")
    assert found.help == "did you mean 'web'?"
    text = documents(network("podSelector: {matchLabels: {ap: web}}"), WEB)
    (found,) = find(text, "W6001")
    assert found.help == "did you mean 'app'?"


def test_the_peer_is_marked() -> None:
    """Of several peers the one that matches nothing is shown."""
    text = documents(
        """
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: one}
        spec:
          podSelector: {}
          ingress:
          - from:
            - podSelector: {}
            - podSelector: {matchLabels: {app: nobody}}
        """,
        WEB,
    )
    (found,) = find(text, "W6001")
    assert found.span is not None
    assert found.span.line == 9


def test_other_clusters_are_not_looked_for() -> None:
    """Pods of another cluster stand in no snapshot of this one."""
    peer = "{matchLabels: {app: far, k8s:io.cilium.k8s.policy.cluster: CLUSTER}}"
    text = documents(cilium(f"{ALL}, ingress: [{{fromEndpoints: [{peer}]}}]"), WEB)
    assert find(text.replace("CLUSTER", "there"), "W6001") == []
    assert len(find(text.replace("CLUSTER", "default"), "W6001")) == 1


def test_one_element_is_told_once() -> None:
    """An element with two lists of ports is two rules, and one mistake."""
    ports = "[{ports: [{port: '1'}]}, {ports: [{port: '2'}]}]"
    peer = "{matchLabels: {app: nobody}}"
    rule = f"{{fromEndpoints: [{peer}], toPorts: {ports}}}"
    text = documents(cilium(f"{ALL}, ingress: [{rule}]"), WEB)
    assert len(find(text, "W6001")) == 1


def test_a_budget() -> None:
    """Each ceiling is compared with what the set comes to; equal is within."""
    text = documents(network("podSelector: {}, ingress: []"), WEB)
    names = (
        "identity-classes",
        "map-bytes",
        "map-entries",
        "port-ranges",
        "verdict-tables",
    )
    for name in names:
        (found,) = find(text, "E6013", config=read(f"budgets: {{{name}: 1}}"))
        size = int(found.message.split()[1].rstrip(","))
        assert size > 1
        assert find(text, "E6013", config=read(f"budgets: {{{name}: {size}}}")) == []


def test_a_budget_is_what_the_manifest_says() -> None:
    """The sizes are those of a bundle of the same policies."""
    shop = Path(__file__).parent.parent / "demo" / "shop"
    compilation = compile_policies([shop], Options(allow_unenforced=True))
    assert compilation.bundle is not None
    assert compilation.tables is not None
    sizes = compilation.bundle.manifest.sizes
    assert measure_maps(compilation.tables) == {
        "map-entries": sizes.map_entries,
        "map-bytes": sizes.map_bytes,
    }


def test_exposed_workloads() -> None:
    """With a list, who is on it is fine, and who is not is a warning."""
    text = documents(
        network("podSelector: {}, ingress: [{ports: [{port: 80}]}]"),
        WEB,
        pod("other-5d8f7c6b9-x2x4z", "10.0.0.9", "tier: back"),
    )
    found = find(text, "W6014", "N6014", config=read("exposed: [default/web]"))
    assert [f.code for f in found] == ["W6014"]
    assert found[0].message.startswith("default/other is reachable")
    assert find(text, "W6014", "N6014", config=read("exposed: [default/*]")) == []
    judgement = lint(text, known=frozenset(), remembers=True)
    codes = [finding.code for finding in judgement.findings]
    assert codes.count("W6014") == 2
    assert "N6014" not in codes


def test_denied_by_another_is_not_exposed() -> None:
    """The verdict tables have the last word."""
    allow = network("podSelector: {}, ingress: [{ports: [{port: 80}]}]")
    deny = cilium(
        f"{ALL}, ingressDeny: [{{fromEntities: [world]}}], "
        "enableDefaultDeny: {ingress: false}",
        "two",
    )
    assert find(documents(allow, deny, WEB), "N6014") == []


def test_without_a_snapshot() -> None:
    """Said once, with what was left out; nothing that the snapshot lacks is told."""
    text = cilium(
        f"{ALL}, egress: [{{toServices: [{{k8sService: {{serviceName: a}}}}]}}]"
    )
    judgement = lint(text)
    codes = [f.code for f in judgement.findings]
    assert codes.count("N6024") == 1
    assert not any(code.startswith("W205") for code in codes)
    (note,) = find(text, "N6024")
    assert "selector-matches-nothing" in note.message


def test_with_an_error() -> None:
    """What one policy says is judged, and what needs all of them is not."""
    wrong = network("podSelector: {}, ingres: []", "two")
    right = path("^/api")
    codes = [f.code for f in lint(documents(wrong, right)).findings]
    assert "E1004" in codes
    assert "W6009" in codes
    assert codes.count("N6025") == 1


def test_a_policy_with_an_error_is_not_judged_further() -> None:
    """What was read with a mistake says something else than was meant."""
    text = path("^/api").replace("endpointSelector: {}", "endpointSelector: {}, x: 1")
    codes = [f.code for f in lint(text).findings]
    assert "E1004" in codes
    assert "W6009" not in codes


def test_unsupported_is_no_error() -> None:
    """What nothing enforces yet has a severity of its own, and its page's code."""
    judgement = lint(path("/"))
    (found,) = [f for f in judgement.findings if f.code == "E3001"]
    assert found.severity.value == "unsupported"


def test_json_is_judged_as_yaml() -> None:
    """The place of a peer is found in JSON, too."""
    text = (
        '{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",\n'
        '"metadata": {"name": "one"}, "spec": {"podSelector": {}, "ingress": [{"from": [\n'
        '{"namespaceSelector": {"matchLabels": {"team": "a"}}},\n'
        '{"podSelector": {"matchLabels": {"app": "b"}}}]}]}}\n'
    )
    (found,) = find(text, "N6010")
    assert found.span is not None
    assert found.span.line == 4


def test_places_in_lists_and_in_rows_of_values() -> None:
    """A peer is found in an item of a List, and in the second of two JSON values."""
    policy = (
        '{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",\n'
        '"metadata": {"name": "NAME"}, "spec": {"podSelector": {}, "ingress": [{"from": [\n'
        '{"namespaceSelector": {"matchLabels": {"team": "a"}}},\n'
        '{"podSelector": {"matchLabels": {"app": "b"}}}]}]}}\n'
    )
    row = policy.replace("NAME", "one") + policy.replace("NAME", "two")
    listed = (
        '{"apiVersion": "v1", "kind": "List", "items": [\n'
        + policy.replace("NAME", "one")
        + ","
        + policy.replace("NAME", "two")
        + "]}"
    )
    assert [f.span and f.span.line for f in find(row, "N6010")] == [4, 8]
    assert [f.span and f.span.line for f in find(listed, "N6010")] == [5, 9]
    yaml = "apiVersion: v1\nitems:\n" + "".join(
        "- apiVersion: networking.k8s.io/v1\n  kind: NetworkPolicy\n"
        f"  metadata: {{name: {name}}}\n  spec:\n    podSelector: {{}}\n    ingress:\n"
        "    - from:\n      - namespaceSelector: {matchLabels: {team: a}}\n"
        "      - podSelector: {matchLabels: {app: b}}\n"
        for name in ("one", "two")
    )
    yaml += 'kind: List\nmetadata:\n  resourceVersion: ""\n'
    assert [f.span and f.span.line for f in find(yaml, "N6010")] == [11, 20]

"""lockgate.frontend.cilium_policy: subjects, isolation, parts of a policy."""

from __future__ import annotations

import pytest

from lockgate.ir.policy import SubjectKind
from lockgate.options import Options
from tests.frontend.policy_texts import cilium, codes, read_one, read_policies

NS = "io.kubernetes.pod.namespace"

ISOLATION = [
    ("ingress: [{}]", True, False),
    ("ingress: []\negress: [{}]", False, True),
    ("ingressDeny: [{fromEntities: [world]}]", True, False),
    ("egress: [{}]\nenableDefaultDeny: {egress: false}", False, False),
    ("egress: [{}]\nenableDefaultDeny: {egress: true}", False, True),
    ("egress: [{}]\nenableDefaultDeny: {ingress: true}", False, True),
    ("egress: [{}]\ningress: [{}]\nenableDefaultDeny: {ingress: false}", False, True),
]


@pytest.mark.parametrize(("rules", "ingress", "egress"), ISOLATION)
def test_rules_isolate_their_direction(rules: str, ingress: bool, egress: bool) -> None:
    """Any rule isolates, an empty or denying one too, unless enableDefaultDeny says no."""
    policy = read_one(cilium(rules))
    assert (policy.ingress.isolates, policy.egress.isolates) == (ingress, egress)


def test_an_empty_rule_allows_nothing() -> None:
    """``ingress: [{}]`` is a default deny; elsewhere an empty element is a warning."""
    assert read_one(cilium("ingress: [{}]")).ingress.rules == ()
    assert codes(cilium("ingress: [{}]")) == []
    assert codes(cilium("ingressDeny: [{}]")) == ["W1042 6:17"]
    both = "ingress:\n- fromEntities: [host]\n- {}"
    assert codes(cilium(both)) == ["W1042 8:5"]


@pytest.mark.parametrize(
    "rules", ["ingress: []", "description: no rules", "egress: null"]
)
def test_a_spec_needs_rules(rules: str) -> None:
    """Cilium refuses a spec without any rule; so do we."""
    assert codes(cilium(rules)) == ["E1049 5:3"]


def test_default_deny_without_rules_has_no_effect() -> None:
    """EnableDefaultDeny cannot switch on what no rule stands for."""
    text = cilium("ingress: [{}]\nenableDefaultDeny: {egress: true}")
    assert codes(text) == ["W1044 7:31"]


SUBJECTS = [
    ("{}", f"k8s:{NS}=shop", []),
    ("{matchLabels: {app: a}}", f"app=a & k8s:{NS}=shop", []),
    (f"{{matchLabels: {{'k8s:{NS}': shop}}}}", f"k8s:{NS}=shop", []),
    (f"{{matchLabels: {{'k8s:{NS}': other}}}}", f"k8s:{NS}=shop", ["W1041 5:71"]),
    (
        f"{{matchLabels: {{{NS}: other}}}}",
        f"{NS}=other & k8s:{NS}=shop",
        ["W1048 5:21"],
    ),
    (f"{{matchLabels: {{{NS}: shop}}}}", f"{NS}=shop & k8s:{NS}=shop", []),
]


@pytest.mark.parametrize(("selector", "subject", "said"), SUBJECTS)
def test_a_subject_is_in_its_own_namespace(
    selector: str, subject: str, said: list[str]
) -> None:
    """The namespace is added; a foreign one under k8s: is overwritten with a warning."""
    text = cilium("ingress: [{}]", selector=selector)
    assert str(read_one(text).subject) == subject
    assert codes(text) == said


def test_a_clusterwide_subject_stays_as_it_is() -> None:
    """A CiliumClusterwideNetworkPolicy has no namespace to add."""
    policy = read_one(cilium("ingress: [{}]", namespace=""))
    assert str(policy.subject) == "*"
    assert policy.key == "CiliumClusterwideNetworkPolicy/web"


def test_node_selectors_are_for_clusterwide_policies() -> None:
    """A host policy selects nodes; a namespaced one cannot."""
    text = cilium("ingress: [{fromEntities: [world]}]", namespace="")
    host = text.replace("endpointSelector: {}", "nodeSelector: {matchLabels: {a: b}}")
    policy = read_one(host)
    assert policy.subject_kind is SubjectKind.HOST
    assert str(policy.subject) == "a=b"
    assert policy.span.line == 5
    wrong = cilium("ingress: [{}]").replace("endpointSelector", "nodeSelector")
    assert codes(wrong) == ["E1048 5:3"]


def test_a_subject_is_one_of_two() -> None:
    """Neither and both of the selectors are errors."""
    both = cilium("nodeSelector: {}\ningress: [{}]", namespace="")
    assert codes(both) == ["E1047 6:3"]
    neither = cilium("ingress: [{}]").replace("  endpointSelector: {}\n", "")
    assert codes(neither) == ["E1047 5:3"]


SPECS = """
    apiVersion: cilium.io/v2
    kind: CiliumNetworkPolicy
    metadata: {name: web, namespace: shop}
    specs:
    - endpointSelector: {matchLabels: {app: a}}
      ingress:
      - fromEntities: [host]
    - endpointSelector: {matchLabels: {app: b}}
      egressDeny:
      - toEntities: [world]
"""


def test_each_of_specs_is_a_policy() -> None:
    """Their parts and paths tell them apart, and spans point at their selectors."""
    first, second = read_policies(SPECS)[0]
    assert (first.part, second.part) == ("specs[0]", "specs[1]")
    assert first.key == second.key == "CiliumNetworkPolicy/shop/web"
    assert first.ingress.rules[0].path == "specs[0].ingress[0]"
    assert second.egress.rules[0].path == "specs[1].egressDeny[0]"
    assert (first.span.line, second.span.line) == (6, 9)


def test_spec_and_specs_add_up() -> None:
    """Both together are a warning, the same spec twice another, none an error."""
    head = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: a}\n"
    spec = "{endpointSelector: {}, ingress: [{}]}"
    assert codes(f"{head}spec: {spec}\nspecs: [{spec}]\n") == ["W1045 5:1"]
    assert codes(f"{head}specs: [{spec}, {spec}]\n") == ["W1046 4:48"]
    assert codes(f"{head}specs: []\n") == ["E1049 3:18"]
    assert codes(head) == ["E1049 3:18"]


def test_the_namespace_is_default_where_none_is_given() -> None:
    """As kubectl does it."""
    text = cilium("ingress: [{}]").replace(", namespace: shop", "")
    assert read_one(text).key == "CiliumNetworkPolicy/default/web"


@pytest.mark.parametrize(
    ("value", "said", "is_audited"),
    [
        ("lockgate.dev/audit: 'true'", [], True),
        ("lockgate.dev/audit: 'false'", [], False),
        ("lockgate.dev/audit: 'yes'", ["E1061 6:26"], False),
        ("lockgate.dev/audti: 'true'", ["E1061 6:6"], False),
        ("example.com/audit: 'true'", [], False),
    ],
)
def test_audit_is_an_annotation(value: str, said: list[str], is_audited: bool) -> None:
    """Annotations of ours are checked, others are nobody's business here."""
    text = f"""
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata:
  name: web
  annotations: {{
     {value}}}
spec: {{endpointSelector: {{}}, ingress: [{{}}]}}
""".lstrip("\n")
    assert codes(text) == said
    (policy,) = read_policies(text)[0]
    assert policy.is_audited == is_audited


def test_audit_is_an_option() -> None:
    """A policy is named by its key."""
    options = Options(audit=frozenset({"CiliumNetworkPolicy/shop/web"}))
    assert read_one(cilium("ingress: [{}]"), options).is_audited
    assert not read_one(cilium("ingress: [{}]", namespace="other"), options).is_audited


def test_metadata_of_a_rule_is_checked_and_kept() -> None:
    """Log goes to every rule; description and labels change nothing."""
    rules = """
        description: for the shop
        labels: [{key: team, value: shop}]
        log: {value: checkout}
        ingress: [{fromEntities: [host]}]
    """
    (rule,) = read_one(cilium(rules)).ingress.rules
    assert rule.log == "checkout"
    assert codes(cilium("ingress: [{}]\nlog: {value: " + "x" * 33 + "}")) == [
        "E1063 7:16"
    ]


def test_a_field_of_the_wrong_place_says_where_it_belongs() -> None:
    """Rules beside spec, and a selector inside a rule, are misplaced."""
    assert codes(cilium("ingress: [{}]") + "egress: []\n") == ["E1009 7:1"]
    text = cilium("ingress:\n- endpointSelector: {}")
    assert codes(text)[0] == "E1009 7:5"

"""lockgate.frontend.l7: read and checked as Cilium's policy API does it."""

from __future__ import annotations

import pytest

from lockgate.diagnostics import Diagnostics, Severity
from lockgate.frontend.regex import regex_fault
from lockgate.frontend.unenforced import report_unenforced
from lockgate.ir.l7 import HeaderMatch, L7Rules, Parser
from lockgate.options import Options
from tests.frontend.policy_texts import cilium, read_one, read_policies, words

TCP = "ports: [{port: '80', protocol: TCP}]"
DNS = "ports: [{port: '53', protocol: ANY}]"
SECRET = "{secret: {name: s}}"  # noqa: S105  # the name of one


def _l7(port_rule: str, *, more: str = "") -> L7Rules | None:
    text = cilium(f"egress:\n- toPorts: [{{{port_rule}}}]{more}")
    (rule,) = read_one(text).egress.rules
    return rule.l7


PARSERS = [
    (f"{TCP}, rules: {{http: [{{path: /a}}]}}", Parser.HTTP),
    (f"{DNS}, rules: {{dns: [{{matchPattern: '*'}}]}}", Parser.DNS),
    (f"{TCP}, rules: {{kafka: [{{topic: a}}]}}", Parser.KAFKA),
    (f"{TCP}, rules: {{l7proto: r2d2, l7: [{{a: b}}]}}", Parser.CUSTOM),
    (f"{TCP}, serverNames: [a.example, '*.example', '**.example']", Parser.TLS),
    (f"{TCP}, terminatingTLS: {SECRET}", Parser.TLS),
    (f"{TCP}, originatingTLS: {SECRET}, rules: {{http: [{{}}]}}", Parser.HTTP),
    (f"{TCP}, listener: {{name: a, envoyConfig: {{name: b}}}}", Parser.LISTENER),
]


@pytest.mark.parametrize(("port_rule", "parser"), PARSERS)
def test_who_judges(port_rule: str, parser: Parser) -> None:
    """A listener stands before L7 rules, and those before TLS."""
    l7 = _l7(port_rule)
    assert l7 is not None
    assert l7.parser is parser


def test_nothing_to_judge() -> None:
    """Empty rules, and authentication that is disabled, ask for nothing."""
    assert _l7(TCP) is None
    assert _l7(f"{TCP}, rules: {{}}") is None
    assert _l7(f"{TCP}, rules: {{http: []}}") is None
    assert _l7(TCP, more="\n  authentication: {mode: disabled}") is None


def test_http_rules_keep_their_fields() -> None:
    """An empty field is no condition."""
    rule = (
        "{method: GET, path: '/a.*', host: '', headers: ['A: b'], headerMatches: "
        "[{name: X, value: y, mismatch: LOG}, {name: Z, secret: {name: s}}]}"
    )
    l7 = _l7(f"{TCP}, rules: {{http: [{rule}]}}")
    assert l7 is not None
    (http,) = l7.http
    assert (http.method, http.path, http.host) == ("GET", "/a.*", None)
    assert http.headers == ("A: b",)
    assert http.header_matches == (
        HeaderMatch("X", "y", "LOG"),
        HeaderMatch("Z", None, None, has_secret=True),
    )
    assert l7.span.line == 7


def test_authentication_joins_the_other_rules() -> None:
    """Alone it is the parser; beside L7 rules it is a field of theirs."""
    more = "\n  authentication: {mode: required}"
    alone = _l7(TCP, more=more)
    assert alone is not None
    assert alone.parser is Parser.AUTHENTICATION
    both = _l7(f"{TCP}, rules: {{http: [{{}}]}}", more=more)
    assert both is not None
    assert (both.parser, both.authentication) == (Parser.HTTP, "required")


def test_without_default_deny_the_rest_of_layer_7_passes() -> None:
    """A policy that does not isolate gives its L7 rules a wildcard."""
    rules = f"""
        enableDefaultDeny: {{egress: false}}
        egress:
        - toPorts: [{{{TCP}, rules: {{http: [{{path: /a}}]}}}}]
    """
    (rule,) = read_one(cilium(rules)).egress.rules
    assert rule.l7 is not None
    assert rule.l7.allows_all
    isolating = _l7(f"{TCP}, rules: {{http: [{{path: /a}}]}}")
    assert isolating is not None
    assert not isolating.allows_all


HTTP = "rules: {http: [{}]}"
UDP = "{port: '80', protocol: UDP}"
MISTAKES = [
    (f"ports: [{UDP}], {HTTP}", f"E1054 {UDP}"),
    (f"ports: [{{port: '80'}}], {HTTP}", "E1054 {port: '80'}"),
    (f"ports: [{{protocol: GRE}}], {HTTP}", "E1054 {protocol: GRE}"),
    (
        f"ports: [{{port: '0', protocol: TCP}}], {HTTP}",
        "E1054 {port: '0', protocol: TCP}",
    ),
    ("rules: {dns: [{matchName: a}]}", "E1054 dns"),
    (
        "ports: [{port: '53', endPort: 54}], rules: {dns: [{matchName: a}]}",
        "E1054 {port: '53', endPort: 54}",
    ),
    (f"{TCP}, rules: {{http: [{{}}], dns: [{{matchName: a}}]}}", "E1053 dns"),
    (f"{TCP}, rules: {{http: [{{path: '('}}]}}", "E1055 '('"),
    (f"{TCP}, rules: {{http: [{{pth: a}}]}}", "E1004 pth"),
    (f"{TCP}, rules: {{http: [{{headerMatches: [{{}}]}}]}}", "E1006 {}"),
    (
        f"{TCP}, rules: {{http: [{{headerMatches: [{{name: a, mismatch: log}}]}}]}}",
        "E1007 log",
    ),
    (f"{DNS}, rules: {{dns: [{{}}]}}", "E1050 {}"),
    (f"{DNS}, rules: {{dns: [{{matchPattern: 'a b'}}]}}", "E1056 'a b'"),
    (f"{TCP}, rules: {{l7: [{{a: b}}]}}", "E1050 l7"),
    (f"{TCP}, rules: {{kafka: [{{role: produce, apiKey: a}}]}}", "E1050 apiKey"),
    (f"{TCP}, serverNames: []", "E1051 []"),
    (f"{TCP}, serverNames: ['']", "E1056 ''"),
    (f"{TCP}, serverNames: [a], {HTTP}", "E1054 serverNames"),
    (f"{TCP}, terminatingTLS: {{}}", "E1006 {}"),
    (
        f"{TCP}, listener: {{name: a, envoyConfig: {{name: b}}}}, {HTTP}",
        "E1054 listener",
    ),
    (
        f"{TCP}, listener: {{name: a, priority: 101, envoyConfig: {{name: b}}}}",
        "E1013 101",
    ),
]


@pytest.mark.parametrize(("port_rule", "said"), MISTAKES)
def test_mistakes(port_rule: str, said: str) -> None:
    """Each is one diagnostic at the word that is wrong."""
    found = words(cilium(f"egress:\n- toPorts: [{{{port_rule}}}]"))
    assert [w for w in found if not w.startswith("W1042")] == [said]


INGRESS_MISTAKES = [
    f"{DNS}, rules: {{dns: [{{matchName: a}}]}}",
    f"{TCP}, listener: {{name: a, envoyConfig: {{name: b}}}}",
]


@pytest.mark.parametrize("port_rule", INGRESS_MISTAKES)
def test_what_is_for_egress_only(port_rule: str) -> None:
    """DNS rules and listeners are refused on ingress."""
    (said,) = words(cilium(f"ingress:\n- toPorts: [{{{port_rule}}}]"))
    assert said.startswith("E1054")


def test_host_policies_judge_dns_on_egress_only() -> None:
    """HTTP is refused, in both directions."""
    text = cilium(f"egress:\n- toPorts: [{{{TCP}, {HTTP}}}]", namespace="")
    host = text.replace("endpointSelector", "nodeSelector")
    assert words(host) == ["E1054 http"]
    dns = f"egress:\n- toPorts: [{{{DNS}, rules: {{dns: [{{matchName: a}}]}}}}]"
    text = cilium(dns, namespace="")
    assert words(text.replace("endpointSelector", "nodeSelector")) == []


# ---------------------------------------------------------------- unenforced

UNENFORCED = f"""
    ingress:
    - fromEndpoints: [{{}}]
      authentication: {{mode: required}}
    egress:
    - toPorts: [{{{TCP}, {HTTP}}}]
    - toFQDNs: [{{matchName: a.example}}]
      toPorts:
      - {TCP}
      - {DNS}
"""


def test_unenforced_rules_are_refused_once_each() -> None:
    """At their spans: a name that two rules share is said once."""
    policies, _ = read_policies(cilium(UNENFORCED))
    diagnostics = Diagnostics()
    report_unenforced(policies, Options(), diagnostics)
    found = [(d.code, d.span.line) for d in diagnostics.found if d.span is not None]
    assert found == [("E3007", 8), ("E3001", 10), ("E3008", 11)]


def test_allow_unenforced_warns_instead() -> None:
    """The rules stay as they are; only the severity and the code change."""
    policies, _ = read_policies(cilium(UNENFORCED))
    diagnostics = Diagnostics()
    report_unenforced(policies, Options(allow_unenforced=True), diagnostics)
    assert {d.severity for d in diagnostics.found} == {Severity.WARNING}
    assert [d.code for d in diagnostics.found] == ["W3007", "W3001", "W3008"]


# ---------------------------------------------------------------- regular expressions

GOOD = [
    "",
    "/path1$",
    "^/static/.+\\.(css|js)$",
    "/api/v[0-9]+/users/[^/]*",
    "(?i)get|head",
    "a(?i:b)c(?s-i)d",
    "\\pL+\\p{Greek}",
    "[[:alpha:]_]+\\z",
    "\\Q(((\\E.*",
    "(?P<name>a)(?P<name2>b)(?<name3>c)",
    "a{2,1000}",
    "[a+]+?",
    "x*?",
    "\\x{10FFFF}",
    "[)(]",
    "[]a]",
    "a\\+\\+b",
    "\\[[a]+b",
    "[\\]+]",
    "\\/\\-\\_",
]


@pytest.mark.parametrize("pattern", GOOD)
def test_expressions_that_re2_takes(pattern: str) -> None:
    """Syntax that Python's own parser lacks is no fault."""
    assert regex_fault(pattern) is None


BAD = [
    "(",
    "a)",
    "[a",
    "*",
    "a**",
    "(?=a)",
    "(?!a)",
    "(?<!a)b",
    "(?>a)",
    "(a)\\1",
    "a++",
    "a{1001}",
    "(?P=name)",
    "[z-a]",
    "a\\",
    "a\\Z",
    "(?x)a",
    "(?a:b)",
    "\\[a++]",
    "\\N{DIGIT ONE}",
]


@pytest.mark.parametrize("pattern", BAD)
def test_expressions_that_re2_refuses(pattern: str) -> None:
    """Look-around, back-references and broken syntax are faults."""
    assert regex_fault(pattern) is not None

"""Each check finds what it is for, and says nothing of its nearest neighbour."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.codes import CODES
from lockgate.codes.linting import EXPLANATIONS
from lockgate.driver import compile_policies
from lockgate.lint.checks.budget import measure_maps
from lockgate.options import Options
from tests.lint.check_cases import CASES, Case
from tests.lint.judging import documents, find, lint, pod, read
from tests.lint.policies import ALL, WEB, cilium, network


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

"""What is judged of policies with a mistake or without a snapshot, and where it stands."""

from __future__ import annotations

from tests.lint.judging import documents, find, lint
from tests.lint.policies import ALL, cilium, network, path


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

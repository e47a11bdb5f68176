"""lockgate.frontend.selectors: matchLabels and matchExpressions to requirements."""

from __future__ import annotations

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.selectors import parse_label_selector, split_source
from lockgate.frontend.yaml_reader import read_yaml
from lockgate.ir.labels import Operator, Requirement, Selector
from lockgate.source import Source


def _parse(text: str, source: str = "any") -> tuple[Selector | None, list[str]]:
    diagnostics = Diagnostics()
    (node,) = read_yaml(Source("x.yaml", text), diagnostics)
    selector = parse_label_selector(node, diagnostics, default_source=source)
    return selector, [f"{d.code} {d.span}" for d in diagnostics.found]


def test_requirements_are_sorted_and_distinct() -> None:
    """Two ways to write a selector are equal."""
    one, _ = _parse(
        "{matchLabels: {b: x, a: y}, matchExpressions:"
        " [{key: c, operator: In, values: [q, p, q]}]}"
    )
    other, _ = _parse(
        "{matchExpressions: [{key: c, operator: In, values: [p, q]},"
        " {key: a, operator: In, values: [y]}], matchLabels: {a: y, b: x}}"
    )
    assert one == other
    assert str(one) == "a=y & b=x & c in (p, q)"


def test_every_operator() -> None:
    """The four operators of Kubernetes."""
    selector, said = _parse(
        "matchExpressions:\n"
        "- {key: a, operator: Exists}\n- {key: b, operator: DoesNotExist}\n"
        "- {key: c, operator: NotIn, values: [x]}\n- {key: d, operator: In, values: ['']}"
    )
    assert said == []
    assert selector is not None
    assert [r.operator for r in selector.requirements] == [
        Operator.EXISTS,
        Operator.DOES_NOT_EXIST,
        Operator.NOT_IN,
        Operator.IN,
    ]


def test_an_empty_selector_selects_everything() -> None:
    """``{}`` has no requirement."""
    assert _parse("{}") == (Selector(), [])


@pytest.mark.parametrize(
    ("key", "source", "name"),
    [
        ("app", "any", "app"),
        ("k8s:app", "k8s", "app"),
        ("reserved:host", "reserved", "host"),
        ("$host", "reserved", "host"),
        ("reserved.host", "reserved", "host"),
        ("any:example.com/app", "any", "example.com/app"),
        ("k8s:io.kubernetes.pod.namespace", "k8s", "io.kubernetes.pod.namespace"),
        ("cidr:10.0.0.0/8", "cidr", "10.0.0.0/8"),
        ("node:zone", "node", "zone"),
    ],
)
def test_sources(key: str, source: str, name: str) -> None:
    """A prefix of Cilium's kinds is the label's source."""
    assert (split_source(key)[0] or "any", split_source(key)[1]) == (source, name)
    selector, said = _parse(f"matchLabels: {{'{key}': ''}}")
    assert said == []
    assert selector == Selector((Requirement(source, name, Operator.IN, ("",)),))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("matchLabel: {}", "E1004 x.yaml:1:1"),
        ("matchLabels: [a]", "E1005 x.yaml:1:14"),
        ("matchLabels: {a: }", "E1005 x.yaml:1:18"),
        ("matchLabels: {a: 1}", "E1005 x.yaml:1:18"),
        ("matchLabels: {a: -x}", "E1018 x.yaml:1:18"),
        ("matchLabels: {-a: x}", "E1018 x.yaml:1:15"),
        ("matchLabels: {a/b/c: x}", "E1018 x.yaml:1:15"),
        ("matchLabels: {A/b: x}", "E1018 x.yaml:1:15"),
        (f"matchLabels: {{a: {'x' * 64}}}", "E1018 x.yaml:1:18"),
        ("matchExpressions: [{key: a, operator: in}]", "E1007 x.yaml:1:39"),
        ("matchExpressions: [{key: a, operator: In}]", "E1020 x.yaml:1:20"),
        ("matchExpressions: [{operator: Exists}]", "E1006 x.yaml:1:20"),
        (
            "matchExpressions: [{key: a, operator: Exists, values: [b]}]",
            "E1020 x.yaml:1:55",
        ),
        ("matchExpressions: [null]", "E1005 x.yaml:1:20"),
    ],
)
def test_mistakes(text: str, said: str) -> None:
    """Each mistake has its place, and the selector is not used."""
    assert _parse(text) == (None, [said])


def test_sources_belong_to_cilium() -> None:
    """In a selector of Kubernetes a prefix is a mistake; elsewhere an unknown one warns."""
    assert _parse("matchLabels: {'k8s:a': x}", "k8s") == (None, ["E1018 x.yaml:1:15"])
    for key in ("pod:a", "reserved:all", "$hosts"):
        selector, said = _parse(f"matchLabels: {{'{key}': x}}")
        assert selector is not None
        assert said == ["W1024 x.yaml:1:15"]
    assert _parse("matchLabels: {$world-ipv4: ''}")[1] == []

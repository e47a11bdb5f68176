"""Prefixes of IPv4 addresses that are mapped into IPv6: wherever a prefix stands."""

from __future__ import annotations

import pytest

from lockgate.diagnostics import Severity
from lockgate.frontend.cidr import unmap_prefix
from lockgate.language.conversion import Target
from tests.language.convert import convert_texts
from tests.language.read import diagnose

YAML = (
    "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
    "metadata: {name: a, namespace: b}\nspec:\n  endpointSelector: {}\n"
    '  egressDeny: [{toCIDR: ["PREFIX"]}]\n'
)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("::ffff:192.0.2.1/128", "192.0.2.1/32"),
        ("::FFFF:c000:201/120", "192.0.2.1/24"),
        ("0:0:0:0:0:ffff:c000:0201/96", "192.0.2.1/0"),
        ("::ffff:192.0.2.1/95", None),
        ("::ffff:192.0.2.1/129", None),
        ("::ffff:192.0.2.1", None),
        ("::ffff:192.0.2.1%eth0/128", None),
        ("::192.0.2.1/128", None),
        ("64:ff9b::192.0.2.1/128", None),
        ("192.0.2.1/32", None),
        ("x/32", None),
    ],
)
def test_which_are_mapped(text: str, plain: str | None) -> None:
    """Only ::ffff:0:0/96 and what is inside; compatible and translated addresses are not."""
    assert unmap_prefix(text) == plain


@pytest.mark.parametrize(
    "rule",
    [
        "deny out to cidr ::ffff:192.0.2.1/128",
        "allow out to address ::ffff:c000:201/128",
        "deny out to cidr 192.0.2.0/24 except ::ffff:192.0.2.128/121",
        "deny out to cidr ::ffff:192.0.2.0/120 except {::ffff:192.0.2.128/121}",
    ],
)
def test_both_ways_of_writing_mean_the_same(rule: str) -> None:
    """What is converted has the IPv4 prefix, and no other."""
    mapped = f"policy a in b for pods {{\n  isolate out\n  {rule}\n}}\n"
    plain = mapped
    for one in ("192.0.2.1", "192.0.2.128", "192.0.2.0", "c000:201"):
        dotted = "192.0.2.1" if one == "c000:201" else one
        for length in (128, 121, 120):
            plain = plain.replace(f"::ffff:{one}/{length}", f"{dotted}/{length - 96}")
    assert "::ffff" not in plain
    for target in Target:
        first, said = convert_texts({"p.gate": mapped}, target)
        assert "N1836" in {d.code for d in diagnose(mapped).found}
        second, _ = convert_texts({"p.gate": plain}, target)
        assert said.ok
        assert first == second
        assert "::ffff" not in first


def test_groups_and_tests_have_prefixes_too() -> None:
    """A note for each of them."""
    text = (
        "group g { ::ffff:192.0.2.0/120, 2001:db8::/32 }\n"
        'test "t" { never pods -> cidr ::ffff:192.0.2.0/120 }\n'
    )
    assert [d.code for d in diagnose(text).found] == ["N1836", "N1836"]


@pytest.mark.parametrize("prefix", ["::ffff:192.0.2.1/128", "::ffff:c000:201/104"])
def test_yaml_refuses_it(prefix: str) -> None:
    """There nothing else would match it, so a deny of it would deny nothing."""
    (found,) = diagnose(YAML.replace("PREFIX", prefix), "p.yaml").found
    assert (found.code, found.severity) == ("E1040", Severity.ERROR)
    assert found.help == f"write {unmap_prefix(prefix)}"

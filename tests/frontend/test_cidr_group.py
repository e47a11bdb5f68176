"""lockgate.frontend.cidr_group: prefixes with a name and labels."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.yaml_reader import read_yaml
from lockgate.ir.cluster import CidrGroup
from lockgate.ir.labels import Label
from lockgate.options import Options
from lockgate.source import Source
from tests.frontend.policy_texts import parse_nodes, words

TEXT = """
apiVersion: cilium.io/{version}
kind: CiliumCIDRGroup
metadata: {{name: feed, labels: {{env: prod}}}}
spec: {{externalCIDRs: [{cidrs}]}}
"""


@pytest.mark.parametrize("version", ["v2", "v2alpha1"])
def test_a_group_is_read_in_both_versions(version: str) -> None:
    """Labels have the source k8s; prefixes keep their order."""
    text = TEXT.format(version=version, cidrs="10.0.0.0/8, 'fd00::/8'")
    diagnostics = Diagnostics()
    nodes = read_yaml(Source("group.yaml", text), diagnostics)
    (group,) = parse_nodes(nodes, Options(), diagnostics)
    assert diagnostics.ok
    assert isinstance(group, CidrGroup)
    assert group.name == "feed"
    assert group.labels == (Label("k8s", "env", "prod"),)
    assert group.networks == (IPv4Network("10.0.0.0/8"), IPv6Network("fd00::/8"))


def test_mistakes_of_a_group() -> None:
    """Bare addresses, and a spec without prefixes."""
    assert words(TEXT.format(version="v2", cidrs="10.0.0.1")) == ["E1040 10.0.0.1"]
    text = TEXT.format(version="v2", cidrs="").replace("externalCIDRs: []", "")
    assert words(text) == ["E1006 {}"]

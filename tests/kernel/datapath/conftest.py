"""One node for each test module: programs are loaded once and emptied between tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel.datapath.node import Member, Node
from tests.kernel.datapath.worlds import POLICY_NUMBERS, build_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMBERS = {
    "host": Member(
        1,
        POLICY_NUMBERS["no-policy-ingress"],
        POLICY_NUMBERS["no-policy-egress"],
        ("10.9.0.1", "fd00:9::1"),
    ),
    "web": Member(
        300,
        POLICY_NUMBERS["web-ingress"],
        POLICY_NUMBERS["web-egress"],
        ("10.0.0.1", "fd00::1", "10.0.0.101", "fd00::101"),
    ),
    "client": Member(
        301,
        POLICY_NUMBERS["no-policy-ingress"],
        POLICY_NUMBERS["no-policy-egress"],
        ("10.0.0.2", "fd00::2"),
    ),
    "talker": Member(
        302,
        POLICY_NUMBERS["closed-ingress"],
        POLICY_NUMBERS["no-policy-egress"],
        ("10.0.0.3", "fd00::3"),
    ),
    "closed": Member(
        302,
        POLICY_NUMBERS["closed-ingress"],
        POLICY_NUMBERS["closed-egress"],
        ("10.0.0.3", "fd00::3"),
    ),
}


@pytest.fixture(scope="module")
def loaded() -> Iterator[Node]:
    """Load every feature once for a module."""
    with Node(build_tables(), MEMBERS) as node:
        yield node


@pytest.fixture
def node(loaded: Node) -> Node:
    """Return the node without flows, as the endpoint web."""
    loaded.clear()
    loaded.reset_drops()
    loaded.become("web")
    return loaded

"""lockgate.passes.select_subjects: host policies that select nobody are told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.ir.policy import AnyPeer, SubjectKind
from lockgate.options import EnforcementMode, Options
from lockgate.passes.pipeline import build_tables
from tests.passes.ir_values import policy, rule
from tests.passes.test_pipeline import SHOP

if TYPE_CHECKING:
    from lockgate.ir.cluster import Cluster


def warnings(cluster: Cluster, zone: str, mode: str = "default") -> list[str]:
    """Compile a host policy for the nodes of a zone, and return what is said about it."""
    host = replace(
        policy("edge", f"zone={zone}", ingress=(rule(AnyPeer()),)),
        subject_kind=SubjectKind.HOST,
    )
    diagnostics = Diagnostics()
    options = Options(enforcement_mode=EnforcementMode(mode))
    build_tables(cluster, (host,), None, options, diagnostics)
    assert {found.code for found in diagnostics.found} <= {"W2055"}
    return [found.message for found in diagnostics.found]


def test_a_host_policy_that_selects_a_node_is_fine() -> None:
    """One node is enough."""
    assert warnings(SHOP, "a") == []


@pytest.mark.parametrize(
    ("cluster", "words"),
    [(SHOP, "none of the 2 nodes"), (replace(SHOP, nodes=()), "there is none")],
)
def test_a_host_policy_that_selects_no_node_is_a_warning(
    cluster: Cluster, words: str
) -> None:
    """Labels that no node has, or no nodes in the snapshot."""
    (message,) = warnings(cluster, "c")
    assert message.startswith("CiliumNetworkPolicy/shop/edge judges nobody: ")
    assert words in message


def test_under_the_mode_never_nothing_is_said() -> None:
    """Then no policy judges anybody."""
    assert warnings(SHOP, "c", "never") == []

"""lockgate.codes: every code of the policy kinds is explained by an example that yields it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockgate.codes import policies, policy_warnings, unenforced
from lockgate.diagnostics import Diagnostics
from lockgate.frontend.audit import report_unknown_audited
from lockgate.frontend.priorities import report_equal_priorities
from lockgate.frontend.unenforced import report_unenforced
from lockgate.options import Options
from tests.frontend.policy_texts import cilium, read_policies

if TYPE_CHECKING:
    from lockgate.codes.explanation import Explanation

EXPLANATIONS = (
    *policies.EXPLANATIONS,
    *policy_warnings.EXPLANATIONS,
    *unenforced.EXPLANATIONS,
)
EXAMPLES = [e for e in EXPLANATIONS if e.example]


@pytest.mark.parametrize("explanation", EXAMPLES, ids=lambda e: e.code)
def test_an_example_yields_its_code(explanation: Explanation) -> None:
    """And nothing else, where it is read alone."""
    found, diagnostics = read_policies(explanation.example)
    if explanation.code.startswith("E3"):
        report_unenforced(found, Options(), diagnostics)
    report_equal_priorities(found, diagnostics)
    assert {d.code for d in diagnostics.found} == {explanation.code}


def test_only_what_needs_an_option_has_no_example() -> None:
    """E1062 and N1042 need the command line; the warnings W3xxx too."""
    without = {e.code for e in EXPLANATIONS if not e.example}
    assert without == {"E1062", "N1042", *(f"W300{i}" for i in range(1, 9))}


def test_an_audited_policy_must_be_there() -> None:
    """``--audit`` of a policy that is not read would enforce it unnoticed."""
    found, _ = read_policies(cilium("ingress: [{}]"))
    diagnostics = Diagnostics()
    audited = frozenset(
        {"CiliumNetworkPolicy/shop/web", "CiliumNetworkPolicy/shop/wbe"}
    )
    report_unknown_audited(found, Options(audit=audited), diagnostics)
    (only,) = diagnostics.found
    assert only.code == "E1062"
    assert only.help == "did you mean 'CiliumNetworkPolicy/shop/web'?"

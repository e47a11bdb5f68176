"""Golden cases of the policy kinds: the IR they become, and what is said of mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.records import Decoder, encode
from lockgate.frontend.unenforced import report_unenforced
from lockgate.frontend.yaml_reader import read_yaml
from lockgate.ir.policy import Policy
from lockgate.ir.printer import print_policies
from lockgate.options import Options
from lockgate.source import Source
from tests.frontend.policy_texts import parse_nodes

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parent.parent.parent / "golden/kinds"
CASES = [
    "cilium_l7",
    "cilium_network_policy",
    "cluster_network_policy",
    "network_policy",
]


def _read(case: str) -> tuple[list[Policy], Diagnostics]:
    diagnostics = Diagnostics()
    source = Source("policy.yaml", (GOLDEN / case / "policy.yaml").read_text())
    values = parse_nodes(read_yaml(source, diagnostics), Options(), diagnostics)
    return [value for value in values if isinstance(value, Policy)], diagnostics


def _print_diagnostics(diagnostics: Diagnostics) -> str:
    lines = []
    for d in diagnostics.found:
        lines.append(f"{d.span} {d.severity.value}[{d.code}]: {d.message}")
        lines += [f"    related: {span}: {said}" for span, said in d.related]
        lines += [f"    help: {d.help}"] if d.help else []
    return "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize("case", CASES)
def test_a_kind_becomes_ir(case: str, golden: Callable[[str, str], None]) -> None:
    """One policy of each kind, with every sort of rule it has."""
    policies, diagnostics = _read(case)
    assert diagnostics.found == []
    golden(f"kinds/{case}/ir.txt", print_policies(policies))
    report_unenforced(policies, Options(), diagnostics)
    if case == "cilium_l7":
        golden(f"kinds/{case}/diagnostics.txt", _print_diagnostics(diagnostics))
    else:
        assert diagnostics.ok


@pytest.mark.parametrize("case", CASES)
def test_a_record_gives_the_same_policies(case: str) -> None:
    """The cache of documents returns what was read, with its spans in the new document."""
    policies, _ = _read(case)
    elsewhere = Source("elsewhere.yaml", "")
    decoder = Decoder()
    for policy in policies:
        record = encode(policy)
        decoder.decode(record, Source("before.yaml", ""))
        again = decoder.decode(record, elsewhere)
        moved = repr(policy).replace("Source('policy.yaml'", "Source('elsewhere.yaml'")
        assert repr(again) == moved


def test_every_mistake_is_shown_at_once(golden: Callable[[str, str], None]) -> None:
    """None stops the reading of the rest, and each says how to mend it."""
    _, diagnostics = _read("policy_mistakes")
    golden("kinds/policy_mistakes/diagnostics.txt", _print_diagnostics(diagnostics))

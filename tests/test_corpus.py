"""Other people's policies: each compiles, or is refused for the reason that the table gives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lockgate.diagnostics import Diagnostics, Severity
from lockgate.driver import Compilation, compile_tables
from lockgate.frontend.unenforced import report_unenforced
from lockgate.frontend.yaml_reader import read_yaml
from lockgate.ir.policy import Policy
from lockgate.options import Options, Semantics
from lockgate.source import Source
from tests.beside import CILIUM, CONFORMANCE, needs_cases, needs_cilium
from tests.frontend.policy_texts import kind_of, parse_nodes

HERE = Path(__file__).parent

EXPECTED = {
    fields[0]: fields[1]
    for line in (HERE / "corpus_expectations.txt").read_text().splitlines()
    if not line.startswith("#") and (fields := line.split(maxsplit=2))
}


def _read(text: str, options: Options) -> tuple[int, Diagnostics]:
    """Return how many objects were of our kinds, and everything found to say of them."""
    diagnostics = Diagnostics()
    nodes = read_yaml(Source("corpus", text), diagnostics)
    values = parse_nodes(nodes, options, diagnostics)
    policies = [value for value in values if isinstance(value, Policy)]
    report_unenforced(policies, options, diagnostics)
    kinds = sum(kind_of(node)[1].endswith(("Policy", "CIDRGroup")) for node in nodes)
    return kinds, diagnostics


def _errors(compilation: Compilation) -> str:
    errors = [d for d in compilation.diagnostics.found if d.severity is Severity.ERROR]
    assert all(error.help for error in errors), "an error without a cure"
    return ",".join(sorted({error.code for error in errors}))


@needs_cilium
@pytest.mark.parametrize(("file", "codes"), EXPECTED.items())
def test_a_file_compiles_or_is_refused_with_reason(file: str, codes: str) -> None:
    """Exactly the expected errors, and verdict tables where there are none."""
    compilation = compile_tables([CILIUM / file])
    assert _errors(compilation) == codes.strip("ok-")
    assert (compilation.tables is not None) == compilation.ok
    assert bool(compilation.policies) == (codes != "-")


@needs_cilium
@pytest.mark.parametrize("file", [f for f, code in EXPECTED.items() if "E300" in code])
def test_what_is_unenforced_compiles_if_allowed(file: str) -> None:
    """``--allow-unenforced`` turns just those refusals into warnings."""
    compilation = compile_tables([CILIUM / file], Options(allow_unenforced=True))
    assert _errors(compilation) == ""
    warned = {d.code.replace("W", "E") for d in compilation.diagnostics.found}
    assert warned >= set(EXPECTED[file].split(","))
    assert compilation.tables is not None


@needs_cilium
def test_the_table_names_every_file() -> None:
    """A file that is added must be decided."""
    files = (path.relative_to(CILIUM).as_posix() for path in CILIUM.rglob("*.yaml"))
    assert sorted(files) == sorted(EXPECTED)


@needs_cases
@pytest.mark.parametrize("semantics", Semantics)
@pytest.mark.parametrize(
    "file", ["gotchas", "k8s_e2e", "npapi", "quirks", "sample_l3l4", "sample_l7"]
)
def test_conformance_objects_are_read(file: str, semantics: Semantics) -> None:
    """Every policy of the cases is valid, but those that the case says to refuse."""
    options = Options(semantics=semantics, allow_unenforced=True)
    for line in (CONFORMANCE / f"{file}.jsonl").read_text().splitlines():
        case = json.loads(line)
        rejected = {entry["index"] for entry in case.get("rejected", ())}
        for i, value in enumerate(case["objects"]):
            if value["kind"].endswith(("Policy", "CIDRGroup")):
                count, diagnostics = _read(json.dumps(value), options)
                assert count == 1
                assert diagnostics.ok == (i not in rejected), (case["name"], value)

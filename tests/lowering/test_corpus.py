"""Other people's tracing policies on the running kernel: attached, lowered, or refused.

The table has a column for each kernel that the virtual machines boot; on another kernel it
is only tried that every hook gets an answer.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.ir.placement import Result
from lockgate.lowering.places import place_policy
from lockgate.options import Options
from tests.beside import TETRAGON, needs_tetragon
from tests.targets.running import running_kernel

if TYPE_CHECKING:
    from lockgate.targets.target import Target

HERE = Path(__file__).parent.parent
TABLE = [
    line.split(maxsplit=3)
    for line in (HERE / "tracing_expectations.txt").read_text().splitlines()
    if not line.startswith("#")
]
EXPECTED = {file: {"6.1": old, "6.12": new} for file, old, new, *_ in TABLE}
ORDER = [Result.REFUSED, Result.LOWERED, Result.ATTACHED]


def answer(path: Path, target: Target) -> str:
    """Return what becomes of a file: the worst of its hooks, with the first code."""
    diagnostics = Diagnostics()
    documents = documents_from_text({path.name: path.read_text()})
    parsed = parse_documents(documents, Options(), diagnostics)
    errors = sorted({d.code for d in diagnostics.found if d.code.startswith("E")})
    if errors:
        return f"invalid({errors[0]})"
    placements = [p for t in parsed.tracing_policies for p in place_policy(t, target)]
    assert placements
    kept = [p for p in placements if p.code != "N3110"]
    worst = min(kept, key=lambda p: ORDER.index(p.result))
    return worst.result.value + (f"({worst.code})" if worst.code else "")


@needs_tetragon
@pytest.mark.kernel
def test_every_policy_has_the_answer_of_the_table() -> None:
    """On 6.1 and 6.12 exactly that of the table."""
    target = running_kernel()
    series = ".".join(os.uname().release.split("-")[0].split(".")[:2])
    found = {file: answer(TETRAGON / file, target) for file in EXPECTED}
    if series in ("6.1", "6.12"):
        assert found == {file: wanted[series] for file, wanted in EXPECTED.items()}


@needs_tetragon
def test_the_table_names_every_file() -> None:
    """A file that is added must be decided."""
    files = (path.relative_to(TETRAGON).as_posix() for path in TETRAGON.rglob("*.yaml"))
    assert sorted(files) == sorted(EXPECTED)

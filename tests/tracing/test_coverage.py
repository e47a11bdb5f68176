"""Every word of the language of tracing policies fires in a test, or the table says what instead.

``tests/tracing_coverage.txt`` is made of the rows of the tests: ``pytest --update-golden
tests/tracing/test_coverage.py`` writes it anew.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.lowering.places import place_policy
from lockgate.options import Options
from lockgate.vm.kernels import SERIES, missing
from tests.targets.recorded import recorded
from tests.tracing.cases.refused import REFUSED, Refusal
from tests.tracing.coverage import KERNELS, table

if TYPE_CHECKING:
    from lockgate.targets.target import Target

TABLE = Path(__file__).parent.parent / "tracing_coverage.txt"
HERE = [series for series in SERIES if not missing(series)]
_HEADING = """\
# What the tests of tracing policies know of each word, kernel by kernel:
#   fires(ROW)     it fires where it should and nowhere else
#   loads(ROW)     load-tested only: what it needs is not in the machines
#   refused(CODE)  an error at its place says why
"""


@cache
def kernel(series: str) -> Target:
    """Return a machine's kernel, whose types are read once for all rows."""
    return recorded(series)


def written() -> str:
    """Return the table as text."""
    rows: list[tuple[str, ...]] = [("# kind", "word", *KERNELS)]
    for (kind, word), answers in table().items():
        rows.append((kind, word, *(answers[kernel] for kernel in KERNELS)))
    widths = [
        max(len(row[column]) for row in rows) + 1 for column in range(len(rows[0]))
    ]
    lines = (
        " ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return _HEADING + "".join(f"{line.rstrip()}\n" for line in lines)


def test_every_word_has_a_row() -> None:
    """A word that is added to the language needs a row on each kernel."""
    lacking = [
        (*word, kernel)
        for word, answers in table().items()
        for kernel, answer in answers.items()
        if not answer
    ]
    assert lacking == []


def test_the_table_says_what_the_rows_say(request: pytest.FixtureRequest) -> None:
    """What fires, what loads, what is refused: reviewed as text."""
    if request.config.getoption("--update-golden"):
        TABLE.write_text(written())
    assert TABLE.read_text() == written()


@pytest.mark.vm
@pytest.mark.parametrize(
    ("series", "refusal"),
    [
        pytest.param(series, refusal, id=f"{refusal.name}-{series}")
        for refusal in REFUSED
        for series in HERE
        if series in refusal.kernels
    ],
)
def test_what_is_refused(series: str, refusal: Refusal) -> None:
    """With the code of its row; who makes it work writes a row that fires."""
    diagnostics = Diagnostics()
    documents = documents_from_text({f"{refusal.name}.yaml": refusal.policy})
    parsed = parse_documents(documents, Options(), diagnostics)
    found = {d.code for d in diagnostics.found if d.code.startswith("E")}
    target = kernel(series)
    for policy in parsed.tracing_policies:
        found |= {placement.code for placement in place_policy(policy, target)}
    assert refusal.code in found, found

"""Whatever of other people's tracing policies is not refused becomes C that clang takes."""

from __future__ import annotations

import pytest

from lockgate.codegen.tracing.build import build
from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.options import Options
from lockgate.toolchain.clang import compile_c
from tests.beside import TETRAGON, needs_tetragon
from tests.kernel.e2e.bundles import CACHE
from tests.targets.recorded import recorded
from tests.tracing.test_in_machines import HERE

pytestmark = [
    pytest.mark.vm,
    needs_tetragon,
    pytest.mark.skipif(
        not HERE, reason="needs QEMU and a kernel: ./dev test fetches what apt offers"
    ),
]


@pytest.mark.parametrize("series", HERE)
def test_what_is_not_refused_compiles(series: str) -> None:
    """Each policy alone, for a machine's kernel; most of them are not refused."""
    target = recorded(series)
    policies = 0
    for path in sorted(TETRAGON.rglob("*.yaml")):
        said = Diagnostics()
        documents = documents_from_text({path.name: path.read_text()})
        parsed = parse_documents(documents, Options(), said)
        if not said.ok:
            continue
        refused = Diagnostics()
        made = build(parsed.tracing_policies, target, refused)
        if not refused.ok:
            continue
        policies += 1
        compiled = Diagnostics()
        compile_c(made.sources, compiled, cache_folder=CACHE)
        assert compiled.ok, [path.name, *(d.message for d in compiled.found)]
    assert policies >= 12

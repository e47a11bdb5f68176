"""Judge tests written in the language over objects, in tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lockgate.codegen.pack import pack_tables
from lockgate.diagnostics import Diagnostics
from lockgate.expectations.coverage import Coverage, measure_coverage
from lockgate.expectations.engine import Engine, Result
from lockgate.expectations.names import name_rules
from lockgate.identity_lock import IdentityLock
from lockgate.language.reading import Language, read_file
from lockgate.passes.pipeline import Middle, run_passes
from lockgate.renderers import render_text
from lockgate.requests import RuleRequests
from lockgate.source import Source
from lockgate_runtime.tables import PackedTables
from tests.conformance.compiling import make_options, parse_objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockgate.language.ast_tests import Test
    from lockgate.options import Options

Object = dict[str, Any]


class Judged:
    """An engine over some objects."""

    def __init__(
        self, objects: Sequence[Object], options: Options | None = None
    ) -> None:
        options = options or make_options()
        diagnostics = Diagnostics()
        cluster, policies = parse_objects(objects, options, diagnostics)
        assert diagnostics.ok, render_text(diagnostics)
        self.middle: Middle = run_passes(
            cluster, policies, IdentityLock(), options, diagnostics
        )
        assert diagnostics.ok, render_text(diagnostics)
        packed = PackedTables(pack_tables(self.middle.tables))
        requests = RuleRequests(policies, packed)
        names = name_rules(cluster, self.middle)
        self.engine = Engine(cluster, self.middle.tables, packed, requests, names=names)

    def run(self, *statements: str) -> list[Result]:
        """Judge statements."""
        return list(self.engine.run(read(*statements)))

    def one(self, statement: str) -> Result:
        """Judge one statement."""
        (result,) = self.run(statement)
        return result

    def coverage(self, *statements: str) -> Coverage:
        """Judge statements; return which rules they exercise."""
        results = self.run(*statements)
        return measure_coverage(results, self.middle.resolution, self.engine.verdicts)


def read(*statements: str) -> tuple[Test, ...]:
    """Read statements as one test."""
    diagnostics = Diagnostics()
    text = 'test "t" {\n' + "".join(f"  {s}\n" for s in statements) + "}\n"
    file = read_file(Source("t.gatetest", text), Language.TESTS, diagnostics)
    assert not diagnostics.found, render_text(diagnostics)
    return file.tests

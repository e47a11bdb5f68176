"""Convert and compile, in tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lockgate.codegen.pack import pack_tables
from lockgate.diagnostics import Diagnostics, Severity
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.identity_lock import IdentityLock
from lockgate.language.conversion import Target, convert
from lockgate.options import Options
from lockgate.passes.pipeline import build_tables
from lockgate.simulation import TableJudge
from lockgate_runtime.tables import PackedTables
from tests.conformance.compiling import simulate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockgate.simulation import Simulation
    from tests.properties.draw import Object


def convert_texts(
    texts: dict[str, str], target: Target, options: Options | None = None
) -> tuple[str, Diagnostics]:
    """Return the converted text, and what was said on the way."""
    options = options or Options()
    diagnostics = Diagnostics()
    parsed = parse_documents(documents_from_text(texts), options, diagnostics)
    assert diagnostics.ok, diagnostics.found
    text = convert(parsed, target, diagnostics, options=options)
    return text, diagnostics


def errors(diagnostics: Diagnostics) -> list[tuple[str, str]]:
    """Return code and message of each error."""
    return [
        (d.code, d.message) for d in diagnostics.found if d.severity is Severity.ERROR
    ]


def texts_of(objects: Sequence[Object]) -> dict[str, str]:
    """Return objects as documents."""
    return {f"{i}.json": json.dumps(o) for i, o in enumerate(objects)}


def compile_beside(
    objects: Sequence[Object], name: str, text: str, options: Options
) -> Simulation:
    """Compile converted policies beside the snapshot that they came from."""
    snapshot = [o for o in objects if not o["kind"].endswith("Policy")]
    snapshot = [o for o in snapshot if o["kind"] != "CiliumCIDRGroup"]
    diagnostics = Diagnostics()
    documents = documents_from_text(texts_of(snapshot) | {name: text})
    parsed = parse_documents(documents, options, diagnostics)
    tables = build_tables(
        parsed.cluster, parsed.policies, IdentityLock(), options, diagnostics
    )
    assert diagnostics.ok, errors(diagnostics)
    packed = PackedTables(pack_tables(tables))
    return simulate(packed, TableJudge(packed), parsed.cluster, parsed.policies)

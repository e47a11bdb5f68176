"""``budget``: the set is larger than the configuration allows.

``identity-classes``, ``verdict-tables`` and ``port-ranges`` are what the tables have;
``map-entries`` and ``map-bytes`` what a bundle for the whole cluster puts into them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.findings import Finding, Level
from lockgate.lint.scene import Check, Needs, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lockgate.ir.tables import Tables

_TRIE_LENGTH = 4
"""Bytes of the prefix length before the address (``struct bpf_lpm_trie_key``)."""


def _find(scene: Scene) -> Iterator[Finding]:
    budgets = scene.config.budgets
    if not budgets:
        return
    tables = scene.passed.tables
    sizes = {
        "identity-classes": tables.class_count,
        "port-ranges": tables.atoms.count,
        "verdict-tables": len(tables.tables),
    }
    if budgets.keys() & {"map-bytes", "map-entries"}:
        sizes |= measure_maps(tables)
    for name, (ceiling, span) in sorted(budgets.items()):
        if sizes[name] > ceiling:
            yield Finding(
                "E6013",
                Level.ERROR,
                f"{name}: {sizes[name]}, and the budget is {ceiling}",
                span,
                "raise the ceiling if that is meant; `lockgate compile` and its report.md "
                "say what the set is made of",
                key=name,
            )


def measure_maps(tables: Tables) -> Mapping[str, int]:
    """Return what the tables come to once they are packed, for the whole cluster."""
    from lockgate.artifact import describe_tables
    from lockgate.codegen.pack import pack_maps

    entries = size = 0
    for table in describe_tables(pack_maps(tables)):
        # As maps: at least one element, values in words, a trie's key with its length.
        records = max(1, table.records)
        more = _TRIE_LENGTH if table.kind.startswith("prefixes") else 0
        entries += records
        size += records * ((table.record_bytes + 7) // 8 * 8 + more)
    return {"map-entries": entries, "map-bytes": size}


CHECK = Check("budget", Needs.SET, _find)

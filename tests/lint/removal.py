"""What becomes of all verdicts when a rule is taken away: the slow and sure way."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.ir.labels import Operator, Requirement, Selector
from lockgate.ir.policy import Direction, Policy, Section
from lockgate.ir.tables import Outcome
from lockgate.lint.meaning import l7_of
from lockgate.lint.points import real_points
from lockgate.options import EnforcementMode, Options, Semantics
from lockgate.passes.pipeline import run_passes
from lockgate.source import Source, Span
from tests.properties.generate import Example, generate

if TYPE_CHECKING:
    from collections.abc import Collection

    from lockgate.ir.policy import Rule
    from lockgate.ir.resolution import ResolvedRule
    from lockgate.passes.pipeline import Middle

_NOBODY = Selector(
    (
        Requirement("k8s", "nobody", Operator.DOES_NOT_EXIST),
        Requirement("k8s", "nobody", Operator.EXISTS),
    )
)


class World:
    """Policies over a cluster, and their verdicts without some rules.

    Rules that are away stand in a policy of nobody: so everything is seen with the same
    eyes (points, ports), and verdicts can be compared one by one.
    """

    def __init__(self, seed: int, cluster_seed: int | None = None) -> None:
        example = generate(seed, flows=1)
        self.options = Options(
            semantics=Semantics(example.semantics),
            enforcement_mode=EnforcementMode(example.enforcement_mode),
            allow_unenforced=True,
        )
        policies = _of_kind(example, is_policy=True)
        cluster = example if cluster_seed is None else generate(cluster_seed, flows=1)
        diagnostics = Diagnostics()
        texts = {
            "policies.json": json.dumps(policies),
            "cluster.json": json.dumps(_of_kind(cluster, is_policy=False)),
        }
        parsed = parse_documents(documents_from_text(texts), self.options, diagnostics)
        self.cluster = parsed.cluster
        self.policies = tuple(sorted(parsed.policies, key=lambda p: (p.key, p.part)))
        self.is_valid = diagnostics.ok
        self.middle = self.judge(())
        self.rules = {
            rule.name: rule
            for some in self.middle.resolution.rules.values()
            for rule in some
            if not rule.name.startswith("NetworkPolicy/nowhere")
        }

    def judge(self, gone: Collection[str]) -> Middle:
        """Run all passes without some rules (by name)."""
        kept = []
        away: dict[Direction, list[Rule]] = {direction: [] for direction in Direction}
        for policy in self.policies:
            sections = []
            for direction in Direction:
                section = policy.section(direction)
                away[direction] += section.rules
                rules = [
                    r for r in section.rules if f"{policy.key}#{r.path}" not in gone
                ]
                sections.append(replace(section, rules=tuple(rules)))
            kept.append(replace(policy, ingress=sections[0], egress=sections[1]))
        nobody = Policy(
            "NetworkPolicy",
            "nowhere",
            "nobody",
            Span(Source("nowhere", ""), 0, 0),
            _NOBODY,
            ingress=Section(False, tuple(away[Direction.INGRESS])),
            egress=Section(False, tuple(away[Direction.EGRESS])),
        )
        diagnostics = Diagnostics()
        middle = run_passes(
            self.cluster, (*kept, nobody), None, self.options, diagnostics
        )
        self.is_valid = self.is_valid and diagnostics.ok
        return middle

    def verdicts(self, gone: Collection[str]) -> list[object]:
        """Return what becomes of every packet that anybody can tell apart."""
        middle = self.judge(gone)
        resolution, tables = middle.resolution, middle.tables
        rules = {rule.name: rule for some in resolution.rules.values() for rule in some}
        real = real_points(resolution.space)
        points = [p for p in range(resolution.space.size) if real >> p & 1]
        kinds: dict[int, object] = {}
        found: list[object] = []
        numbers = [
            n for e in tables.endpoints for n in (e.ingress_table, e.egress_table)
        ]
        numbers += [n for h in tables.hosts for n in (h.ingress_table, h.egress_table)]
        for number in numbers:
            table = tables.tables[number]
            for point in points:
                row = table.rows[middle.classes.of_point[point]]
                start = row * table.interval_count
                for atom in range(tables.atoms.count):
                    cell = table.cells[start + table.intervals[atom]]
                    if cell not in kinds:
                        kinds[cell] = _kind(middle, cell, rules)
                    found.append(kinds[cell])
        return found


def _kind(middle: Middle, cell: int, rules: dict[str, ResolvedRule]) -> object:
    """Return allowed or denied, by a rule or by default, and who judges at L7."""
    tables = middle.tables
    decision = tables.decisions[cell]
    entry = tables.rules[decision.rule]
    if decision.outcome is Outcome.DENY:
        return entry.effect
    if entry.name not in rules:
        return entry.name  # built in: no policy, or a host to its own endpoint
    names = [tables.rules[number].name for number in decision.because]
    return frozenset(l7_of(rules[name]) for name in names if name in rules)


def _of_kind(example: Example, *, is_policy: bool) -> dict[str, Any]:
    found = []
    for value in example.objects:
        if value["kind"].endswith("NetworkPolicy") is is_policy:
            metadata = {
                k: v for k, v in value["metadata"].items() if k != "annotations"
            }
            found.append({**value, "metadata": metadata})
    return {"apiVersion": "v1", "kind": "List", "items": found}

"""lockgate.ir.verify: every invariant is asked after its pass, and can be broken."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.ir.verify import (
    BrokenInvariantError,
    verify_atoms,
    verify_classes,
    verify_prefixes,
    verify_resolution,
    verify_tables,
)
from lockgate.options import Options
from lockgate.passes import pipeline
from tests.passes.ir_values import network, policy, rule, tcp
from tests.passes.test_pipeline import SHOP
from tests.passes.verified import CHECKS, verified_passes

if TYPE_CHECKING:
    from collections.abc import Callable

POLICIES = (
    policy(
        "p", "app=api", ingress=(rule(network("192.0.2.0/24"), traffic=(tcp(80),)),)
    ),
    policy("q", "app=db", ingress=(rule(network("192.0.2.7/32")),)),
)


def _compile() -> None:
    diagnostics = Diagnostics()
    pipeline.build_tables(SHOP, POLICIES, None, Options(), diagnostics)
    assert diagnostics.ok, diagnostics.found


@pytest.mark.parametrize("name", CHECKS)
def test_every_invariant_is_asked_in_every_test(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fixture of all tests checks each of these passes: a check that fails is seen."""
    assert hasattr(getattr(pipeline, name), "__wrapped__")

    def fail(*_: object) -> None:
        raise BrokenInvariantError(name)

    with verified_passes({name: fail}), pytest.raises(BrokenInvariantError, match=name):
        _compile()
    _compile()


def _kept(name: str) -> tuple[Any, ...]:
    """Return what a pass returned, and its arguments."""
    kept: list[tuple[Any, ...]] = []
    with verified_passes({name: lambda *told: kept.append(told)}):
        _compile()
    return kept[0]


def _misordered(space: Any) -> Any:  # noqa: ANN401
    return replace(space.tree, prefixes=space.tree.prefixes[::-1])


def _orphaned(space: Any) -> Any:  # noqa: ANN401
    parents = [-1] * len(space.tree.parents)
    return replace(space.tree, parents=type(space.tree.parents)(parents))


def _lost_set(resolution: Any) -> Any:  # noqa: ANN401
    return replace(resolution, peer_sets=resolution.peer_sets[:1])


def _twice(resolution: Any) -> Any:  # noqa: ANN401
    return replace(resolution, peer_sets=resolution.peer_sets * 2)


def _reversed(resolution: Any) -> Any:  # noqa: ANN401
    rules = {
        key: tuple(rule._replace(place=-rule.place) for rule in some) * 2
        for key, some in resolution.rules.items()
    }
    return replace(resolution, rules=rules)


def _falling(atoms: Any) -> Any:  # noqa: ANN401
    return replace(atoms, starts=tuple(axis[::-1] for axis in atoms.starts))


def _equal_rows(middle: Any) -> Any:  # noqa: ANN401
    table = middle.tables.tables[-1]
    zeros = type(table.cells)(table.cells.typecode, [0] * len(table.cells))
    tables = (*middle.tables.tables[:-1], table._replace(cells=zeros))
    return replace(middle.tables, tables=tables)


@pytest.mark.parametrize(
    ("name", "check", "spoil"),
    [
        ("collect_peers", verify_prefixes, _misordered),
        ("collect_peers", verify_prefixes, _orphaned),
        ("split_ports", verify_atoms, _falling),
        ("resolve_rules", verify_resolution, _lost_set),
        ("resolve_rules", verify_resolution, _twice),
        ("resolve_rules", verify_resolution, _reversed),
        ("run_passes", verify_tables, _equal_rows),
    ],
)
def test_a_spoiled_value_is_noticed(
    name: str, check: Callable[[Any], None], spoil: Callable[[Any], Any]
) -> None:
    """What a pass never returns breaks its invariant."""
    result, *_ = _kept(name)
    with pytest.raises(BrokenInvariantError):
        check(spoil(result))


def test_a_split_class_is_noticed() -> None:
    """One class for all points contradicts any set that holds some of them."""
    (classes, _), size, sets, used = _kept("partition_identities")
    one = replace(classes, of_point=(0,) * size, representatives=(0,))
    with pytest.raises(BrokenInvariantError):
        verify_classes(one, [sets[number] for number in used])

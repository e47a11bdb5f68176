"""Changes of form change nothing; turning the sides round turns the differences round."""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.artifact import describe_bundle, seal_bundle, write_bundle
from lockgate.codegen.pack import pack_tables
from lockgate.codegen.table_text import print_tables
from lockgate.diagnostics import Diagnostics
from lockgate.faults import Fault
from lockgate.options import Options
from lockgate.review.difference_json import list_results
from lockgate.review.policy_set import read_bundle_set
from lockgate.review.review import compare_sets, review
from lockgate_runtime.manifest import Toolchain, read_bundle
from tests.conformance.compiling import make_options
from tests.properties.generate import generate
from tests.review.compiled import compile_objects
from tests.review.test_changes import CASES, sides

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate.review.policy_set import PolicySet

Object = dict[str, Any]

SEEDS = range(7_000, 7_020)
OPPOSITE = {"gained": "lost", "lost": "gained", "changed": "changed"}
RULES = ("ingress", "egress")


def _results(old: PolicySet, new: PolicySet) -> list[Object]:
    options = Options(allow_unenforced=True)
    return list_results(compare_sets(old, new, options, is_complete=True).rows)


def _compile(objects: list[Object], seed: int) -> PolicySet:
    example = generate(seed)
    options = make_options(
        example.semantics, example.enforcement_mode, list(example.audit)
    )
    return compile_objects(objects, options)


@pytest.mark.parametrize("seed", SEEDS)
def test_forms_of_the_same(seed: int) -> None:
    """Documents and rules in another order, rules split by peer or said twice: identical."""
    objects = generate(seed).objects
    draw = random.Random(seed)  # noqa: S311  # a test, no secret
    other = [_rewrite(found, draw) for found in copy.deepcopy(objects)]
    draw.shuffle(other)
    assert other != objects
    before, after = _compile(objects, seed), _compile(other, seed)
    assert _results(before, after) == []
    assert _results(after, before) == []


def _rewrite(found: Object, draw: random.Random) -> Object:
    """Write the rules of the tier without an order in other ways."""
    if found["kind"] == "NetworkPolicy":
        for direction, peers in (("ingress", "from"), ("egress", "to")):
            rules = found["spec"].get(direction)
            if rules:
                split = [one for rule in rules for one in _split(rule, peers)]
                draw.shuffle(split)
                found["spec"][direction] = [*split, split[0]]
    elif found["kind"].startswith("Cilium") and "spec" in found:
        for direction in RULES:
            draw.shuffle(found["spec"].get(direction) or [])
    return found


def _split(rule: Object, peers: str) -> list[Object]:
    if len(rule.get(peers) or []) < 2:  # nothing to take apart
        return [rule]
    return [rule | {peers: [peer]} for peer in rule[peers]]


@pytest.mark.parametrize("name", CASES)
def test_mirror(name: str) -> None:
    """What NEW gains on OLD, OLD loses on NEW."""
    old, new = map(compile_objects, sides(CASES[name]))
    forward, backward = _results(old, new), _results(new, old)
    assert sorted(map(_key, forward)) == sorted(_key(_turn(row)) for row in backward)


def _turn(row: Object) -> Object:
    return {
        **row,
        "change": OPPOSITE[row["change"]],
        "before": row["after"],
        "after": row["before"],
    }


def _key(row: Object) -> str:
    # Which cause is told by the policies of before, so it need not mirror.
    names = ("change", "direction", "source", "destination", "protocol", "ports")
    return str([row[name] for name in (*names, "before", "after")])


@pytest.mark.parametrize("name", CASES)
def test_bundles_are_their_sources(name: str, tmp_path: Path) -> None:
    """Through bundles the same differences are found, but for requests, names, causes."""
    sets = [compile_objects(objects) for objects in sides(CASES[name])]
    bundles = [_through_bundle(s, tmp_path / str(i)) for i, s in enumerate(sets)]
    expected = _results(sets[0], bundles[1])
    assert _results(*bundles) == expected
    assert _results(bundles[0], sets[1]) == expected
    rows = [r for r in _results(*sets) if not r["destination"].startswith("fqdn ")]
    if "redirect" not in str(rows):
        assert sorted(map(_key, expected)) == sorted(map(_key, rows))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_bundle_is_its_sources(seed: int, tmp_path: Path) -> None:
    """A random policy set is identical with the bundle that it makes."""
    made = _compile(generate(seed).objects, seed)
    bundle = _through_bundle(made, tmp_path / "bundle")
    assert _results(made, bundle) == []
    assert made.sizes == bundle.sizes._replace(instructions=None)


def test_tables_that_do_not_fit_together_are_the_bundles_fault(tmp_path: Path) -> None:
    """Sealed anew with right hashes: said of the bundle, and no traceback."""
    made = _compile(generate(SEEDS[0]).objects, SEEDS[0])
    bundle = tmp_path / "bundle"
    _through_bundle(made, bundle)
    manifest = read_bundle(bundle)
    files = {name: (bundle / name).read_bytes() for name in manifest.files}
    for name, content in (
        ("tables/rules.json", b"["),
        ("tables/cells.bin", b"\xff" * len(files["tables/cells.bin"])),
        ("tables/ports.bin", files["tables/ports.bin"][:-3]),
        ("tables/addresses.txt", b"nothing\n"),
    ):
        sealed = seal_bundle(replace(manifest, files={}), files | {name: content})
        write_bundle(sealed, bundle)
        with pytest.raises(Fault, match="do not fit together") as found:
            review([str(bundle), str(bundle)], [], Options(), None, Diagnostics())
        assert found.value.code == "E5010"


def _through_bundle(made: PolicySet, folder: Path) -> PolicySet:
    """Write the tables of a policy set as a bundle (without programs), and read it."""
    assert made.middle is not None
    tables = made.middle.tables
    packed = pack_tables(tables)
    files = {f"tables/{name}": content for name, content in packed.items()}
    files |= {
        f"tables/{name}": text.encode() for name, text in print_tables(tables).items()
    }
    manifest = describe_bundle(packed, {}, Toolchain("none", "0", "0"), Options())
    write_bundle(seal_bundle(manifest, files), folder)
    return read_bundle_set(folder)

"""Packets go through the loaded programs; a wrong program, map or memory is noticed."""

from __future__ import annotations

import errno
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockgate.artifact import seal_bundle, write_bundle
from lockgate.cli.prove import Trial
from lockgate.cli.prove_packets import share_budget, share_lanes
from lockgate.diagnostics import Diagnostics
from lockgate.proof.compare import Comparison
from lockgate.proof.packets import Coverage, find_lanes, plan
from lockgate.proof.verdict import reach, say_claim
from lockgate.toolchain.clang import compile_c
from lockgate_runtime.bpf_object import Object
from lockgate_runtime.bundle import Bundle
from lockgate_runtime.errors import BpfError
from lockgate_runtime.node_part import take_policies
from lockgate_runtime.packet_runs import PacketRuns
from lockgate_runtime.program_runs import RepeatedRun
from tests.proof.cluster import CACHE, OBJECTS, compile_bundle, pack, read

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lockgate import artifact
    from lockgate_runtime.node_part import PolicyPart


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the sources."""
    return tmp_path_factory.mktemp("proof")


@pytest.fixture(scope="module")
def compiled(folder: Path) -> artifact.Bundle:
    """Compile the cluster once."""
    return compile_bundle(folder)


def proof_of(
    bundle: artifact.Bundle, folder: Path, name: str, budget: int | None = None
) -> Trial:
    """Write a bundle, and prove it with packets."""
    write_bundle(bundle, folder / name)
    trial = Trial(Bundle.open(folder / name), budget)
    trial.read([str(folder / "sources")], Diagnostics())
    trial.compare()
    assert trial.findings == []
    trial.send()
    return trial


def with_program(
    bundle: artifact.Bundle, changes: Iterable[tuple[str, str, str]]
) -> artifact.Bundle:
    """Compile the programs again with some C changed: (file, old, new)."""
    sources = {
        name.removeprefix("source/"): content.decode()
        for name, content in bundle.files.items()
        if name.startswith("source/")
    }
    for file, old, new in changes:
        assert old in sources[file], f"{file} is written otherwise by now"
        sources[file] = sources[file].replace(old, new)
    objects = compile_c(sources, Diagnostics(), cache_folder=CACHE / "objects")
    files = {k: v for k, v in bundle.files.items() if k != "manifest.json"}
    files |= {f"objects/{name}": content for name, content in objects.items()}
    return seal_bundle(replace(bundle.manifest, files={}), files)


# ---------------------------------------------------------------- the plan


def test_small_budgets_cover_atoms_first_then_pairs() -> None:
    """Every atom comes before any pair; enough packets cover every pair of dimensions."""
    comparison = Comparison(pack(OBJECTS), read(OBJECTS))
    comparison.run()
    for lane in find_lanes(comparison, comparison.subjects):
        (few,), covered = plan(lane, max(len(lane.peers), len(lane.traffic)), 3)
        assert covered.atoms == covered.all_atoms
        assert covered.pairs < covered.all_pairs
        assert len(few) == len(set(few)) < lane.product
        _, covered = plan(lane, lane.product - 1, 3)
        assert covered == replace(covered, pairs=covered.all_pairs)
        pieces, covered = plan(lane, None, 0)
        every = [packet for piece in pieces for packet in piece]
        assert len(set(every)) == len(every) == lane.product
        assert covered.pairs == covered.all_pairs


def test_atoms_of_every_lane_come_before_pairs_of_any() -> None:
    """Whatever the budget holds beyond every atom of all lanes is for pairs."""
    comparison = Comparison(pack(OBJECTS), read(OBJECTS))
    comparison.run()
    lanes = list(find_lanes(comparison, comparison.subjects))
    lanes[0] = replace(lanes[0], traffic=lanes[0].traffic[:9])
    least, product = (
        sum(lane.least for lane in lanes),
        sum(lane.product for lane in lanes),
    )
    for budget in (least, least + 1, (least + product) // 2, product - 1):
        shares = list(share_lanes(lanes, budget))
        assert sum(share for share in shares if share is not None) == budget
        for lane, share in zip(lanes, shares, strict=True):
            _, covered = plan(lane, share, 5)
            assert covered.atoms == covered.all_atoms
    assert list(share_lanes(lanes, product)) == [None] * len(lanes)
    few = list(share_lanes(lanes, least - 1))
    assert any(
        covered.atoms < covered.all_atoms
        for lane, share in zip(lanes, few, strict=True)
        for _, covered in [plan(lane, share, 5)]
    )


@pytest.mark.parametrize(
    ("sent", "atoms", "pairs", "how_far", "claim"),
    [
        (
            9,
            4,
            9,
            "all",
            "proved, exhaustive over atoms; packets: every combination of",
        ),
        (
            8,
            4,
            9,
            "pairs",
            "proved, exhaustive over atoms; packets: every atom and pair",
        ),
        (
            3,
            3,
            2,
            "some",
            "tables proved, exhaustive over atoms; packets: 3 of 4 atoms, which is as",
        ),
        (
            8,
            4,
            8,
            "atoms",
            "tables proved, exhaustive over atoms; packets: every atom, and 8",
        ),
    ],
)
def test_claims_go_as_far_as_packets(
    sent: int, atoms: int, pairs: int, how_far: str, claim: str
) -> None:
    """The headline never says more than was sent."""
    row = {
        "sent": sent,
        "product": 9,
        "budget_for_atoms": 4,
        "atoms": {"covered": atoms, "all": 4},
        "pairs": {"covered": pairs, "all": 9},
    }
    assert reach(row) == how_far
    assert say_claim(row).startswith(claim)


def test_budgets_are_shared_and_never_exceeded() -> None:
    """Small lanes get all that they need; what they leave is for the others."""
    assert list(share_budget([5, 5], None)) == [None, None]
    assert list(share_budget([5, 5], 10)) == [None, None]
    shares = list(share_budget([2, 100, 50, 1000], 300))
    assert shares == [2, 100, 50, 148]
    assert list(share_budget([10] * 7, 20)) == [3, 3, 3, 3, 3, 3, 2]
    assert list(share_budget([10] * 7, 3)) == [1, 1, 1, 0, 0, 0, 0]


# ---------------------------------------------------------------- the kernel


@pytest.mark.kernel
def test_packets_agree_with_the_reference(
    compiled: artifact.Bundle, folder: Path
) -> None:
    """The product of all atoms, endpoints and a host: outcome and counted rule."""
    trial = proof_of(compiled, folder, "whole")
    assert trial.findings == []
    assert trial.packets is not None
    assert trial.packets["sent"] > 10_000
    coverage = Coverage(
        *trial.packets["atoms"].values(), *trial.packets["pairs"].values()
    )
    assert (coverage.atoms, coverage.pairs) == (coverage.all_atoms, coverage.all_pairs)
    assert trial.claim.startswith("proved, exhaustive over atoms; packets: every comb")


@pytest.mark.kernel
def test_a_budget_below_the_atoms_proves_the_tables_alone(
    compiled: artifact.Bundle, folder: Path
) -> None:
    """It says how many atoms packets held, and how many packets would hold them all."""
    trial = proof_of(compiled, folder, "few", 100)
    assert trial.findings == []
    assert trial.packets is not None
    atoms, enough = trial.packets["atoms"], trial.packets["budget_for_atoms"]
    assert trial.claim == (
        f"tables proved, exhaustive over atoms; packets: {atoms['covered']:,} of "
        f"{atoms['all']:,} atoms, which is as far as the budget went (for all atoms: "
        f"--packet-budget {enough})"
    )
    trial = proof_of(compiled, folder, "enough", enough)
    assert trial.findings == []
    assert trial.claim.startswith(
        "tables proved, exhaustive over atoms; packets: every"
    )
    assert any("that the budget" in line for line in trial.describe()["outside"])


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("name", "changes"),
    [
        (
            "a rule missing",
            [("verdict.h", "*axis = PORT_AXIS_UDP", "*axis = PORT_AXIS_TCP")],
        ),
        (
            "a stale verdict",
            [
                (
                    file,
                    "key = packet->key;",
                    "key = packet->key; key.local_port = 0; key.remote_port = 0;",
                )
                for file in ("judge.h", "conntrack.h")
            ],
        ),
        (
            "the other policy",
            [("judge.h", "endpoint->egress_policy :", "endpoint->ingress_policy :")],
        ),
        (
            "the wrong counter",
            [("verdict.h", "counters, &decision", "counters, &(u32){ 1 }")],
        ),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_a_wrong_program_is_noticed(
    compiled: artifact.Bundle,
    folder: Path,
    name: str,
    changes: list[tuple[str, str, str]],
) -> None:
    """The tables are right, and the object is not what they need.

    The stale verdict: a flow is known by its addresses alone, so that what a packet to one
    port was allowed is remembered for the next, to another port.
    """
    trial = proof_of(with_program(compiled, changes), folder, name.replace(" ", "-"))
    assert {finding.code for finding in trial.findings} == {"E6305"}
    assert trial.attest() is None


@pytest.mark.kernel
def test_a_flipped_cell_in_the_kernel_is_noticed(
    compiled: artifact.Bundle, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bundle is right, and what is loaded of it is not."""

    def flipped(directory: Path, used: Iterable[int]) -> PolicyPart:
        part = take_policies(directory, used)
        cells = bytearray(b"".join(part.cells))
        cells[-4:] = cells[:4] if cells[-4:] != cells[:4] else cells[8:12]
        return replace(part, cells=[bytes(cells)])

    monkeypatch.setattr("lockgate_runtime.probe.take_policies", flipped)
    trial = proof_of(compiled, folder, "flipped")
    assert {finding.code for finding in trial.findings} == {"E6305"}


@pytest.mark.kernel
def test_what_the_kernel_refuses_to_run_is_no_drop(
    compiled: artifact.Bundle, folder: Path
) -> None:
    """EINVAL for a frame that is too short is an error, never a verdict."""
    write_bundle(compiled, folder / "short")
    comparison = Comparison(pack(OBJECTS), read(OBJECTS))
    comparison.run()
    hosts = comparison.read.tables.hosts
    with PacketRuns(Bundle.open(folder / "short"), hosts[0], []) as runs:
        program = runs.program("from_endpoint")
        run = RepeatedRun(program, bytes(192))
        run.load(b"\0" * 8)
        with pytest.raises(BpfError) as refused:
            run.run()
    assert refused.value.errno == errno.EINVAL


@pytest.mark.parametrize("reason", [errno.EPERM, errno.EACCES, errno.ENOSYS])
def test_packets_that_were_not_sent_prove_nothing(
    compiled: artifact.Bundle,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    reason: int,
) -> None:
    """Without root, or with a kernel that cannot: not run is not proved."""

    def refuse(*_: object, **__: object) -> None:
        raise BpfError(reason, "load the object tc")

    monkeypatch.setattr(Object, "load", refuse)
    trial = proof_of(compiled, folder, f"refused-{reason}")
    assert [finding.code for finding in trial.findings] == ["E6306"]
    assert trial.packets is None
    assert trial.attest() is None

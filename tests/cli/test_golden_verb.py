"""lockgate golden: what is written, what is found, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lockgate.cli.main import main

CLUSTER = Path(__file__).parents[1] / "review/changes/cluster.yaml"
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: api}}}]
    ports: [{port: 5432}]
"""
FILES = {"reachability.txt", "verdicts.txt", "budget.txt"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder that names its inputs."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/db.yaml").write_text(POLICY)
    (tmp_path / "cluster.yaml").write_text(CLUSTER.read_text())
    golden = tmp_path / "golden"
    golden.mkdir()
    config = "inputs: [../policies, ../cluster.yaml]\n"
    (golden / ".lockgate-golden.yaml").write_text(config)
    return golden


def _golden(*words: str | Path) -> int:
    return main(["golden", *map(str, words), "--no-cache"])


def test_update_then_check(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Updated files are as they should be, and say who reaches whom."""
    assert _golden("update", folder) == 0
    assert {path.name for path in folder.iterdir()} == {
        *FILES,
        ".lockgate-golden.yaml",
    }
    assert (
        "ingress at shop/db\n  from host: any\n  from shop/api: tcp/5432\n"
        in (folder / "reachability.txt").read_text()
    )
    assert _golden("check", folder) == 0
    assert capsys.readouterr().out == ""


def test_check_shows_the_difference(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another port is a line of the difference; exit code 1, with the cure."""
    _golden("update", folder)
    policy = folder.parent / "policies/db.yaml"
    policy.write_text(POLICY.replace("5432", "5433"))
    capsys.readouterr()
    assert _golden("check", folder) == 1
    out, err = capsys.readouterr()
    assert "-  from shop/api: tcp/5432\n+  from shop/api: tcp/5433\n" in out
    assert "error[E6511]" in err
    assert f"lockgate golden update {folder}" in err
    assert _golden("check", folder, "-o", "json") == 1
    results = json.loads(capsys.readouterr().out)
    assert {Path(r["file"]).name for r in results["results"]} == {
        "reachability.txt",
        "verdicts.txt",
    }


def test_a_comment_changes_nothing(folder: Path) -> None:
    """Lines that move are no difference."""
    _golden("update", folder)
    policy = folder.parent / "policies/db.yaml"
    policy.write_text(f"# a comment\n{POLICY}")
    assert _golden("check", folder) == 0


def test_a_missing_file_differs(folder: Path) -> None:
    """A folder without its files is not as it should be."""
    assert _golden("check", folder) == 1
    _golden("update", folder)
    (folder / "budget.txt").unlink()
    assert _golden("check", folder) == 1


def test_what_is_no_text_differs(folder: Path) -> None:
    """A file that another program has spoilt is shown as different, and replaced."""
    assert _golden("update", folder) == 0
    (folder / "budget.txt").write_bytes(b"\xff\xfe")
    assert _golden("check", folder) == 1
    assert _golden("update", folder) == 0
    assert _golden("check", folder) == 0


def test_inputs_inside(tmp_path: Path) -> None:
    """Without a configuration, the policies in the folder are meant."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "cluster.yaml").write_text(CLUSTER.read_text())
    assert _golden("update", tmp_path) == 0
    assert _golden("check", tmp_path) == 0


def test_cure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the error says to write is right where examples have the folder."""
    golden = tmp_path / "policies/golden"
    golden.mkdir(parents=True)
    (tmp_path / "policies/policy.yaml").write_text(POLICY)
    (tmp_path / "cluster.yaml").write_text(CLUSTER.read_text())
    assert _golden("update", golden) == 2
    written = capsys.readouterr().err.split("`")[1]
    (golden / ".lockgate-golden.yaml").write_text(f"{written}\n")
    assert _golden("update", golden) == 0
    assert _golden("check", golden) == 0


def test_options(folder: Path) -> None:
    """Options of the configuration change what the policies come to."""
    config = folder / ".lockgate-golden.yaml"
    config.write_text(f"{config.read_text()}enforcement-mode: never\n")
    _golden("update", folder)
    text = (folder / "reachability.txt").read_text()
    assert "ingress at any workload\n  from everything: any\n" in text


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ("inputs: [nothing.yaml]\n", "E1001"),
        ("inputs: []\n", "E6510"),
        ("inputs: [../policies, ../cluster.yaml]\nsemantic: cilium\n", "E1004"),
        ("inputs: [../policies, ../cluster.yaml]\nsemantics: calico\n", "E1007"),
        ("policies: 3\n", "E1004"),
    ],
)
def test_trouble(
    folder: Path, capsys: pytest.CaptureFixture[str], config: str, code: str
) -> None:
    """What cannot be judged is exit code 2, with a code."""
    (folder / ".lockgate-golden.yaml").write_text(config)
    assert _golden("check", folder) == 2
    assert code in capsys.readouterr().err


def test_mistaken_policy(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A policy with errors writes nothing."""
    (folder.parent / "policies/db.yaml").write_text(POLICY.replace("spec", "sepc"))
    assert _golden("update", folder) == 2
    assert "E1004" in capsys.readouterr().err
    assert FILES.isdisjoint(path.name for path in folder.iterdir())


def test_empty_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that says nothing, or that is not there."""
    assert _golden("check", tmp_path) == 2
    assert _golden("check", tmp_path / "nowhere") == 2
    assert capsys.readouterr().err.count("error[E6510]") == 2

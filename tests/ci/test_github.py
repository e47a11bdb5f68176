"""The steps of the GitHub Action, run one by one on a pull request of the shop."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.ci.sample import ROOT, lockgate_script, make_repository, run_script, stand_in

if TYPE_CHECKING:
    import subprocess

ACTION = yaml.safe_load((ROOT / ".ci/github/action.yml").read_text())
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
NOT_CANCELLED = "${{ !cancelled() }}"


class Runner:
    """What GitHub gives to a step, and what it takes from it."""

    def __init__(self, folder: Path, inputs: dict[str, str]) -> None:
        self.workspace = folder / "workspace"
        self.base = make_repository(self.workspace)
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.programs = folder / "programs"
        self.files = {
            name: folder / name.lower()
            for name in ("GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
        }
        for file in self.files.values():
            file.touch()
        defaults = {n: i.get("default", "") for n, i in ACTION["inputs"].items()}
        self.known = {
            "github.action_path": str(ROOT / ".ci/github"),
            "github.token": "a token",
            "github.event.pull_request.base.sha": self.base,
            "github.event.pull_request.number": "7",
        }
        given = {"policies": "policies", "snapshot": "cluster.yaml"} | inputs
        for name, value in (defaults | given).items():
            self.known[f"inputs.{name}"] = self._fill(value)
        self._put_stand_ins()

    def _put_stand_ins(self) -> None:
        """Log what pip, gh and sudo are told; `python3 -m venv` makes an environment."""
        here = self.programs
        note = f'echo "$(basename "$0") $*" >> {here}/log'
        stand_in(here, "sudo", note)
        stand_in(here, "apt-get", note)
        stand_in(here, "gh", f"{note}\ncat {here}/known 2>/dev/null")
        stand_in(here / "made", "python", note)
        stand_in(here / "made", "lockgate", lockgate_script())
        stand_in(here, "python3", f'mkdir -p "$3"; cp -r {here}/made "$3/bin"')

    def _fill(self, text: str) -> str:
        return re.sub(r"\$\{\{ *([\w.-]+) *\}\}", lambda m: self.known[m[1]], str(text))

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run a step; its expressions must be ones that GitHub knows."""
        step = STEPS[name]
        assert step["shell"] == "bash"
        assert step.get("if") == (None if name == "Install" else NOT_CANCELLED)
        assert "${{" not in step["run"], "inputs reach a script as variables only"
        added = ":".join(self.files["GITHUB_PATH"].read_text().split())
        environment = {n: self._fill(v) for n, v in step.get("env", {}).items()}
        environment |= {n: str(file) for n, file in self.files.items()}
        environment |= {
            "RUNNER_TEMP": str(self.temporary),
            "GITHUB_REPOSITORY": "shop/policies",
        }
        programs = Path(f"{added}:{self.programs}" if added else self.programs)
        return run_script(step["run"], self.workspace, environment, programs)

    @property
    def log(self) -> str:
        """What the stand-ins were told."""
        file = self.programs / "log"
        return file.read_text() if file.exists() else ""

    @property
    def summary(self) -> str:
        """What the run's page shows."""
        return self.files["GITHUB_STEP_SUMMARY"].read_text()


def runner(folder: Path, **inputs: str) -> Runner:
    """Install into a runner; names of inputs have ``_`` for ``-``."""
    made = Runner(folder, {n.replace("_", "-"): value for n, value in inputs.items()})
    done = made.run("Install")
    assert done.returncode == 0, done.stderr
    assert (
        f"python -m pip install --quiet {ROOT}/.ci/github/../..[toolchain]" in made.log
    )
    return made


def test_a_pull_request(tmp_path: Path) -> None:
    """Notes and failed tests stand beside the lines, the comparison in a comment."""
    made = runner(tmp_path, tests="shop.gatetest\n")
    done = made.run("Lint")
    assert done.returncode == 0, done.stderr
    assert "::notice file=policies/shop.yaml,line=16," in done.stdout
    assert "newly-exposed" in made.summary

    done = made.run("Test")
    assert done.returncode == 1
    assert "::error file=shop.gatetest,line=3," in done.stdout
    assert "policies/shop.yaml:45" in done.stdout

    done = made.run("Compare")
    assert done.returncode == 0, done.stderr
    row = "| any workload except shop/api | shop/db | tcp/5432 | destination | deny → allow |"
    assert row in made.summary
    assert f"comparison={made.temporary}/comparison.md" in (
        made.files["GITHUB_OUTPUT"].read_text()
    )

    done = made.run("Comment")
    assert done.returncode == 0, done.stderr
    comment = (made.temporary / "comment.md").read_text()
    assert comment.startswith("<!-- lockgate -->\n")
    assert row in comment
    assert "--method POST repos/shop/policies/issues/7/comments -F body=@" in made.log

    (made.programs / "known").write_text("12345\n")
    done = made.run("Comment")
    assert done.returncode == 0, done.stderr
    assert "--method PATCH repos/shop/policies/issues/comments/12345 -F" in made.log
    assert made.run("Ask kernels").returncode == 0, "none is wanted"


def test_a_comparison_can_fail(tmp_path: Path) -> None:
    """What diff is to fail for fails the step; the comment is written all the same."""
    made = runner(tmp_path, diff_fail_on="gained", lint_fail_on="note")
    assert made.run("Lint").returncode == 1
    assert made.run("Test").returncode == 0, "there are no tests"
    assert made.run("Golden files").returncode == 0, "nor golden files"
    assert made.run("Compare").returncode == 1
    assert made.run("Comment").returncode == 0
    assert "--method POST" in made.log


def test_nothing_to_compare_with(tmp_path: Path) -> None:
    """A push is no pull request: nothing is compared, nothing is written."""
    made = runner(tmp_path, base="", options="--semantics=cilium\n")
    assert "--semantics=cilium" in (made.temporary / "arguments").read_text()
    assert made.run("Compare").returncode == 0
    assert made.run("Comment").returncode == 0
    assert "gh " not in made.log


def test_a_token_that_may_not_write(tmp_path: Path) -> None:
    """A pull request from a fork is reviewed all the same, with a warning."""
    made = runner(tmp_path)
    stand_in(made.programs, "gh", "exit 4")
    assert made.run("Compare").returncode == 0
    done = made.run("Comment")
    assert done.returncode == 0
    assert "::warning title=Lockgate::" in done.stdout


def test_kernels(tmp_path: Path) -> None:
    """What virtual machines need is installed, a bundle is compiled, and kernels are asked."""
    made = runner(tmp_path, kernels="6.1,6.12", kernels_folder="no kernels")
    (made.workspace / "no kernels").mkdir()
    done = made.run("Ask kernels")
    assert done.returncode == 2
    assert "E6551" in done.stderr
    assert "there is no kernel in no kernels" in done.stderr
    assert re.search(r"apt-get install .*qemu-system-x86", made.log)
    assert (made.temporary / "bundle/manifest.json").exists()
    assert f"bundle={made.temporary}/bundle" in made.files["GITHUB_OUTPUT"].read_text()


def test_golden_files(tmp_path: Path) -> None:
    """Golden files that are not what the policies come to fail the step."""
    made = runner(tmp_path, golden="golden\n")
    (made.workspace / "golden").mkdir()
    config = made.workspace / "golden/.lockgate-golden.yaml"
    config.write_text("inputs: [../policies, ../cluster.yaml]\n")
    done = made.run("Golden files")
    assert done.returncode == 1
    assert "reachability.txt" in done.stdout + done.stderr


def test_unreadable_policies_fail(tmp_path: Path) -> None:
    """A file that is no YAML is an error beside its line, and no comment claims otherwise."""
    made = runner(tmp_path)
    (made.workspace / "policies/shop.yaml").write_text("spec: [\n")
    done = made.run("Lint")
    assert done.returncode == 1
    assert "::error file=policies/shop.yaml" in done.stdout


@pytest.mark.parametrize("name", ACTION["inputs"])
def test_every_input_is_used_and_described(name: str) -> None:
    """An input that no step takes would be a promise."""
    values: list[Any] = [v for s in STEPS.values() for v in s.get("env", {}).values()]
    assert any(f"inputs.{name} " in value for value in values)
    assert ACTION["inputs"][name]["description"]

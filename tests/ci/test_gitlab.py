"""The jobs of the GitLab include, run as its runner runs them."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.ci.sample import ROOT, lockgate_script, make_repository, run_script, stand_in

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

PIPELINE = yaml.safe_load((ROOT / ".ci/gitlab/lockgate.yml").read_text())
JOBS = {n: job for n, job in PIPELINE.items() if n.startswith("lockgate-")}


class Runner:
    """A merge request, and the programs of the image."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.workspace = folder / "workspace"
        self.programs = folder / "programs"
        self.log = folder / "log"
        base = make_repository(self.workspace)
        note = f'echo "$(basename "$0") $*" >> {self.log}'
        stand_in(self.programs, "python3", note)
        stand_in(self.programs, "curl", note)
        stand_in(self.programs, "lockgate", lockgate_script())
        self.variables = {
            **PIPELINE["variables"],
            "LOCKGATE_SNAPSHOT": "cluster.yaml",
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": base,
            "CI_API_V4_URL": "https://gitlab.example.org/api/v4",
            "CI_PROJECT_ID": "3",
            "CI_MERGE_REQUEST_IID": "7",
            **variables,
        }

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run a job: what its template has before, then its own lines."""
        job: dict[str, Any] = PIPELINE[".lockgate"] | JOBS[name]
        lines = [*job["before_script"], *job["script"]]
        return run_script(
            "\n".join(lines), self.workspace, self.variables, self.programs
        )


def test_lint_and_tests(tmp_path: Path) -> None:
    """Both leave a report that GitLab shows, and fail when something is wrong."""
    made = Runner(tmp_path, LOCKGATE_TESTS="shop.gatetest")
    done = made.run("lockgate-lint")
    assert done.returncode == 0, done.stderr
    assert "pip install --quiet lockgate" in made.log.read_text()
    done = made.run("lockgate-test")
    assert done.returncode == 1
    assert "E6200" in done.stdout + done.stderr
    for job, failures in (("lockgate-lint", 0), ("lockgate-test", 1)):
        report = JOBS[job]["artifacts"]["reports"]["junit"]
        suites = ElementTree.parse(made.workspace / report).iter("testsuite")  # noqa: S314
        assert sum(int(suite.get("failures", 0)) for suite in suites) == failures, job


def test_comparison(tmp_path: Path) -> None:
    """It is an artifact, and a note where there is a token."""
    made = Runner(tmp_path)
    done = made.run("lockgate-diff")
    assert done.returncode == 0, done.stderr
    comparison = (made.workspace / "comparison.md").read_text()
    assert comparison in done.stdout
    assert "| shop/db | tcp/5432 |" in comparison
    assert "curl" not in made.log.read_text()
    made.variables |= {"LOCKGATE_TOKEN": "secret", "LOCKGATE_DIFF_FAIL_ON": "gained"}
    assert made.run("lockgate-diff").returncode == 1
    log = made.log.read_text()
    assert "https://gitlab.example.org/api/v4/projects/3/merge_requests/7/notes" in log
    assert "--data-urlencode body@comparison.md" in log


def test_no_tests(tmp_path: Path) -> None:
    """A team without tests has a job that passes."""
    assert Runner(tmp_path).run("lockgate-test").returncode == 0


@pytest.mark.parametrize("name", PIPELINE["variables"])
def test_every_variable_is_used(name: str) -> None:
    """A variable that no line takes would be a promise."""
    lines = [*PIPELINE[".lockgate"]["before_script"]]
    lines += [line for job in JOBS.values() for line in job["script"]]
    assert any(f"${name}" in line for line in lines)

"""lockgate diff: what its words mean, forms, exit codes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lockgate.cli.main import main
from tests.proof.cluster import CACHE

CLUSTER = Path(__file__).parents[1] / "review/changes/cluster.yaml"
OLD = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: api}}}]
    ports: [{port: 5432}]
"""
NEW = OLD.replace("{app: api}", "{app: web}")
OPEN = OLD.replace("from: [{podSelector: {matchLabels: {app: api}}}]", "from: []")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with two policy sets and a snapshot, and go there."""
    for name, text in (("old", OLD), ("new", NEW), ("open", OPEN)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "db.yaml").write_text(text)
    (tmp_path / "cluster.yaml").write_text(CLUSTER.read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _diff(*words: str) -> int:
    return main(["diff", *words, "--no-cache"])


SNAPSHOT = ("-f", "cluster.yaml")


@pytest.mark.usefixtures("here")
def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Rows say who, what, and by which lines; the exit code is that of diff."""
    assert _diff("old", "new", *SNAPSHOT) == 1
    text, budget, sizes = capsys.readouterr().out.partition("budget: ")
    assert text == (
        "1 gained, 1 lost\n"
        "\n"
        "+ gained  ingress at shop/db from shop/web: tcp/5432\n"
        "    deny → allow\n"
        "    after: db.yaml:7 NetworkPolicy/shop/db\n"
        "    before: denied by default: db.yaml:5\n"
        "\n"
        "- lost    ingress at shop/db from shop/api: tcp/5432\n"
        "    allow → deny\n"
        "    after: denied by default: db.yaml:5\n"
        "    before: db.yaml:7 NetworkPolicy/shop/db\n"
        "\n"
    )
    assert budget
    assert sizes.count("(=)") == 2


@pytest.mark.usefixtures("here")
def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The envelope, and a difference as it was promised."""
    assert _diff("old", "new", *SNAPSHOT, "-o", "json") == 1
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["version", "results", "summary", "diagnostics"]
    assert found["version"] == 1
    gained, lost = found["results"]
    assert {k: gained[k] for k in gained if k != "because"} == {
        "change": "gained",
        "cause": "policy",
        "direction": "ingress",
        "source": "shop/web",
        "destination": "shop/db",
        "protocol": "tcp",
        "ports": [5432, 5432],
        "before": "deny",
        "after": "allow",
        "exposed": False,
    }
    assert [(b["side"], b["file"], b["line"]) for b in lost["because"]] == [
        ("before", "db.yaml", 7),
        ("after", "db.yaml", 5),
    ]
    assert found["summary"]["gained"] == found["summary"]["lost"] == 1


@pytest.mark.usefixtures("here")
def test_a_limit_is_stated(capsys: pytest.CaptureFixture[str]) -> None:
    """What is left out is counted and said; the exit code and the counts stay."""
    words = ("old", "open", *SNAPSHOT, "--complete", "-o", "json")
    assert _diff(*words) == 1
    whole = json.loads(capsys.readouterr().out)
    count = len(whole["results"])
    assert count > 3
    assert (whole["summary"]["results"], whole["summary"]["left_out"]) == (count, 0)
    assert whole["summary"]["notes"] == []
    for limit in (1, count - 1, count, 0):
        assert _diff(*words, "--limit", str(limit)) == 1
        found = json.loads(capsys.readouterr().out)
        shown = limit or count
        assert found["results"] == whole["results"][:shown]
        summary = found["summary"]
        assert (summary["results"], summary["left_out"]) == (count, count - shown)
        assert summary["gained"] == whole["summary"]["gained"]
        notes = [
            f"{count - shown} of {count} results are left out: --limit 0 gives all"
        ]
        assert summary["notes"] == (notes if shown < count else [])
    assert _diff("old", "new", *SNAPSHOT, "--limit", "-1") == 2


NAMED = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: db}}
  egress:
  - toFQDNs: [{matchName: a.example.com}]
"""


def test_what_a_bundle_does_not_keep_is_never_called_identical(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names differ, or may: the first line and both formats say that nobody looked."""
    for name, text in (("a", NAMED), ("b", NAMED.replace("a.ex", "b.ex"))):
        (here / f"{name}.yaml").write_text(text)
        words = ["compile", "-f", f"{name}.yaml", *SNAPSHOT, "--allow-unenforced"]
        assert main([*words, "-o", name, "--cache", str(CACHE)]) == 0
    capsys.readouterr()
    claim = (
        "nothing differs of what was compared, and L7 rules and DNS names were not\n"
    )
    for sides in (("a", "b"), ("a.yaml", "b", *SNAPSHOT)):
        assert _diff(*sides) == 0
        out = capsys.readouterr().out
        assert out.startswith(claim)
        assert "a bundle keeps no L7 rules and no DNS names" in out
        assert _diff(*sides, "-o", "json") == 0
        summary = json.loads(capsys.readouterr().out)["summary"]
        assert summary["identical"] is False
        assert summary["not_compared"] == ["L7 rules and DNS names"]
    assert _diff("a", "a", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out)["summary"]["identical"] is True
    assert _diff("a.yaml", "b.yaml", *SNAPSHOT) == 1


@pytest.mark.usefixtures("here")
def test_json_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """The same envelope where nothing differs."""
    assert _diff("old", "old", *SNAPSHOT, "-o", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["version"], found["results"]) == (1, [])
    assert found["summary"]["identical"] is True


@pytest.mark.usefixtures("here")
def test_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    """The comment begins with what matters, and tables with gains."""
    assert _diff("old", "open", *SNAPSHOT, "-o", "markdown") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "**Policy review**: 1 gained, newly exposed to the world."
    assert lines[2] == "- ⚠️ newly exposed to the world: **shop/db**"
    assert lines[4] == "**Gained**"
    assert lines[8] == (
        "| everything except shop/api, host | shop/db | tcp/5432 | destination | "
        "deny → allow | db.yaml:7 NetworkPolicy/shop/db |"
    )


@pytest.mark.usefixtures("here")
def test_github(capsys: pytest.CaptureFixture[str]) -> None:
    """A line that exposes somebody gets a warning beside it."""
    assert _diff("old", "open", *SNAPSHOT, "-o", "github") == 1
    warning, whole = capsys.readouterr().out.splitlines()
    assert warning == (
        "::warning file=open/db.yaml,line=7,title=policy review::gained: everything "
        "except shop/api, host to shop/db, tcp/5432: deny → allow, exposed to the world"
    )
    assert whole.startswith("::notice title=policy review::1 gained")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("new", "words", "code"),
    [
        ("new", "any", 1),
        ("new", "gained", 1),
        ("new", "exposed,unprotected", 0),
        ("new", "none", 0),
        ("open", "exposed", 1),
        ("open", "lost", 0),
        ("old", "any", 0),
    ],
)
def test_fail_on(new: str, words: str, code: int) -> None:
    """The exit code is 1 for what was asked, and for nothing else."""
    assert _diff("old", new, *SNAPSHOT, "--fail-on", words) == code


def test_only_text_differs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Comments and moved lines are called what they are."""
    (here / "new/db.yaml").write_text(f"# why\n{OLD}")
    assert _diff("old", "new", *SNAPSHOT) == 0
    out = capsys.readouterr().out
    assert out.startswith("semantically identical: only text differs\n")
    assert _diff("old", "old", *SNAPSHOT) == 0
    out = capsys.readouterr().out
    assert out.startswith("identical: not even the text differs\n")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("old", "nowhere", *SNAPSHOT), "E6500"),
        (("old", *SNAPSHOT), "E6500"),
        (("old", "new", "open"), "E6500"),
        (("old", "new"), "E6502"),
        (("-", "-", *SNAPSHOT), "E6500"),
        (("old", "new", "-f", "nowhere.yaml"), "E1001"),
        (("old", "new", *SNAPSHOT, "--fail-on", "gain"), "E2203"),
    ],
)
def test_trouble(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: str
) -> None:
    """What cannot be judged is exit code 2, with a code."""
    assert _diff(*words) == 2
    out, err = capsys.readouterr()
    assert f"error[{code}]" in err
    assert out == ""


def test_mistakes_are_trouble(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A policy with errors is compared with nothing."""
    (here / "new/db.yaml").write_text(NEW.replace("ingress", "ingres"))
    assert _diff("old", "new", *SNAPSHOT) == 2
    assert "error[E1004]" in capsys.readouterr().err


# ---------------------------------------------------------------- revisions


@pytest.fixture
def repository(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a repository: revision ``first`` has OLD, the next one NEW."""
    if shutil.which("git") is None:
        pytest.skip("needs git: apt install git")
    for name in list(os.environ):
        if name.startswith("GIT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    (here / "policies/sub").mkdir(parents=True)
    _git("init", "-q", ".")
    (here / "policies/db.yaml").write_text(OLD)
    (here / "policies/notes.md").write_text("no policy")
    _commit("first")
    (here / "policies/db.yaml").write_text(NEW)
    _commit("second")
    return here


def _git(*words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *who, *words], check=True)  # noqa: S603, S607  # a test


def _commit(name: str) -> None:
    _git("add", "policies", "cluster.yaml")
    _git("commit", "-q", "-m", name)
    _git("tag", name)


def _results(capsys: pytest.CaptureFixture[str], *words: str) -> list[Any]:
    capsys.readouterr()
    code = _diff(*words, "-o", "json")
    out, err = capsys.readouterr()
    assert code in (0, 1), err
    return [(r["change"], r["source"]) for r in json.loads(out)["results"]]


CHANGED = [("gained", "shop/web"), ("lost", "shop/api")]
PATHS = ("-f", "policies", "-f", "cluster.yaml")


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    "words",
    [
        ("first..second", *PATHS),
        ("first..", *PATHS),
        ("first...second", *PATHS),
        ("first", "second", *PATHS),
        ("git:first", "git:HEAD", *PATHS),
        ("first", *PATHS),
        ("git:first", "policies", *SNAPSHOT),
        ("first:policies", "second:policies", *SNAPSHOT),
        ("first:policies/db.yaml", "policies/db.yaml", *SNAPSHOT),
        ("first:./policies", "new", *SNAPSHOT),
        ("old", "second:policies", *SNAPSHOT),
        ("old", "new", *SNAPSHOT),
    ],
)
def test_revisions(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """The same change, whatever the words by which it is named."""
    assert _results(capsys, *words) == CHANGED


def test_work_tree_stays(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Revisions are read from the store; a change that is not committed is not seen."""
    (repository / "policies/db.yaml").write_text(OPEN)
    assert _results(capsys, "first..second", *PATHS) == CHANGED
    assert (repository / "policies/db.yaml").read_text() == OPEN
    assert len(_results(capsys, "second", *PATHS)) == 1


def test_from_a_folder_below(
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Paths of -f count from the current folder, REV:PATH from the root."""
    monkeypatch.chdir(repository / "policies")
    there = ("-f", "../cluster.yaml")
    assert _results(capsys, "first..second", "-f", ".", *there) == CHANGED
    assert _results(capsys, "first:policies", "second:./", *there) == CHANGED


def test_file_of_one_revision(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that only one revision has is not taken from the disk for the other."""
    (repository / "policies/open.yaml").write_text(OPEN.replace("name: db", "name: o"))
    _commit("third")
    files = ("-f", "policies/db.yaml", "-f", "policies/open.yaml", *SNAPSHOT)
    found = _results(capsys, "second..third", *files)
    assert found == [("gained", "everything except shop/web, host")]


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("first..nowhere", *PATHS), "E6500"),
        (("first:nowhere", "second:policies", *SNAPSHOT), "E6503"),
        (("git:--output=x..second", *PATHS), "E6500"),
        (("git:-h", "second", *PATHS), "E6500"),
        (("first", ":policies", *PATHS), "E6500"),
    ],
)
def test_refused_revisions(
    words: tuple[str, ...], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no revision is refused, and never an option of git."""
    assert _diff(*words) == 2
    assert f"error[{code}]" in capsys.readouterr().err
    assert not Path("x").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("first..second", *PATHS),
        ("first...HEAD", *PATHS),
        ("first", "HEAD", *PATHS),
        ("git:first", "git:second", "-f", "./policies/", "-f", "cluster.yaml"),
        ("first:policies", "second:./policies/db.yaml", "-f", "../cluster.yaml"),
        ("first:policies", "../policies", "-f", "../cluster.yaml"),
    ],
)
def test_bare_repository(
    words: tuple[str, ...],
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without a work tree, paths count from the root; the disk has what is elsewhere."""
    _git("clone", "-q", "--bare", ".", "bare")
    monkeypatch.chdir(repository / "bare")
    assert _results(capsys, *words) == CHANGED


def test_worktree(
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A second work tree is one like the first, in its folders as well."""
    _git("worktree", "add", "-q", "--detach", "other", "first")
    monkeypatch.chdir(repository / "other")
    assert _results(capsys, "first..second", *PATHS) == CHANGED
    assert _results(capsys, "policies", "second:policies", *SNAPSHOT) == CHANGED
    monkeypatch.chdir("policies")
    files = ("-f", ".", "-f", "../cluster.yaml")
    assert _results(capsys, "HEAD..second", *files) == CHANGED
    assert _results(capsys, "HEAD:./db.yaml", "second:./db.yaml", *files[2:]) == CHANGED


@pytest.mark.parametrize(
    "words", [("HEAD~1..HEAD",), ("first...HEAD",), ("HEAD^:policies", "policies")]
)
def test_shallow_clone(
    words: tuple[str, ...],
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What continuous integration leaves out is told of with the cure."""
    url = repository.as_uri()
    _git("clone", "-q", "--depth", "1", url, "shallow")
    monkeypatch.chdir(repository / "shallow")
    if "first" in words[0]:
        _git("fetch", "-q", "--depth", "1", url, "tag", "first")
    assert _diff(*words, *PATHS) == 2
    error = capsys.readouterr().err
    assert "error[E6501]" in error
    assert "this clone is shallow" in error
    assert "`fetch-depth: 0`" in error
    _git("fetch", "-q", "--unshallow", "--tags")
    assert (
        _results(capsys, *words, *(PATHS if len(words) == 1 else SNAPSHOT)) == CHANGED
    )


def test_partial_clone(
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is fetched; a file that is not here is told of."""
    _git("config", "uploadpack.allowFilter", "true")
    _git("clone", "-q", "--filter=blob:none", repository.as_uri(), "partial")
    monkeypatch.chdir(repository / "partial")
    assert _diff("first..second", *PATHS) == 2
    assert "this is a partial clone" in capsys.readouterr().err


@pytest.mark.usefixtures("repository")
def test_a_folder_without_policies(capsys: pytest.CaptureFixture[str]) -> None:
    """A path of a revision that holds no policy is refused, as it is on the disk."""
    assert _diff("first:policies/notes.md", "second:policies", *SNAPSHOT) == 2
    Path("policies/sub/notes.md").write_text("no policy")
    _commit("third")
    assert _diff("third:policies/sub", "second:policies", *SNAPSHOT) == 2
    assert "no file below 'policies/sub' in 'third'" in capsys.readouterr().err


def test_symbolic_link(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A link in a revision leads out of it: it is refused, not followed."""
    (repository / "policies/link.yaml").symlink_to("db.yaml")
    _commit("third")
    assert _diff("second..third", *PATHS) == 2
    assert "error[E6503]" in capsys.readouterr().err


@pytest.mark.usefixtures("here")
def test_no_repository(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Outside a repository a word that is no path is refused in plain words."""
    if shutil.which("git") is None:
        pytest.skip("needs git: apt install git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(Path.cwd().parent))
    assert _diff("main..HEAD", *SNAPSHOT) == 2
    assert "not a git repository" in capsys.readouterr().err

"""``lockgate compile`` as it is typed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockgate.cli.main import main
from lockgate_runtime.manifest import read_bundle

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parent.parent.parent / "golden"
BAD = str(GOLDEN / "kinds/policy_mistakes/policy.yaml")


@pytest.fixture(scope="session", name="good")
def _good(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give a folder of inputs without mistakes."""
    folder = tmp_path_factory.mktemp("inputs")
    for name in ("policy.yaml", "cluster.yaml"):
        shutil.copy(GOLDEN / "default_deny" / name, folder)
    return str(folder)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give a cache for all tests here."""
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def run(
    cache: str, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Give a function that compiles and returns exit code, output and errors."""

    def compile_(*words: str) -> tuple[int, str, str]:
        code = main(["compile", "--cache", cache, *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return compile_


def test_a_bundle_is_written_and_named(
    run: Callable[..., tuple[int, str, str]], good: str, tmp_path: Path
) -> None:
    """Standard output stays empty: what is said is for people."""
    target = tmp_path / "bundle"
    code, out, err = run("-f", good, "-o", str(target))
    assert (code, out) == (0, "")
    digest = read_bundle(target).digest[:12]
    assert err == f"{target}: 1 policy, 3 endpoints; bundle {digest}\n"
    _, _, again = run("-f", good, "-o", str(target))
    assert again == f"{target}: 1 policy, 3 endpoints; bundle {digest}, as it was\n"


def test_without_output_everything_is_checked(
    run: Callable[..., tuple[int, str, str]], good: str
) -> None:
    """Nothing is written, and that is said."""
    code, out, err = run("-f", good)
    assert (code, out) == (0, "")
    assert "nothing written" in err


def test_mistakes_are_shown_and_nothing_is_written(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    """Text on standard error, paths as given, exit code 1."""
    code, out, err = run("-f", BAD, "-o", str(tmp_path / "bundle"))
    assert (code, out) == (1, "")
    assert f"--> {BAD}:" in err
    assert "error[E1004]" in err
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("words", [["-o", "json"], ["--message-format", "json"]])
def test_json_is_for_programs(
    run: Callable[..., tuple[int, str, str]], words: list[str]
) -> None:
    """All of standard output is one document."""
    code, out, err = run("-f", BAD, *words)
    assert (code, err) == (1, "")
    assert {result["code"] for result in json.loads(out)["results"]} > {
        "E1004",
        "E1007",
    }


def test_sarif_is_for_code_review(run: Callable[..., tuple[int, str, str]]) -> None:
    """The form that code hosts show beside the lines."""
    code, out, _ = run("-f", BAD, "-o", "sarif")
    assert code == 1
    assert json.loads(out)["version"] == "2.1.0"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-f", "/nonexistent"], "E1001"),
        (["-f", "GOOD", "--locked"], "E2203"),
        (["-f", "GOOD", "-o", str(GOLDEN)], "E2202"),
        (["-f", "GOOD", "--clang", "/nonexistent"], "E4002"),
        ([], "required: -f"),
        (["-f", "GOOD", "--semantics", "calico"], "invalid choice"),
    ],
)
def test_usage_and_environment_are_exit_2(
    run: Callable[..., tuple[int, str, str]], good: str, words: list[str], message: str
) -> None:
    """No document is at fault."""
    code, out, err = run(*(good if word == "GOOD" else word for word in words))
    assert (code, out) == (2, "")
    assert message in err


def test_colour_is_for_terminals_only(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe gets plain text, and a terminal too where NO_COLOR is set."""
    assert "\033" not in run("-f", BAD)[2]
    monkeypatch.setattr("lockgate_runtime.terminal.is_terminal", lambda _stream: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\033" in run("-f", BAD)[2]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\033" not in run("-f", BAD)[2]


def test_sources_are_named_relative_to_their_argument(
    run: Callable[..., tuple[int, str, str]], good: str, tmp_path: Path
) -> None:
    """Artifacts do not know from where they were compiled."""
    run("-f", good, "-o", str(tmp_path / "bundle"))
    rules = json.loads((tmp_path / "bundle/tables/rules.json").read_text())
    places = {place.split(":")[0] for rule in rules for place in rule["places"]}
    assert places == {"policy.yaml"}

"""The one form of what verbs print with ``-o json``, on a node and elsewhere."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

import pytest

from lockgate import renderers, results
from lockgate.cli.main import main
from lockgate.diagnostics import Diagnostics
from lockgate_runtime.__main__ import main as run_node
from lockgate_runtime.errors import NodeError
from lockgate_runtime.verbs import Answer, faults_to_exit_codes, show

if TYPE_CHECKING:
    from pathlib import Path

KEYS = ["version", "results", "summary", "diagnostics"]
AS_JSON = argparse.Namespace(output="json")


def _printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert list(value) == KEYS
    return value


def _finding_keys() -> list[str]:
    diagnostics = Diagnostics()
    diagnostics.error("E1004", "no such field", None)
    answer = json.loads(renderers.render_json(diagnostics))
    assert list(answer) == KEYS
    return list(answer["results"][0])


def test_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """Its warnings are diagnostics, with the keys that findings have."""
    answer = Answer([{"generation": 3}], {"attached": 1}, ["a device is gone"])
    show(AS_JSON, answer, "generation 3")
    value = _printed(capsys)
    assert value["results"] == [{"generation": 3}]
    assert value["summary"] == {"attached": 1}
    (warning,) = value["diagnostics"]
    assert list(warning) == _finding_keys()
    assert (warning["code"], warning["severity"]) == ("W5001", "warning")
    assert warning["message"] == "a device is gone"
    show(argparse.Namespace(output="text"), answer, "generation 3")
    assert capsys.readouterr().out == "warning: a device is gone\ngeneration 3\n"


def test_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """It is a diagnostic with its code and cure; of a stream it is one line, as before."""

    def run(_arguments: argparse.Namespace) -> int:
        raise NodeError("E5034", "nothing is loaded", "apply a bundle first")

    assert faults_to_exit_codes(run)(AS_JSON) == 2
    value = _printed(capsys)
    assert value["results"] == []
    (error,) = value["diagnostics"]
    assert list(error) == _finding_keys()
    assert (error["code"], error["severity"]) == ("E5034", "error")
    assert error["help"] == "apply a bundle first"
    faults_to_exit_codes(run)(argparse.Namespace(output="json", is_stream=True))
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "E5034"


def test_a_fault_of_the_compiler(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What keeps a verb from judging is told to machines, too."""
    words = ["attach-report", "-f", str(tmp_path), "--target", f"x={tmp_path}/none"]
    assert main([*words, "-o", "json"]) == 2
    (error,) = _printed(capsys)["diagnostics"]
    assert list(error) == _finding_keys()
    assert error["code"].startswith("E")
    assert error["name"] != error["code"]
    assert error["help"]
    assert main(words) == 2
    assert capsys.readouterr().out == ""


def test_the_form_is_the_same() -> None:
    """One function prints it for both."""
    printed = json.loads(results.print_results([{"a": 1}], {}))
    assert list(printed) == KEYS
    assert printed["version"] == results.RESULTS_VERSION


@pytest.mark.parametrize("words", [("apply",), ("confirm", "--nonsense"), ("aply",)])
def test_a_wrong_command_line_on_a_node(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """The runtime's own command line tells it in the same form."""
    with pytest.raises(SystemExit) as end:
        run_node([*words, "-o", "json"])
    assert end.value.code == 2
    (error,) = _printed(capsys)["diagnostics"]
    assert list(error) == _finding_keys()
    assert (error["code"], error["name"]) == ("E2204", "command-line")
    with pytest.raises(SystemExit):
        run_node(["observe", "--nonsense", "-o", "json"])
    line = capsys.readouterr().out
    assert (line.count("\n"), json.loads(line)["error"]["code"]) == (1, "E2204")

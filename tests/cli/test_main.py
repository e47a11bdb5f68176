"""The command ends as a Unix program should."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

import lockgate
from lockgate.cli import main as cli
from lockgate.cli.main import STREAMS, VERBS, build_parser, main

ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-m", "lockgate.cli"]


def test_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    """It is written in two places that must agree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"lockgate {project['version']}\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_examples(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Help is documentation: what it does, and how it is typed."""
    assert main([verb, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"lockgate {verb}" in out.split("examples:")[1]


@pytest.mark.parametrize("verb", VERBS)
def test_every_example_is_a_command_line_that_parses(verb: str) -> None:
    """Help that does not work when typed in is worse than none."""
    parser = build_parser([verb])
    examples = parser.format_help() and cli._load(verb).EXAMPLES
    for line in examples.splitlines():
        for command in line.split("|"):
            text = command.split("   ")[0].replace("<(", "").replace(")", "")
            if f"lockgate {verb}" not in text:
                continue
            words = shlex.split(text)
            words = words[1:] if words[:1] in (["sudo"], ["source"]) else words
            if words[:2] == ["lockgate", verb]:
                arguments = words[1:]
                if ">" in arguments:
                    arguments = arguments[: arguments.index(">")]
                parser.parse_args(arguments)


@pytest.mark.parametrize(
    "words", [[], ["complie"], ["completion", "tcl"], ["--verbose"]]
)
def test_a_wrong_command_line_is_exit_2(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Usage goes to standard error; nothing else happens."""
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "usage: lockgate" in captured.err


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        *((verb, ("--nonsense", "-o", "json")) for verb in VERBS),
        ("lint", ("-o", "json", "--nonsense=1")),
        ("lint", ("--nonsense", "--output=json")),
        ("lint", ("--output", "json", "--nonsense")),
        ("lint", ("-ojson", "--nonsense")),
        ("compile", ("--message-format", "json", "--nonsense")),
    ],
)
def test_a_wrong_command_line_as_json(
    verb: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever asks for JSON gets it, in the verb's form, and people the text."""
    assert main([verb, *words]) == 2
    captured = capsys.readouterr()
    assert f": error: {_mistake(verb, captured.out)}\n" in captured.err
    assert "\nhelp: `lockgate" in captured.err


def _mistake(verb: str, out: str) -> str:
    """Return the message of the one error in an answer."""
    answer = json.loads(out)
    if verb in STREAMS:
        assert (len(answer), out.count("\n")) == (1, 1)
        error = answer["error"]
    else:
        assert list(answer) == ["version", "results", "summary", "diagnostics"]
        assert not answer["results"]
        (error,) = answer["diagnostics"]
        assert (error["severity"], error["name"]) == ("error", "command-line")
    assert error["code"] == "E2204"
    assert "--help` " in error["help"]
    return str(error["message"])


def test_no_verb_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """A verb that is none is told likewise; nobody who asks for help gets an error."""
    assert main(["complie", "-o", "json"]) == 2
    assert "'complie'" in _mistake("", capsys.readouterr().out)
    assert main(["--help", "-o", "json"]) == 0
    assert capsys.readouterr().out.startswith("usage: ")
    assert main(["lint", "-o", "text", "json"]) == 2
    assert not capsys.readouterr().out


def test_a_bug_is_loud(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Our own mistake is never mistaken for the user's: traceback, and not exit code 1."""

    def broken(_words: list[str]) -> int:
        raise ZeroDivisionError("example")

    monkeypatch.setattr(cli, "_run", broken)
    assert main(["compile"]) == 2
    err = capsys.readouterr().err
    assert "ZeroDivisionError: example" in err
    assert "a bug in Lockgate" in err


def test_a_full_disk_is_no_bug() -> None:
    """Output that cannot be written is told, with exit code 2."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(  # noqa: S603
            [*COMMAND, "completion", "bash"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert "No space left" in done.stderr
    assert "bug" not in done.stderr


def test_any_locale_will_do(tmp_path: Path) -> None:
    """Output that programs read is UTF-8, whatever a terminal would speak."""
    file = tmp_path / "web.gate"
    file.write_text("# größer → kleiner\npolicy  web in a for app=web { isolate in }\n")
    done = subprocess.run(  # noqa: S603
        [*COMMAND, "fmt", "--check", str(file)],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert (done.returncode, done.stderr) == (1, b"")
    assert "größer → kleiner" in done.stdout.decode()


def test_a_closed_pipe_is_quiet() -> None:
    """``lockgate ... | head -1`` ends without a word."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(  # noqa: S603
        [*COMMAND, "completion", "bash"],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


def test_ctrl_c_ends_by_the_signal() -> None:
    """A shell loop around us stops, too."""
    script = (
        # A job in the background was started deaf to it; people's shells start none so.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import time; from lockgate.cli import main as m\n"
        "m._run = lambda words: print('up', flush=True) or time.sleep(60)\n"
        "m.main([])"
    )
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        assert (process.returncode, err) == (-signal.SIGINT, b"")


def test_start_is_quick() -> None:
    """Help needs no compiler and no runtime: nothing heavy is imported."""
    script = (
        "import sys; from lockgate.cli.main import main; main(['--help'])\n"
        "heavy = {'jinja2', 'lark', 'yaml', 'pyroute2', 'ctypes', 'shtab', 'json'}\n"
        "sys.exit(str(heavy & sys.modules.keys()) if heavy & sys.modules.keys() else 0)"
    )
    start = time.monotonic()
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - start < 2, "0.05 s on an idle machine"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_verb(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The script of each shell names the verbs and their options."""
    assert main(["completion", shell]) == 0
    out = capsys.readouterr().out
    assert all(verb in out for verb in VERBS)
    assert "allow-unenforced" in out


def test_library_has_its_front_door() -> None:
    """What is public is named."""
    assert set(lockgate.__all__) == {"__version__", "compile_policies"}

"""Completion, manual page and schemas know every verb and option."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from lockgate.cli.completion import SHELLS, completes, each_action, verbs_of
from lockgate.cli.main import VERBS, build_parser, main
from lockgate.schemas import SCHEMAS

if TYPE_CHECKING:
    from pathlib import Path

PARSER = build_parser()
OPTIONS = {
    (name, option)
    for name, verb in verbs_of(PARSER).items()
    for action in verb._actions
    for option in action.option_strings
    if option.startswith("--") and option != "--help"
}


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_has_every_verb_and_option(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is missing in any shell, and the script is the same each time."""
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(verb in script for verb in VERBS)
    assert len(OPTIONS) > 50
    # These two name an option without its dashes.
    assert all(
        (option[2:] if shell in ("fish", "tcsh") else option) in script
        for _, option in OPTIONS
    )
    assert main(["completion", shell]) == 0
    assert capsys.readouterr().out == script


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash: apt install bash")
@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("lockgate ver", {"verify"}),
        ("lockgate verify --ker", {"--kernel", "--kernels"}),
        ("lockgate verify -o ", {"text", "json"}),
        ("lockgate verify --kernels ", {"folder"}),
        ("lockgate verify ", {"file.yaml", "folder"}),
        ("lockgate compile -f ", {"file.yaml", "folder"}),
        ("lockgate compile --lock f", {"file.yaml", "folder"}),
        ("lockgate completion ", set(SHELLS)),
        ("lockgate compile --semantics ", {"kubernetes", "cilium"}),
    ],
)
def test_bash_completes(
    line: str, wanted: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As typed: verbs, options, choices, files and folders."""
    assert main(["completion", "bash"]) == 0
    (tmp_path / "completion.bash").write_text(capsys.readouterr().out)
    here = tmp_path / "here"
    (here / "folder").mkdir(parents=True)
    (here / "file.yaml").touch()
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    code = (
        f"source ../completion.bash; COMP_WORDS=({quoted}); "
        f"COMP_CWORD={len(words) - 1}; _shtab_lockgate; "
        "printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(  # noqa: S603 - our own script
        ["bash", "--norc", "-c", code],  # noqa: S607
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
    )
    assert set(done.stdout.split()) == wanted, done.stderr


def test_values_that_are_files_complete_as_such() -> None:
    """Every value that is a path by its type completes, and nothing that is a number."""
    for action in each_action(PARSER):
        if getattr(action.type, "__name__", "") == "Path":
            assert completes(action), action.dest
        if action.type in (int, float):
            assert completes(action) is None, action.dest


def test_manual_page(capsys: pytest.CaptureFixture[str]) -> None:
    """It has every verb with its options and examples, and is the same each time."""
    assert main(["man"]) == 0
    page = capsys.readouterr().out
    for name, verb in verbs_of(PARSER).items():
        escaped = name.replace("-", r"\-")
        section = page.partition(f".SS lockgate {escaped}\n")[2].partition("\n.SS ")[0]
        assert section, name
        for verb_name, option in OPTIONS:
            if verb_name == name:
                assert option.replace("-", r"\-") in section, (name, option)
        assert f"lockgate {escaped}" in section.partition(".nf")[2], (
            f"example of {name}"
        )
        assert verb.prog == f"lockgate {name}"
    assert main(["man"]) == 0
    assert capsys.readouterr().out == page


@pytest.mark.skipif(not shutil.which("groff"), reason="needs groff: apt install groff")
def test_manual_page_is_good_roff(capsys: pytest.CaptureFixture[str]) -> None:
    """Groff has nothing to warn about, and shows examples as they are typed."""
    assert main(["man"]) == 0
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-ww", "-P-c"],  # noqa: S607
        input=capsys.readouterr().out,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "lockgate verify bundle/ --kernel 6.1,6.12" in done.stdout


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_verb(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints the schema, as JSON."""
    assert main(["schema", name]) == 0
    assert json.loads(capsys.readouterr().out) == SCHEMAS[name]()

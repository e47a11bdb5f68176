"""What README shows is what comes out."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

from lockgate.cli.main import VERBS, build_parser
from tests.ci.sample import SHOP, make_repository

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_examples(tmp_path: Path) -> None:
    """Each command with a prompt prints, in order, the lines below it."""
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    indented = re.findall(r"(?m)(?:^(?: {4}.*)?\n)+", README)
    blocks = [textwrap.dedent(b) for b in indented if "$ ./dev run" in b]
    shown = [part for b in blocks for part in b.split("$ ./dev run ")[1:]]
    assert len(shown) >= 2
    for example in shown:
        line, _, expected = example.partition("\n")
        done = _lockgate(*shlex.split(line), folder=tmp_path)
        told = done.stdout + done.stderr
        assert _without_hash(told) == _without_hash(expected), line


def test_the_error_that_it_shows(tmp_path: Path) -> None:
    """The excerpt of a misspelt field is the real one."""
    policy = (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
        "metadata: {name: web, namespace: shop}\nspec:\n  podSelector: {}\n  ingres: []\n"
    )
    (tmp_path / "policy.yaml").write_text(policy)
    done = _lockgate("compile", "-f", "policy.yaml", folder=tmp_path)
    shown = README.partition("    error[E1004]")[2].partition("\n\n")[0]
    assert done.returncode == 1
    assert textwrap.dedent("    error[E1004]" + shown) in done.stderr


def test_the_comment_that_it_shows(tmp_path: Path) -> None:
    """The change beside it gives this comment, and the test beside it fails."""
    (removed,), (added,) = (
        re.findall(rf"(?m)^    {sign}( +- from: .*)$", README) for sign in ("-", r"\+")
    )
    policies = (SHOP / "policies.yaml").read_text()
    assert policies.count(removed) == 1
    base = make_repository(tmp_path)
    assert (tmp_path / "policies/shop.yaml").read_text() == policies.replace(
        removed, added
    )
    inputs = ("-f", "policies", "-f", "cluster.yaml")
    done = _lockgate(
        "diff", f"{base}..HEAD", *inputs, "-o", "markdown", folder=tmp_path
    )
    shown = re.findall(r"(?m)^> ?(.*\n)", README)
    assert "".join(shown) == done.stdout
    block = README.partition('    test "the database"')
    (tmp_path / "readme.gatetest").write_text(
        textwrap.dedent(block[1] + block[2].partition("\n\n")[0])
    )
    done = _lockgate("test", *inputs, "readme.gatetest", folder=tmp_path)
    assert done.returncode == 1
    assert "1 passed, 1 failed" in done.stdout + done.stderr
    assert "policies/shop.yaml:45" in done.stdout + done.stderr


def test_its_commands_exist() -> None:
    """Every `lockgate ...` with arguments is one that the command line understands."""
    in_blocks = re.findall(r"(?m)^    (?:sudo )?lockgate (.*)$", README)
    in_text = re.findall(r"`lockgate ([^`]*)`", README)
    assert len(in_blocks) > 12
    parser = build_parser()
    for line in [*in_blocks, *in_text]:
        # Behind two spaces stands what it is for; VERB | VERB names several.
        for words in re.split(r"\s{2,}", line)[0].split(" | "):
            verb, *rest = shlex.split(words)
            if verb.isupper() or (line in in_text and not rest):
                assert verb in (*VERBS, "ARGS...", "VERB"), words
                continue
            try:
                parser.parse_args([verb, *rest])
            except SystemExit:
                raise AssertionError(f"lockgate {words}") from None


def test_its_benchmarks_exist() -> None:
    """Every benchmark that it names can be run, and none is left out."""
    named = set(re.findall(r"\./dev bench (\w+)", README))
    files = (ROOT / "tests/bench").glob("[a-z]*.py")
    there = {file.stem for file in files if '"-o"' in file.read_text()}
    assert named == there


def _without_hash(text: str) -> str:
    return re.sub(r"\b[0-9a-f]{12}\b", "HASH", text).strip()


def _lockgate(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - what README says
        [sys.executable, "-m", "lockgate.cli", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )

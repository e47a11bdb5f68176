"""lockgate prove, and compile --prove: what is printed, written and returned."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.artifact import seal_bundle, write_bundle
from lockgate.cli.main import main
from lockgate.proof.reference import evaluator
from lockgate_runtime.bundle import Bundle
from tests.proof.cluster import CACHE, compile_bundle

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate import artifact


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> artifact.Bundle:
    """Compile the cluster once."""
    return compile_bundle(tmp_path_factory.mktemp("proof"))


@pytest.fixture
def folder(compiled: artifact.Bundle, tmp_path: Path) -> Path:
    """Give a folder with ``bundle`` and ``sources``."""
    compile_bundle(tmp_path)
    write_bundle(compiled, tmp_path / "bundle")
    return tmp_path


def prove(folder: Path, *more: str) -> int:
    """Run the verb on the tables."""
    arguments = ["-f", str(folder / "sources"), "--packets", "none", *more]
    return main(["prove", str(folder / "bundle"), *arguments])


def test_a_certificate_says_what_was_proved(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names bundle, sources, options and counts, and what it does not claim."""
    assert prove(folder) == 0
    out = capsys.readouterr().out
    claim = "tables proved, exhaustive over atoms; no packet was sent"
    assert out.startswith(f"{folder}/bundle: {claim}\n")
    assert "verified" not in out
    text = (folder / "bundle.proof.json").read_text()
    statement = json.loads(text)
    predicate = statement["predicate"]
    digest = Bundle.open(folder / "bundle").manifest.digest
    assert statement["subject"][0]["digest"] == {"sha256": digest}
    assert predicate["claim"] == claim
    assert predicate["options"]["semantics"] == "kubernetes"
    assert predicate["tables"]["visited_cells"] > 0
    assert len(predicate["sources"]) == len(list((folder / "sources").iterdir()))
    assert predicate["packets"] is None
    assert any("no packet was sent" in line for line in predicate["outside"])
    assert prove(folder) == 0
    assert (folder / "bundle.proof.json").read_text() == text


def test_tables_alone_are_never_called_proved(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a script reads says so too, whichever field it looks at."""
    assert prove(folder, "-o", "json") == 0
    summary = json.loads(capsys.readouterr().out)["summary"]
    assert summary["proved"] is False
    assert summary["tables_proved"] is True
    assert summary["packets_cover"] == "none"
    assert summary["claim"].startswith("tables proved")


def test_other_sources_are_not_proved(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What differs is shown with both rules; a certificate of before goes away."""
    assert prove(folder) == 0
    path = next(
        p for p in sorted((folder / "sources").iterdir()) if "8010" in p.read_text()
    )
    path.write_text(path.read_text().replace("8010", "8011"))
    capsys.readouterr()
    assert prove(folder, "-o", "json") == 1
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    first = answer["results"][0]
    assert (first["code"], first["name"]) == ("E6300", "proof-cell-differs")
    assert first["subject"] == "shop/web"
    assert first["direction"] == "ingress"
    assert path.name in first["expected"]
    assert first["traffic"] == "TCP/8011"
    summary = answer["summary"]
    assert (summary["proved"], summary["tables_proved"]) == (False, False)
    assert summary["claim"] == "not proved"
    assert not (folder / "bundle.proof.json").exists()


def test_a_bundle_that_is_sealed_anew_is_not_believed(
    folder: Path, compiled: artifact.Bundle
) -> None:
    """Hashes say only that files belong together, not that they are right."""
    cells = bytearray(compiled.files["tables/cells.bin"])
    cells[0] ^= 1
    files = {k: v for k, v in compiled.files.items() if k != "manifest.json"}
    files["tables/cells.bin"] = bytes(cells)
    write_bundle(seal_bundle(compiled.manifest, files), folder / "bundle")
    assert prove(folder) == 1


def test_a_reference_that_fails_proves_nothing(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An exception of the evaluator is a finding, not a proof and not a traceback."""

    def fail(*_: object) -> None:
        raise KeyError("spec")

    monkeypatch.setitem(evaluator.KINDS, "NetworkPolicy", fail)
    assert prove(folder) == 1
    out = capsys.readouterr().out
    assert "error[E6304]" in out
    assert "Traceback" not in out


@pytest.mark.parametrize("words", ["", "--packets 0", "--packets some"])
def test_what_cannot_be_asked(folder: Path, words: str) -> None:
    """Usage and what is not there are exit code 2."""
    bundle, sources = str(folder / "bundle"), str(folder / "sources")
    if words:
        assert main(["prove", bundle, "-f", sources, *words.split()]) == 2
    else:
        assert main(["prove", f"{bundle}-not", "-f", sources]) == 2
        assert main(["prove", bundle, "-f", f"{sources}-not"]) == 2
        assert main(["prove", bundle]) == 2


def test_compile_proves_what_it_wrote(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One command; standard output stays free for diagnostics."""
    words = ["compile", "-f", str(folder / "sources"), "--prove"]
    words += ["--cache", str(CACHE), "--allow-unenforced"]
    assert main([*words, "-o", str(folder / "new")]) == 0
    output = capsys.readouterr()
    assert "tables proved, exhaustive over atoms; no packet was sent" in output.err
    assert output.out == ""
    assert (folder / "new.proof.json").exists()
    assert main(words) == 2
    assert main([*words, "-f", "-", "-o", str(folder / "new")]) == 2

"""Attestations lie beside the bundle, name it, and are the same for the same findings."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from lockgate.attestation import attestation_path, print_attestation, write_attestation
from lockgate_runtime.bundle import Bundle


@pytest.fixture
def bundle(shop_bundle: Path, tmp_path: Path) -> Path:
    """Copy the shop's bundle to where an attestation may lie beside it."""
    return shutil.copytree(shop_bundle, tmp_path / "bundle")


def test_names_the_bundle_and_leaves_it_alone(bundle: Path) -> None:
    """The subject is the manifest's hash; the bundle is as whole as before."""
    manifest = Bundle.open(bundle).manifest
    text = print_attestation(manifest, "verify", {"accepted": True})
    path = write_attestation(bundle, "verify-6.1", text)
    assert path == bundle.parent / "bundle.verify-6.1.json"
    statement = json.loads(path.read_text())
    (subject,) = statement["subject"]
    content = (bundle / subject["name"]).read_bytes()
    assert subject["digest"] == {"sha256": hashlib.sha256(content).hexdigest()}
    assert statement["predicate"]["accepted"] is True
    assert Bundle.open(bundle).manifest == manifest
    assert {p.name for p in bundle.parent.iterdir()} == {"bundle", path.name}


def test_name_of_a_folder_however_it_is_called(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``bundle/``, ``.`` inside it and a symbolic link are named as the user sees them."""
    assert attestation_path(Path("o/bundle/"), "proof") == Path("o/bundle.proof.json")
    monkeypatch.chdir(bundle)
    assert attestation_path(Path(), "proof") == bundle.parent / "bundle.proof.json"
    link = bundle.parent / "current"
    link.symlink_to(bundle)
    assert attestation_path(link, "proof").name == "current.proof.json"
    link.unlink()

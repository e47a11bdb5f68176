"""Compilation as a whole: the same everywhere, all or nothing, and no more than needed."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lockgate.driver import Compilation, Settings, compile_policies, write_outputs
from lockgate.options import Options
from lockgate.toolchain import clang
from lockgate_runtime.manifest import files_below, read_bundle
from tests.places import PACKAGES

GOLDEN = Path(__file__).parent.parent / "golden"
LOCKGATE = [sys.executable, "-m", "lockgate.cli"]


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Copy a small case, so that a test may change it."""
    folder = tmp_path / "inputs"
    shutil.copytree(GOLDEN / "tiers_and_pass", folder)
    return folder


def compiled(
    folder: Path, cache: Path | None = None, **more: Path | bool
) -> Compilation:
    """Compile the policy and the cluster of a folder."""
    files = [folder / "policy.yaml", folder / "cluster.yaml"]
    settings = Settings(cache=cache, **more)  # type: ignore[arg-type]  # by name
    return compile_policies(files, Options(), settings)


def content(compilation: Compilation) -> dict[str, bytes]:
    """Return the files of the bundle."""
    assert compilation.bundle is not None, compilation.diagnostics.found
    return dict(compilation.bundle.files)


# ---------------------------------------------------------------- the same everywhere

PLACES = (
    {
        "HOME": "/nowhere",
        "TZ": "Asia/Tokyo",
        "LANG": "tr_TR.UTF-8",
        "PYTHONHASHSEED": "1",
    },
    {"HOME": "/root", "TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "4711"},
)


def test_two_places_give_the_same_bytes(tmp_path: Path) -> None:
    """Neither folder nor order of files, user, language, time zone or umask shows."""
    cases = ("cgroup_endpoint", "host_policy", "cidr_except")
    documents = [
        document
        for case in cases
        for name in ("policy.yaml", "cluster.yaml")
        for document in (GOLDEN / case / name).read_text().split("\n---\n")
    ]
    documents = list(dict.fromkeys(f"{document.strip()}\n" for document in documents))
    bundles = []
    for number, environment in enumerate(PLACES):
        place = tmp_path / f"place{number}" / ("deep/er" * number)
        place.mkdir(parents=True)
        names = []
        for index, document in enumerate(documents):
            names.append(f"{index}.yaml")
            (place / names[-1]).write_text(document)
        random.Random(number).shuffle(names)  # noqa: S311  # an order, no secret
        words = [word for name in names for word in ("-f", name)]
        done = subprocess.run(  # noqa: S603
            [*LOCKGATE, "compile", *words, "-o", "bundle", "--no-cache"],
            cwd=place,
            env=environment | PACKAGES | {"PATH": os.environ["PATH"]},
            umask=(0o022, 0o077)[number],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        read_bundle(place / "bundle")
        bundles.append(place / "bundle")
    first, second = ({n: (b / n).read_bytes() for n in files_below(b)} for b in bundles)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_nothing_of_this_machine_is_in_a_bundle(inputs: Path, cache: Path) -> None:
    """No absolute path, no user, no host."""
    secrets = [str(inputs), tempfile.gettempdir() + "/", f"{Path.home()}/", sys.prefix]
    for name, data in content(compiled(inputs, cache)).items():
        assert [word for word in secrets if word.encode() in data] == [], name


# ---------------------------------------------------------------- no more than needed


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a cache that holds the objects of the case."""
    folder = tmp_path_factory.mktemp("cache")
    assert compiled(GOLDEN / "tiers_and_pass", folder).ok
    return folder


@pytest.fixture
def no_clang(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clang never be called."""

    def refuse(*_arguments: object) -> bytes:
        raise AssertionError("clang was called")

    monkeypatch.setattr(clang, "_compile", refuse)


@pytest.mark.usefixtures("no_clang")
def test_a_comment_never_calls_clang(inputs: Path, cache: Path) -> None:
    """It moves lines, which the names of rules show, and nothing else."""
    policy = inputs / "policy.yaml"
    before = content(compiled(inputs, cache))
    policy.write_text("# a new comment\n\n" + policy.read_text())
    after = content(compiled(inputs, cache))
    changed = {name for name in before if before[name] != after[name]}
    assert {n for n in changed if n.endswith((".o", ".c", ".bin"))} == set()
    assert "tables/rules.json" in changed


@pytest.mark.usefixtures("no_clang")
def test_an_endpoint_never_calls_clang(inputs: Path, cache: Path) -> None:
    """A pod that comes is map content."""
    before = content(compiled(inputs, cache))
    cluster = inputs / "cluster.yaml"
    pod = cluster.read_text().split("---\n")[2].replace("web", "other")
    cluster.write_text(
        cluster.read_text() + "---\n" + pod.replace("10.1.0.1", "10.1.0.9")
    )
    after = content(compiled(inputs, cache))
    assert before["objects/tc.o"] == after["objects/tc.o"]
    assert before["tables/addresses_v4.bin"] != after["tables/addresses_v4.bin"]


@pytest.mark.usefixtures("no_clang")
def test_another_shape_does(inputs: Path, cache: Path) -> None:
    """The guard of the tests above can fail."""
    policy = inputs / "policy.yaml"
    policy.write_text(
        policy.read_text().replace(
            "name: web, namespace: shop}",
            'name: web, namespace: shop, annotations: {lockgate.dev/audit: "true"}}',
        )
    )
    with pytest.raises(AssertionError, match="clang was called"):
        compiled(inputs, cache)


# ---------------------------------------------------------------- all or nothing


def test_any_error_means_no_bundle(inputs: Path, cache: Path, tmp_path: Path) -> None:
    """The old bundle stays as it was."""
    target = tmp_path / "bundle"
    first = compiled(inputs, cache)
    assert write_outputs(first, target, Settings())
    policy = inputs / "policy.yaml"
    policy.write_text(policy.read_text().replace("action: Deny", "action: Refuse"))
    done = subprocess.run(  # noqa: S603
        [*LOCKGATE, "compile", "-f", str(inputs), "-o", str(target), "--no-cache"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "E1007" in done.stderr
    assert first.bundle is not None
    assert read_bundle(target) == first.bundle.manifest


def test_a_lock_keeps_numbers(inputs: Path, cache: Path, tmp_path: Path) -> None:
    """It is written once, holds with --locked, and refuses what is new."""
    lock = tmp_path / "identities.lock"
    first = compiled(inputs, cache, lock=lock)
    assert write_outputs(first, tmp_path / "bundle", Settings(lock=lock))
    text = lock.read_text()
    assert "k8s:app=web" in text
    assert compiled(inputs, cache, lock=lock, is_locked=True).ok

    cluster = inputs / "cluster.yaml"
    cluster.write_text(cluster.read_text().replace("app: client", "app: guest"))
    refused = compiled(inputs, cache, lock=lock, is_locked=True)
    assert [d.code for d in refused.diagnostics.found] == ["E2200"]
    assert refused.bundle is None
    assert lock.read_text() == text


def test_numbers_of_the_lock_are_used(
    inputs: Path, cache: Path, tmp_path: Path
) -> None:
    """What people committed decides, not the hash."""
    lock = tmp_path / "identities.lock"
    first = compiled(inputs, cache, lock=lock)
    assert first.tables is not None
    assert first.lock is not None
    number = next(i.number for i in first.tables.identities if i.number > 255)
    lock.write_text(first.lock.replace(f'"number": {number},', '"number": 300,'))
    second = compiled(inputs, cache, lock=lock)
    assert second.tables is not None
    assert 300 in {identity.number for identity in second.tables.identities}
    assert number not in {identity.number for identity in second.tables.identities}


def test_another_clang_is_recorded_or_refused(inputs: Path) -> None:
    """A path that is no clang is a fault of the environment, and said so."""
    files = [inputs / "policy.yaml", inputs / "cluster.yaml"]
    refused = compile_policies(files, settings=Settings(clang="/nonexistent/clang"))
    assert [d.code for d in refused.diagnostics.found] == ["E4002"]
    assert refused.bundle is None

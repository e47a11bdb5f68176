"""The script ``dev``: what it installs, and how it hands over."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from lockgate.vm import kernels, packages

ROOT = Path(__file__).parent.parent
NOBODY = "65534"

under_dev = pytest.mark.skipif(
    not any(Path(sys.prefix).is_relative_to(f) for f in kernels.cache_folders()),
    reason="installs an environment: ./dev test runs it",
)


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import the script."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = SourceFileLoader("dev", str(ROOT / "dev"))
    spec = importlib.util.spec_from_loader("dev", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have dev keep its things in a folder of the test."""
    monkeypatch.setattr(kernels, "cache_folders", lambda: [tmp_path])
    return tmp_path


@under_dev
def test_run_prints_only_what_lockgate_prints(tmp_path: Path) -> None:
    """Standard output, exit code and folder are those of the command."""
    done = _dev("run", "--version", folder=tmp_path)
    assert done.stdout.startswith("lockgate ")
    assert done.stdout.count("\n") == 1
    done = _dev("run", "no-such-verb", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert list(tmp_path.iterdir()) == []


@under_dev
def test_run_reads_standard_input(tmp_path: Path) -> None:
    """A pipe reaches the command, and its refusal comes back as the exit code."""
    policy = (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nspec: {ingres: []}\n"
    )
    done = _dev("run", "compile", "-f", "-", folder=tmp_path, text=policy)
    assert done.returncode == 1, done.stderr
    assert "ingres" in done.stderr


@under_dev
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
@pytest.mark.skipif(
    any(not folder.stat().st_mode & 1 for folder in Path(sys.base_prefix).parents),
    reason="needs a Python that other users may run: the system's",
)
def test_root_and_then_a_user() -> None:
    """A user runs what root installed, and writes only to a folder of the user's own."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        tree, home = Path(folder, "tree"), Path(folder, "home")
        ignored = shutil.ignore_patterns(
            ".git", "__pycache__", ".*_cache", ".hypothesis"
        )
        shutil.copytree(ROOT, tree, symlinks=True, ignore=ignored)
        home.mkdir()
        os.chown(home, int(NOBODY), int(NOBODY))
        Path(folder).chmod(0o755)
        identity = ["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]
        command = ["setpriv", *identity, "--", str(tree / "dev"), "run", "--version"]
        done = subprocess.run(  # noqa: S603 - literal command
            command,
            cwd=home,
            env={"PATH": os.environ["PATH"], "HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("lockgate ")
        assert not list(tree.rglob("__pycache__"))
        assert [p.name for p in home.iterdir()] == [".cache"]


@pytest.mark.parametrize("arguments", [(), ("no-such-verb",), ("bench", "nothing")])
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    """A wrong command line ends with 2 and says what is right."""
    done = _dev(*arguments)
    assert "./dev bench NAME" in done.stdout + done.stderr
    assert done.returncode == (2 if arguments else 0)
    assert ("no verb 'no-such-verb'" in done.stderr) == ("no-such-verb" in arguments)


def test_requirements_name_the_environment(
    dev: ModuleType, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment serves one set of requirements; another set gets another one."""
    made: list[Path] = []

    def make(environment: Path, wanted: list[str]) -> None:
        assert "ziglang==0.17.1" in wanted
        environment.mkdir()
        (environment / "complete").touch()
        made.append(environment)

    monkeypatch.setattr(dev, "make_environment", make)
    first = dev.python_environment()
    assert dev.python_environment() == first
    assert made == [first]
    wanted = [*dev.requirements(), "another"]
    monkeypatch.setattr(dev, "requirements", lambda: wanted)
    assert dev.python_environment() != first
    assert len(made) == 2
    assert all(path.parent == cache for path in made)


def test_unfinished_and_unused_environments_go(dev: ModuleType, cache: Path) -> None:
    """What was never finished, or not used for long, is removed; the rest stays."""
    for name, age in (("fresh", 0), ("old", dev.UNUSED_DAYS + 1), ("unfinished", None)):
        folder = cache / f"python-{name}"
        folder.mkdir()
        if age is not None:
            (folder / "complete").touch()
            then = time.time() - age * 24 * 3600
            os.utime(folder / "complete", (then, then))
    dev.remove_unused(cache)
    assert [p.name for p in cache.iterdir()] == ["python-fresh"]


def test_installers_wait_for_each_other(
    dev: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody else holds the lock while it is held; who waits says so."""
    with (
        dev.locked(tmp_path),
        (tmp_path / "lock").open() as file,
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with (tmp_path / "lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        code = (
            "from importlib.machinery import SourceFileLoader as L; from pathlib import Path\n"
            f"d = L('dev', {str(ROOT / 'dev')!r}).load_module()\n"
            f"with d.locked(Path({str(tmp_path)!r})): print('mine')\n"
        )
        with subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as waiting:
            assert waiting.stderr
            line = next(row for row in waiting.stderr if row.startswith("dev: "))
            assert "waiting" in line
            fcntl.flock(file, fcntl.LOCK_UN)
            assert waiting.stdout
            assert waiting.stdout.read() == "mine\n"


def test_what_root_installs_is_for_all(dev: ModuleType, tmp_path: Path) -> None:
    """A strict umask of root's does not close the cache to others, and comes back."""
    before = os.umask(0o077)
    try:
        with dev.locked(tmp_path / "cache"):
            (tmp_path / "cache/python-1").mkdir()
        after = os.umask(0o077)
    finally:
        os.umask(before)
    assert after == 0o077
    for folder in (tmp_path / "cache", tmp_path / "cache/python-1"):
        assert folder.stat().st_mode & 0o777 == 0o755


def test_a_closed_environment_is_none(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a user may not look into is not there for the user."""

    def refuse(_: Path) -> bool:
        raise PermissionError

    monkeypatch.setattr(Path, "exists", refuse)
    assert not dev.is_complete(tmp_path)


def test_without_an_index(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What pip cannot have is a message, and the environment is not taken for whole."""

    def fail(*command: str) -> None:
        if "pip" in command:
            raise dev.InstallError("failed: a long command")
        (tmp_path / "python-1").mkdir()

    monkeypatch.setattr(dev, "check", fail)
    with pytest.raises(dev.InstallError, match="is PyPI, or the index"):
        dev.make_environment(tmp_path / "python-1", ["nothing"])
    assert not dev.is_complete(tmp_path / "python-1")


def test_nowhere_to_install(dev: ModuleType, tmp_path: Path) -> None:
    """A folder that cannot be made, or written, is a message with the cure."""
    (tmp_path / "file").touch()
    with (
        pytest.raises(dev.InstallError, match=r"cannot install into .*/file/cache"),
        dev.locked(tmp_path / "file/cache"),
    ):
        pytest.fail("it is not there")


def test_how_it_starts_and_is_interrupted(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `su`, administrators' programs are found too; Ctrl-C ends without a trace."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")

    def interrupt(_: list[str]) -> int:
        assert os.environ["PATH"] == "/usr/bin:/bin:/usr/sbin:/sbin"
        raise KeyboardInterrupt

    monkeypatch.setattr(dev, "run", interrupt)
    assert dev.main(["run"]) == 130


def test_apt_is_for_root(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user is told the command instead of being asked for a password."""
    monkeypatch.setattr(dev, "os", SimpleNamespace(geteuid=lambda: 1000))
    with pytest.raises(dev.InstallError, match="sudo apt-get install libbpf1"):
        dev.apt_install(["libbpf1"])


def test_newest_plain_kernel(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the kernels that apt offers the newest is taken, never a flavour of it."""
    del cache
    offered = (
        "linux-image-6.12-amd64",
        "linux-image-6.12.9+deb12-amd64",
        "linux-image-6.12.107+deb12-amd64",
        "linux-image-6.12.111+deb12-cloud-amd64",
        "linux-image-6.12.111+deb12-rt-amd64",
        "linux-image-6.12.111+deb12-amd64-unsigned",
        "linux-image-6.12.111+deb12-amd64-dbg",
        "linux-image-6.12.107+deb12.1-amd64",
        "linux-image-6.8.0-9-generic",
        "linux-image-6.8.0-88-generic",
        "linux-image-6.8.0-89-lowlatency",
        "linux-modules-6.8.0-88-generic",
    )
    fetched: list[tuple[str, ...]] = []
    monkeypatch.setattr(packages, "_run", lambda *_: "\n".join(offered))
    monkeypatch.setattr(packages, "fetch_package", lambda *names: fetched.append(names))
    packages.fetch_kernel("6.12")
    packages.fetch_kernel("6.8")
    assert fetched == [
        ("linux-image-6.12.107+deb12.1-amd64",),
        ("linux-image-6.8.0-88-generic", "linux-modules-6.8.0-88-generic"),
    ]
    monkeypatch.setattr(packages, "_run", lambda *_: "")
    with pytest.raises(packages.FetchError, match=r"offer no linux-image-6\.1\."):
        packages.fetch_kernel("6.1")
    assert list(tmp_path.iterdir()) == []


def test_a_download_of_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where apt says nothing and brings nothing, nothing is there."""
    monkeypatch.setattr(packages, "cache_folders", lambda: [tmp_path])
    monkeypatch.setattr(packages, "_run", lambda *_, folder: str(folder))
    with pytest.raises(packages.FetchError, match="downloaded no busybox-static"):
        packages.fetch_package("busybox-static")
    assert list((tmp_path / "packages").iterdir()) == []


def _dev(
    *arguments: str, folder: Path = ROOT, text: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own script
        [sys.executable, ROOT / "dev", *arguments],
        cwd=folder,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )

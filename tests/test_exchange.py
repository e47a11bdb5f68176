"""A directory is replaced whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lockgate import exchange
from lockgate.exchange import replaced_directory, replaced_file


def files(directory: Path) -> dict[str, str]:
    """Return the files below a directory and their text."""
    return {
        path.relative_to(directory).as_posix(): path.read_text()
        for path in directory.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Make a directory that is there already."""
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle/file").write_text("old")
    return tmp_path / "bundle"


@pytest.fixture(params=["exchange", "two steps"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Replace by exchange, and as where the file system cannot do that."""
    if request.param == "two steps":
        monkeypatch.setattr(exchange, "_exchange", lambda _one, _other: False)
    return str(request.param)


@pytest.mark.usefixtures("way")
def test_new_takes_the_place_of_old(old: Path) -> None:
    """Nothing of the old directory stays, and nothing beside it."""
    with replaced_directory(old) as new:
        (new / "sub").mkdir()
        (new / "sub/other").write_text("new")
        assert files(old) == {"file": "old"}
    assert files(old) == {"sub/other": "new"}
    assert list(old.parent.iterdir()) == [old]


def test_a_first_one_makes_its_parents(tmp_path: Path) -> None:
    """There may be nothing yet."""
    with replaced_directory(tmp_path / "a/b/bundle") as new:
        (new / "file").write_text("new")
    assert files(tmp_path) == {"a/b/bundle/file": "new"}


@pytest.mark.usefixtures("way")
def test_a_failure_leaves_the_old_one(old: Path) -> None:
    """A full disk while writing changes nothing and leaves nothing behind."""

    def fill() -> None:
        with replaced_directory(old) as new:
            (new / "file").write_text("new")
            Path("/dev/full").write_text("x")

    with pytest.raises(OSError, match="No space"):
        fill()
    assert files(old) == {"file": "old"}
    assert list(old.parent.iterdir()) == [old]


KILLED = """
import os, signal, sys
from pathlib import Path
from lockgate import exchange
target, step = Path(sys.argv[1]), sys.argv[2]
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
if step == "between":
    exchange._exchange = lambda one, other: False
    Path.rename, rename = (
        lambda self, to: die() if ".new-" in self.name else rename(self, to), Path.rename)
if step == "exchanged":
    exchange._synchronise_directory, do = (
        lambda path: die() if path == target.parent else do(path),
        exchange._synchronise_directory)
with exchange.replaced_directory(target) as new:
    (new / "file").write_text("new")
    if step == "writing":
        die()
"""


@pytest.mark.parametrize(
    ("step", "found"), [("writing", "old"), ("between", None), ("exchanged", "new")]
)
def test_a_kill_leaves_one_of_the_two(old: Path, step: str, found: str | None) -> None:
    """After kill -9 the next writer finds a whole directory and clears up the rest."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", KILLED, str(old), step], check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert len(list(old.parent.iterdir())) == 2, "the killed one left something"
    assert (files(old) if old.exists() else {}) == ({"file": found} if found else {})
    exchange.recover(old)
    assert files(old) == {"file": found or "old"}
    assert list(old.parent.iterdir()) == [old]


def test_another_writer_is_left_alone(old: Path) -> None:
    """Two writers at once: each is whole, the last one wins."""
    with replaced_directory(old) as one:
        (one / "file").write_text("one")
        with replaced_directory(old) as other:
            (other / "file").write_text("other")
        assert files(old) == {"file": "other"}
        assert files(one) == {"file": "one"}
    assert files(old) == {"file": "one"}
    assert list(old.parent.iterdir()) == [old]


def test_a_symbolic_link_is_followed(old: Path) -> None:
    """The link stays a link to the new content."""
    link = old.parent / "current"
    link.symlink_to(old)
    with replaced_directory(link) as new:
        (new / "file").write_text("new")
    assert link.is_symlink()
    assert files(old) == {"file": "new"}


def test_the_directory_has_the_mode_that_the_user_wants(tmp_path: Path) -> None:
    """The umask decides, as for any mkdir."""
    before = os.umask(0o027)
    try:
        with replaced_directory(tmp_path / "bundle"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "bundle").stat().st_mode & 0o777 == 0o750


def test_a_file_is_replaced_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    """A full disk leaves the old one; what is in it need not be text."""
    file = tmp_path / "policy.gate"
    file.write_bytes(b"\xff old")
    file.chmod(0o640)

    def fill() -> None:
        with replaced_file(file, "new\n"):
            Path("/dev/full").write_text("x")

    with pytest.raises(OSError, match="No space"):
        fill()
    assert file.read_bytes() == b"\xff old"
    with replaced_file(file, "new\n"):
        pass
    assert file.read_bytes() == b"new\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [file]


def test_line_ends_are_part_of_a_file(tmp_path: Path) -> None:
    """A file that differs by them alone has another text."""
    file = tmp_path / "policy.gate"
    file.write_bytes(b"a\r\n")
    with replaced_file(file, "a\n"):
        pass
    assert file.read_bytes() == b"a\n"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """``-o /dev/stdout`` and the like are no files that could be replaced."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with replaced_file(pipe, "new"):
        pass
    assert os.read(reader, 10) == b"new"
    os.close(reader)
    assert list(tmp_path.iterdir()) == [pipe]

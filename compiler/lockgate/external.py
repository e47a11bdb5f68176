"""Start git, to read files of a revision without touching the work tree.

Only what reads the object store is run, never a shell.  What the user calls a revision is
given to git after ``--end-of-options``, so that it is never an option; paths are taken
literally; nothing is fetched, asked or paged.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from lockgate.bounded import LARGEST

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST = 60
"""Seconds after which git is given up."""

_ENVIRONMENT = {
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}

REGULAR = ("100644", "100755")
SYMBOLIC_LINK = "120000"
"""Modes of files in a tree (``git-ls-tree``)."""


class GitError(Exception):
    """Git is not here, or it refused; the text has its last words."""


class ShallowError(GitError):
    """A commit is not here, and the clone lacks its older history."""


class TreeFile(NamedTuple):
    """A file of a revision: its mode, the id of its content, its path from the root."""

    mode: str
    blob: str
    path: PurePosixPath


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository: the folder of its work tree, without symbolic links.

    ``is_bare``: it has none (or we are not in it), and ``root`` is the folder we are in.
    """

    root: Path
    is_bare: bool = False

    @classmethod
    def of(cls, folder: Path) -> Repository:
        """Find the repository that a folder belongs to."""
        try:
            found = _git(folder, "rev-parse", "--show-toplevel")
        except GitError:
            _git(folder, "rev-parse", "--git-dir")  # if it is none, this says why
            return cls(folder, True)
        return cls(Path(os.fsdecode(found.removesuffix(b"\n"))))

    @property
    def is_shallow(self) -> bool:
        """Whether the clone lacks the commits before some."""
        return _git(self.root, "rev-parse", "--is-shallow-repository") == b"true\n"

    def relative(self, path: Path) -> PurePosixPath | None:
        """Return a path from the root of the tree; None for one outside it.

        Without a work tree, a relative path is one from the root.
        """
        if self.is_bare:
            inner = PurePosixPath(os.path.normpath(path))
            is_outside = inner.is_absolute() or ".." in inner.parts
            return None if is_outside else inner
        whole = Path(os.path.normpath(path.parent.resolve() / path.name))
        if path.name in ("", ".", ".."):
            whole = path.resolve()
        if not whole.is_relative_to(self.root):
            return None
        return PurePosixPath(whole.relative_to(self.root).as_posix())

    def commit(self, revision: str) -> str:
        """Return the id of the commit that a revision is."""
        wanted = f"{revision}^{{commit}}"
        words = ("rev-parse", "--verify", "--quiet", "--end-of-options", wanted)
        try:
            return _git(self.root, *words).decode().strip()
        except GitError as error:
            raise self._missing(str(error) or "no commit has this name") from None

    def merge_base(self, one: str, other: str) -> str:
        """Return the commit from which two commits (ids) went apart."""
        try:
            return _git(self.root, "merge-base", one, other).decode().strip()
        except GitError as error:
            reason = str(error) or "they have no common ancestor"
            raise self._missing(reason) from None

    def _missing(self, reason: str) -> GitError:
        """Say that a commit is not here; perhaps because the clone has only the newest."""
        return ShallowError(reason) if self.is_shallow else GitError(reason)

    def files(self, commit: str, path: PurePosixPath) -> list[TreeFile]:
        """Return the file at a path of a commit, or all files below it; sorted."""
        words = ["ls-tree", "-r", "-z", "--full-tree", commit]
        if path.parts:
            words += ["--", str(path)]
        found = []
        for line in _git(self.root, *words).split(b"\0")[:-1]:
            entry, _, name = line.partition(b"\t")
            mode, _, blob = entry.decode().split()
            found.append(
                TreeFile(mode, blob, PurePosixPath(name.decode(errors="replace")))
            )
        return sorted(found, key=lambda file: file.path.parts)

    def read(self, blobs: Sequence[str]) -> list[bytes]:
        """Return the content of blobs, as it is in the store."""
        if not blobs:
            return []
        asked = "".join(f"{blob}\n" for blob in blobs).encode()
        sizes = _git(self.root, "cat-file", "--batch-check=%(objectsize)", given=asked)
        if sum(int(size) for size in sizes.splitlines() if size.isdigit()) > LARGEST:
            raise GitError(f"the files have more than {LARGEST >> 20} MiB")
        answer = memoryview(_git(self.root, "cat-file", "--batch", given=asked))
        contents = []
        at = 0
        for blob in blobs:
            end = at + bytes(answer[at : at + 200]).index(b"\n")
            words = bytes(answer[at:end]).split()
            if len(words) != 3 or words[1] != b"blob":  # ID TYPE SIZE
                raise GitError(f"the object {blob} is not in the store")
            size = int(words[2])
            contents.append(bytes(answer[end + 1 : end + 1 + size]))
            at = end + 1 + size + 1
        return contents


def _git(folder: Path, *words: str, given: bytes = b"") -> bytes:
    """Run git to its end and return its output; GitError with its reason if it fails."""
    try:
        done = subprocess.run(  # noqa: S603  # our own words; see the top
            ["git", "--no-pager", "-C", str(folder), *words],  # noqa: S607  # the user's git
            input=given,
            env={**os.environ, **_ENVIRONMENT},
            capture_output=True,
            timeout=_LONGEST,
            check=False,
        )
    except FileNotFoundError:
        raise GitError("git is not installed") from None
    except subprocess.TimeoutExpired:
        raise GitError(f"git did not answer for {_LONGEST} seconds") from None
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        fatal = [line for line in told if line.startswith("fatal: ")] or told or [""]
        reason = fatal[0].removeprefix("fatal: ")
        if "promisor remote" in reason:
            reason += "; this is a partial clone: clone without --filter"
        raise GitError(reason)
    return done.stdout

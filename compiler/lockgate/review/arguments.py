"""What the words of ``lockgate diff`` mean: files, folders, bundles, Git revisions.

A word that is a path is that path.  Else ``REV:PATH`` is a path in a revision, counted from
the root of the repository (``REV:./PATH``: from here), and any other word is a revision;
``git:`` before it says so where a path has the same name.  ``A..B`` is both words at once,
``A...B`` begins where B went apart from A, and an empty end is HEAD.  One revision alone is
compared with the files as they are.

``-f`` names what both sides share.  For a revision that names no path, it names paths in
the revision as well: what Git knows in either revision is read from there, the rest (a
snapshot that is not committed) from the disk.  Beside a path, such a revision means the same
path.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from lockgate.external import (
    REGULAR,
    SYMBOLIC_LINK,
    GitError,
    Repository,
    ShallowError,
)
from lockgate.faults import Fault
from lockgate.frontend.inputs import SUFFIXES, InputFile, open_inputs
from lockgate_runtime.manifest import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lockgate.diagnostics import Diagnostics
    from lockgate.external import TreeFile

_GIT = "git:"
_HEAD = "HEAD"
_OF_GIT = (_HEAD, "objects", "refs")
"""What a folder of Git's own has (gitrepository-layout)."""
_ABBREVIATED = 12
"""Characters of a commit's id that name it."""

_USAGE = (
    "write OLD and NEW: paths, bundles, REV:PATH or git:REV; or A..B for two revisions"
)


@dataclass(frozen=True, slots=True)
class Side:
    """One side as it was named: a bundle, or files; ``shared`` are those of both sides."""

    label: str
    bundle: Path | None = None
    files: tuple[InputFile, ...] = ()
    shared: tuple[InputFile, ...] = ()


class _Revision(NamedTuple):
    """A word that means a revision; ``path`` is None where it names none."""

    name: str
    commit: str
    path: str | None = None


class _Paths(NamedTuple):
    """A word that is a path; None: those of ``-f``, as they are on the disk."""

    path: str | None

    @property
    def bundle(self) -> Path | None:
        """The path, where it is a bundle."""
        if self.path is None or not (Path(self.path) / MANIFEST).is_file():
            return None
        return Path(self.path)


_End = _Revision | _Paths


def read_sides(
    words: Sequence[str], files: Sequence[str], diagnostics: Diagnostics
) -> tuple[Side, Side]:
    """Find and open what is compared; mistakes in files are diagnostics."""
    try:
        return _Reader(tuple(files), diagnostics).read(words)
    except ShallowError as error:
        raise _shallow(f"Git could not give what is compared: {error}") from None
    except GitError as error:
        raise Fault(
            "E6501",
            f"Git could not give what is compared: {error}",
            "fetch the history that is compared, or name files; see "
            "`lockgate explain E6501`",
        ) from None


def _shallow(what: str) -> Fault:
    return Fault(
        "E6501",
        f"{what}; this clone is shallow, it has only the newest commits",
        "fetch its history: `git fetch --unshallow`; for GitHub's checkout action "
        "`fetch-depth: 0`, for GitLab `GIT_DEPTH: 0`",
    )


@dataclass
class _Reader:
    files: tuple[str, ...]
    diagnostics: Diagnostics
    _repository: Repository | None = None
    _opened: dict[tuple[str, ...], tuple[InputFile, ...]] = field(default_factory=dict)

    def read(self, words: Sequence[str]) -> tuple[Side, Side]:
        old, new = self._ends(words)
        if [*words, *self.files].count("-") > 1:
            raise Fault("E6500", "standard input can be read only once", _USAGE)
        versioned = self._versioned([e for e in (old, new) if isinstance(e, _Revision)])
        shared = tuple(path for path in self.files if path not in versioned)
        return _share(
            self._side(old, new, versioned, shared),
            self._side(new, old, versioned, shared),
        )

    def _side(
        self,
        end: _End,
        other: _End,
        versioned: tuple[str, ...],
        shared: tuple[str, ...],
    ) -> Side:
        if isinstance(end, _Paths):
            if end.bundle is not None:
                return Side(str(end.path), bundle=end.bundle)
            own = () if end.path is None else (end.path,)
            label = end.path or "the work tree"
            return Side(label, None, self._open(own + versioned), self._open(shared))
        if end.path is not None:
            path = self._in_tree(end.path)
            files = (*self._of_revision(end, [path]), *self._open(versioned))
        else:
            files = self._of_revision(end, self._paths_beside(other, versioned))
        return Side(end.name, None, files, self._open(shared))

    # ------------------------------------------------------------ words

    def _ends(self, words: Sequence[str]) -> tuple[_End, _End]:
        if len(words) == 2:  # OLD and NEW
            return self._word(words[0]), self._word(words[1])
        word = words[0]
        if len(words) > 2 or (os.path.lexists(word) and not word.startswith(_GIT)):
            what = f"'{word}' is compared with nothing"
            if len(words) > 2:  # OLD and NEW
                what = f"diff compares two, not {len(words)}"
            raise Fault("E6500", what, _USAGE)
        text = word.removeprefix(_GIT)
        if ":" not in text and ".." in text:
            return self._range(text)
        revision = self._revision(text)
        if revision.path is not None or not self.files:
            raise Fault("E6500", f"'{word}' is compared with nothing", _USAGE)
        return revision, _Paths(None)

    def _range(self, text: str) -> tuple[_Revision, _Revision]:
        dots = "..." if "..." in text else ".."
        first, _, last = text.partition(dots)
        one, two = self._revision(first or _HEAD), self._revision(last or _HEAD)
        if dots == "...":
            base = self._repo().merge_base(one.commit, two.commit)
            one = _Revision(base[:_ABBREVIATED], base)
        return one, two

    def _word(self, word: str) -> _End:
        if word.startswith(_GIT):
            return self._revision(word.removeprefix(_GIT))
        if word == "-" or (os.path.lexists(word) and not self._is_of_git(word)):
            return _Paths(word)
        return self._revision(word)

    def _is_of_git(self, word: str) -> bool:
        """Whether a path is no file of the user's: HEAD, in a bare repository."""
        if not all(map(os.path.exists, _OF_GIT)) or word not in _OF_GIT:
            return False
        try:
            return self._repo().is_bare
        except GitError:
            return False

    def _revision(self, text: str) -> _Revision:
        name, colon, path = text.partition(":")
        try:
            commit = self._repo().commit(name)
        except ShallowError as error:
            raise _shallow(f"'{name}': {error}") from None
        except GitError as error:
            what = f"'{text}' is no path, and no revision that Git knows: {error}"
            raise Fault("E6500", what, _USAGE) from None
        return _Revision(name, commit, path if colon else None)

    def _repo(self) -> Repository:
        if self._repository is None:
            self._repository = Repository.of(Path())
        return self._repository

    # ------------------------------------------------------------ files

    def _versioned(self, revisions: Sequence[_Revision]) -> tuple[str, ...]:
        """Return those paths of ``-f`` that are meant in revisions."""
        bare = [revision for revision in revisions if revision.path is None]
        found = []
        for path in self.files:
            relative = None if path == "-" or not bare else self._relative(path)
            if relative is not None and any(
                self._repo().files(revision.commit, relative) for revision in bare
            ):
                found.append(path)
        return tuple(found)

    def _relative(self, path: str) -> PurePosixPath | None:
        return self._repo().relative(Path(path))

    def _paths_beside(
        self, other: _End, versioned: Sequence[str]
    ) -> list[PurePosixPath]:
        """Return which paths, from the root, are meant in a revision that names none."""
        found: list[PurePosixPath] = []
        if isinstance(other, _Revision):
            found += [self._in_tree(other.path)] if other.path is not None else []
        elif other.path not in (None, "-") and other.bundle is None:
            found.append(self._from_root(str(other.path)))
        found += map(self._from_root, versioned)
        return found or [self._from_root(".")]

    def _from_root(self, path: str) -> PurePosixPath:
        """Return a path on the disk from the root."""
        relative = self._relative(path)
        if relative is None:
            message = f"'{path}' is outside the repository of the current folder"
            raise Fault("E6503", message, "name the path in the revision: REV:PATH")
        return relative

    def _in_tree(self, path: str) -> PurePosixPath:
        """Return the path of ``REV:PATH`` from the root."""
        if path == "." or path.startswith(("./", "../")):
            return self._from_root(path)
        return PurePosixPath(path)

    def _open(self, paths: tuple[str, ...]) -> tuple[InputFile, ...]:
        if paths not in self._opened:
            self._opened[paths] = open_inputs(paths, self.diagnostics)
        return self._opened[paths]

    def _of_revision(
        self, revision: _Revision, paths: Iterable[PurePosixPath]
    ) -> tuple[InputFile, ...]:
        return tuple(file for path in paths for file in self._of_path(revision, path))

    def _of_path(self, revision: _Revision, root: PurePosixPath) -> Iterator[InputFile]:
        files = self._repo().files(revision.commit, root)
        if not files and revision.path is not None:
            raise Fault(
                "E6503",
                f"the revision '{revision.name}' has no '{root}'",
                "see what it has: `git ls-tree -r --name-only REV`",
            )
        chosen = [file for file in files if _is_meant(file, root)]
        for file in chosen:
            if file.mode == SYMBOLIC_LINK:
                raise Fault(
                    "E6503",
                    f"'{file.path}' is a symbolic link in '{revision.name}'",
                    "name the file that it leads to",
                )
        regular = [file for file in chosen if file.mode in REGULAR]
        if not regular and revision.path is not None:
            kinds = ", ".join(f"*{suffix}" for suffix in SUFFIXES)
            raise Fault(
                "E6503",
                f"no file below '{root}' in '{revision.name}' is of {kinds}",
                "name a folder of policies, or a file",
            )
        contents = self._repo().read([file.blob for file in regular])
        for file, content in zip(regular, contents, strict=True):
            is_root = file.path == root
            alias = file.path.name if is_root else str(file.path.relative_to(root))
            yield InputFile(f"{revision.name}:{file.path}", alias, content)


def _share(old: Side, new: Side) -> tuple[Side, Side]:
    """Let both sides share the files that are the same in both: they are read once."""
    if old.bundle is not None or new.bundle is not None:
        return old, new
    known = {file.alias: file for file in new.files}
    same = {
        alias
        for alias, count in Counter(
            file.alias for file in (*old.files, *new.files)
        ).items()
        if count == 2  # once on each side
        and alias in known
        and any(
            f.alias == alias and f.data[:] == known[alias].data[:] for f in old.files
        )
    }
    shared = (*new.shared, *(file for file in new.files if file.alias in same))
    return (
        replace(old, files=_without(old.files, same), shared=shared),
        replace(new, files=_without(new.files, same), shared=shared),
    )


def _without(files: Iterable[InputFile], aliases: set[str]) -> tuple[InputFile, ...]:
    return tuple(file for file in files if file.alias not in aliases)


def _is_meant(file: TreeFile, root: PurePosixPath) -> bool:
    """Whether a folder stands for this file, as ``frontend.inputs`` has it."""
    if file.path == root:
        return True
    parts = file.path.relative_to(root).parts
    return file.path.name.endswith(SUFFIXES) and not any(
        part.startswith(".") for part in parts
    )

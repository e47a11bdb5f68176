"""The processes that events speak of: who they are, with their ancestry, in bounded memory.

A process is known by its number and start, which name it for ever.  What lives is kept, and of
what has ended the last some thousand, since events about it may still come.  A child holds its
parent, so that an ancestry outlasts its dead; it is cut where it gets absurdly long.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lockgate_runtime.tracing import layout
from lockgate_runtime.tracing.json_text import read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from lockgate_runtime.tracing.records import Record

ENDED = 16384
"""Processes that are remembered after their end."""
LIVING = 65536
"""Processes that are remembered at most: when ends were lost, the oldest are forgotten."""
DEEPEST = 512
"""Ancestors of a process; those above are forgotten."""
_NEVER = (1 << 32) - 1

_FAULTS = (
    (layout.VALUE_ARGUMENTS, layout.VALUE_IS_CUT, "truncArgs"),
    (layout.VALUE_FILENAME, layout.VALUE_IS_UNREADABLE, "errorFilename"),
    (layout.VALUE_ARGUMENTS, layout.VALUE_IS_UNREADABLE, "errorArgs"),
    (layout.VALUE_DIRECTORY, layout.VALUE_IS_CUT, "errorPathResolutionCwd"),
)
"""What may be wrong with the values of an exec, by the reference's words for it."""

_RECORD = struct.Struct("<10Q16s16s8s4I8I10I4I")
_CREDENTIALS = struct.Struct("<8I3Q6I")
if _RECORD.size != layout.PROCESS.offset("path"):
    raise AssertionError("the layout changed")


@dataclass(slots=True)
class Process:
    """One image of a process: from a fork or exec to the next exec or its end."""

    tgid: int
    start: int
    parent: Process | None
    parent_id: tuple[int, int]
    binary: str
    arguments: str
    directory: str
    flags: str
    login_uid: int
    cgroup: int
    capabilities: tuple[int, int, int]
    credentials: tuple[int, ...]
    namespaces: tuple[int, ...]
    secure_bits: int = 0
    properties: dict[str, Any] | None = None
    is_in_init_tree: bool = False
    depth: int = 0
    children: int = 0
    """Processes that live and whose parent it is."""
    text: str = ""
    """JSON of it, once it was needed; whoever shows processes keeps it here."""
    acting: tuple[int, int, str] = (0, 0, "")
    """The same as one of its threads acted: thread, ``children``, JSON."""

    def forget_texts(self) -> None:
        """Let the JSON be spelled again: something of it is different now."""
        self.text, self.acting = "", (0, 0, "")

    def ancestors(self) -> Iterator[Process]:
        """Go up: the parent first."""
        above = self.parent
        while above is not None:
            yield above
            above = above.parent


class ProcessCache:
    """Processes by (tgid, start).

    ``look_up`` returns the kernel's record of a tgid, and ``ask`` the arguments and directory
    of what is running: both are for processes that began before we read.
    """

    def __init__(
        self,
        look_up: Callable[[int], bytes | None] = lambda _tgid: None,
        ask: Callable[[int], tuple[bytes, str]] = lambda _tgid: (b"", ""),
    ) -> None:
        self._look_up = look_up
        self._ask = ask
        self._living: OrderedDict[tuple[int, int], Process] = OrderedDict()
        self._ended: OrderedDict[tuple[int, int], Process] = OrderedDict()
        self._of_tgid: dict[int, tuple[int, int]] = {}
        self.unknown = 0
        """Processes that were asked for and that nobody knew."""

    def __len__(self) -> int:
        return len(self._living) + len(self._ended)

    def find(self, tgid: int, start: int) -> Process | None:
        """Return a process; from the kernel where it is not known here."""
        key = (tgid, start)
        found = self._living.get(key) or self._ended.get(key)
        if found is None and start:
            found = self._from_kernel(key)
            if found is None:
                self.unknown += 1
        return found

    def add_record(self, data: bytes) -> Process:
        """Take over the kernel's record of a process that runs."""
        tgid = struct.unpack_from("<I", data, layout.PROCESS.offset("tgid"))[0]
        words, directory = self._ask(tgid)
        path = data[_RECORD.size :].split(b"\0", 1)[0]
        return self._add(_read(data, read_text(path), words, directory))

    def begin(self, record: Record) -> Process:
        """Take in a fork: the child's program is that of who forked."""
        data = record.values[0].data
        child = _read(data, "", b"", "")
        creator = self.find(child.parent_id[0], child.parent_id[1])
        if creator:
            child.binary, child.arguments = creator.binary, creator.arguments
            child.directory = creator.directory
        child.flags = "clone"
        return self._add(child)

    def execute(self, record: Record) -> Process:
        """Take in an exec; what the process was before has ended."""
        data, filename, words, directory = record.values[0].data, b"", b"", b""
        inode = 0
        faults = {
            word
            for value in record.values
            for place, flag, word in _FAULTS
            if value.place == place and value.flags & flag
        }
        for value in record.values[1:]:
            if value.place == layout.VALUE_FILENAME:
                filename = value.data
            elif value.place == layout.VALUE_ARGUMENTS:
                words += value.data
            elif value.place == layout.VALUE_DIRECTORY:
                directory = value.data
            elif value.place == layout.VALUE_INODE:
                inode = int.from_bytes(value.data, "little")
        path = data[_RECORD.size :].split(b"\0", 1)[0]
        binary = read_text(absolute(filename or path, directory))
        process = _read(data, binary, words, read_text(directory), inode, faults)
        before = self._of_tgid.get(process.tgid)
        if before and before != (process.tgid, process.start):
            self._end(before)
        return self._add(process)

    def change(self, record: Record) -> None:
        """Take in new credentials of a process."""
        process = self.find(record.tgid, record.start)
        if process is None or not record.values:
            return
        fields = _CREDENTIALS.unpack_from(record.values[0].data)
        process.credentials = fields[:8]
        process.capabilities = fields[8], fields[9], fields[10]
        process.secure_bits = fields[15]
        process.namespaces = _with_user_namespace(process.namespaces, fields[11])
        process.forget_texts()

    def end(self, tgid: int, start: int) -> Process | None:
        """Take in an end; the process is remembered for a while."""
        found = self.find(tgid, start)
        self._end((tgid, start))
        return found

    def _add(self, process: Process) -> Process:
        key = (process.tgid, process.start)
        process.parent = parent = self._known(process.parent_id)
        if parent:
            parent.children += 1
            process.depth = parent.depth + 1
            if process.depth > DEEPEST:
                parent.parent, process.depth = None, 1
        self._living[key] = process
        self._of_tgid[process.tgid] = key
        if len(self._living) > LIVING:
            oldest, forgotten = self._living.popitem(last=False)
            _leave(forgotten)
            if self._of_tgid.get(oldest[0]) == oldest:
                del self._of_tgid[oldest[0]]
        return process

    def _known(self, key: tuple[int, int]) -> Process | None:
        if not key[1]:
            return None
        return self._living.get(key) or self._ended.get(key) or self._from_kernel(key)

    def _from_kernel(self, key: tuple[int, int]) -> Process | None:
        data = self._look_up(key[0])
        if data is None:
            return None
        start = struct.unpack_from("<Q", data)[0]
        return self.add_record(data) if start == key[1] else None

    def _end(self, key: tuple[int, int]) -> None:
        process = self._living.pop(key, None)
        if process is None:
            return
        _leave(process)
        if self._of_tgid.get(key[0]) == key:
            del self._of_tgid[key[0]]
        self._ended[key] = process
        if len(self._ended) > ENDED:
            self._ended.popitem(last=False)


def _leave(process: Process) -> None:
    """Let the parent know that a child is gone."""
    if process.parent:
        process.parent.children -= 1


def absolute(path: bytes, directory: bytes) -> bytes:
    """Put a path behind the directory that it is relative to."""
    if path.startswith(b"/") or not directory:
        return path
    return directory.rstrip(b"/") + b"/" + path.removeprefix(b"./")


def join_arguments(words: bytes) -> str:
    r"""Join arguments behind the program's name; those with spaces stand in quotes.

    >>> join_arguments(b"sh\0-c\0echo hi\0")
    '-c "echo hi"'
    """
    parts = words.rstrip(b"\0").split(b"\0")[1:]
    return " ".join(
        f'"{text}"' if " " in text else text for text in map(read_text, parts)
    )


def unknown_process(tgid: int, start: int) -> Process:
    """Return what can be said of a process that nobody knows."""
    return replace(_NOBODY, tgid=tgid, start=start)


_NOBODY = Process(
    tgid=0,
    start=0,
    parent=None,
    parent_id=(0, 0),
    binary="",
    arguments="",
    directory="",
    flags="unknown",
    login_uid=_NEVER,
    cgroup=0,
    capabilities=(0, 0, 0),
    credentials=(),
    namespaces=(),
)


def _read(
    data: bytes,
    path: str,
    words: bytes,
    directory: str,
    inode: int = 0,
    faults: Collection[str] = (),
) -> Process:
    fields = _RECORD.unpack_from(data)
    start, parent_start, cgroup, permitted, effective, inheritable = fields[:6]
    tgid, parent, login_uid, flags = fields[13:17]
    credentials, namespaces = fields[17:25], fields[25:35]
    user_namespace, secure_bits = fields[35:37]
    return Process(
        tgid=tgid,
        start=start,
        parent=None,
        parent_id=(parent, parent_start),
        binary=path,
        arguments=join_arguments(words),
        directory=directory,
        flags=_flag_words(flags, directory, faults),
        login_uid=login_uid,
        cgroup=cgroup,
        capabilities=(permitted, effective, inheritable),
        credentials=credentials,
        namespaces=_with_user_namespace(namespaces, user_namespace),
        secure_bits=secure_bits,
        properties=_properties(flags, credentials, inode, path),
        is_in_init_tree=bool(flags & layout.PROCESS_IS_IN_INIT_TREE),
    )


def _with_user_namespace(namespaces: tuple[int, ...], inode: int) -> tuple[int, ...]:
    """Put in the user namespace that the credentials are of: it changes with them."""
    place = layout.NAMESPACES.index("user")
    return (*namespaces[:place], inode or namespaces[place], *namespaces[place + 1 :])


def _flag_words(flags: int, directory: str, faults: Collection[str]) -> str:
    """Return what the reference says of how a process became known, in its order."""
    words = {
        "execve": flags & layout.PROCESS_IS_EXECUTED,
        "procFS": flags & layout.PROCESS_IS_SEEDED,
        "truncArgs": "truncArgs" in faults,
        "errorFilename": "errorFilename" in faults,
        "errorArgs": "errorArgs" in faults,
        "rootcwd": directory == "/",
        "clone": flags & layout.PROCESS_IS_FIRST_IMAGE,
        "errorPathResolutionCwd": "errorPathResolutionCwd" in faults,
        "inInitTree": flags & layout.PROCESS_IS_IN_INIT_TREE,
    }
    return " ".join(word for word, holds in words.items() if holds)


def _properties(
    flags: int, credentials: tuple[int, ...], inode: int, path: str
) -> dict[str, Any] | None:
    """Return what is special of a binary: privileges that it gave, a file without links."""
    found: dict[str, Any] = {}
    changed = []
    ids = dict(zip(layout.CREDENTIALS, credentials, strict=True))
    if flags & layout.PROCESS_IS_FILE_CAPABLE:
        changed.append("PRIVILEGES_RAISED_EXEC_FILE_CAP")
    for flag, kind in (
        (layout.PROCESS_IS_SETUID, "uid"),
        (layout.PROCESS_IS_SETGID, "gid"),
    ):
        if flags & flag:
            found[f"set{kind}"] = ids[f"e{kind}"]
            # To become anybody but root raises nothing.
            if ids[kind] and not ids[f"e{kind}"]:
                changed.append(f"PRIVILEGES_RAISED_EXEC_FILE_SET{kind.upper()}")
    if changed:
        found["privileges_changed"] = changed
    if flags & layout.PROCESS_IS_UNLINKED:
        known = {"number": str(inode)} if inode else {}
        file: dict[str, Any] = {"inode": known | {"links": 0}}
        if path:
            file["path"] = path
        found["file"] = file
    return found or None

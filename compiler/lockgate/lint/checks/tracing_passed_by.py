"""What passes by a hook, and where it is seen.

``tracing-other-names``: who denies a file by its path denies one of its names: a hard link, a
folder above it that is renamed, and a bind mount give it others.
``tracing-sees-part``: some hooks see one way of several to do the same thing.

Where a policy stands at the other hook, too, there is nothing to say.  Each fact has a row among
the tests of the machines (``tests/tracing/cases/unseen.py``), or is a sibling system call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lockgate.findings import Finding, Level
from lockgate.ir.tracing_arguments import ArgumentType
from lockgate.ir.tracing_selectors import Comparison
from lockgate.lint.scene import Check, Needs, Scene
from lockgate.lint.tracing import Placed, name_of, selectors

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Part(NamedTuple):
    """What passes by a hook, and the hook (or several, any will do) that sees it."""

    passes: str
    seen_by: tuple[str, ...]
    only_denials: bool = False


_OPENS = _Part(
    "open, openat2, creat and io_uring open files without it", ("file_open",)
)
_MOVES = _Part("other calls rename, too", ("path_rename", "inode_rename"))
_READS = _Part(
    "pread, readv, sendfile and io_uring read without it",
    ("file_permission",),
)
_WRITES = _Part(
    "pwrite, writev, sendfile and io_uring write without it",
    ("file_permission",),
)
_REMOVES = _Part("the other call removes, too", ("path_unlink", "inode_unlink"))
_PARTS: dict[str, _Part] = {
    "path_truncate": _Part(
        "since Linux 6.2 it sees truncate alone: ftruncate and an open with O_TRUNC pass it by",
        ("file_truncate",),
    ),
    "file_truncate": _Part("truncate, by path, passes it by", ("path_truncate",)),
    "file_permission": _Part(
        "a file that is mapped is read and written without it", ("mmap_file",)
    ),
    "bprm_check_security": _Part(
        "a program that the dynamic loader is told to run (ld.so PROGRAM) is mapped, not executed",
        ("mmap_file",),
        only_denials=True,
    ),
    "socket_connect": _Part(
        "UDP, and TCP with MSG_FASTOPEN, send to an address without it",
        ("socket_sendmsg",),
    ),
    "sb_mount": _Part("the calls of fsopen and open_tree mount, too", ("move_mount",)),
    "sys_open": _OPENS,
    "sys_openat": _OPENS,
    "sys_openat2": _OPENS,
    "sys_creat": _OPENS,
    "sys_read": _READS,
    "sys_write": _WRITES,
    "sys_execve": _Part("execveat executes, too", ("bprm_check_security",)),
    "sys_execveat": _Part("execve executes, too", ("bprm_check_security",)),
    "sys_connect": _Part(
        "io_uring connects without it", ("socket_connect", "tcp_connect")
    ),
    "sys_rename": _MOVES,
    "sys_renameat": _MOVES,
    "sys_renameat2": _MOVES,
    "sys_unlink": _REMOVES,
    "sys_unlinkat": _REMOVES,
    "sys_mount": _Part("the calls of fsopen and open_tree mount, too", ("move_mount",)),
    "sys_init_module": _Part(
        "finit_module loads, too", ("kernel_read_file", "sys_finit_module")
    ),
    "sys_finit_module": _Part(
        "init_module loads, too", ("kernel_load_data", "sys_init_module")
    ),
}
"""By the operation, as :func:`lockgate.lint.tracing.name_of` calls it."""

_RENAMES = ("path_link", "path_rename", "sb_mount", "move_mount")
"""Hooks that are asked when a file gets another name."""
_BY_NAME = frozenset(
    {Comparison.EQUAL, Comparison.PREFIX, Comparison.POSTFIX, Comparison.SUBSTRING}
)
_PATHS = frozenset(
    {ArgumentType.FILE, ArgumentType.PATH, ArgumentType.FD, ArgumentType.DENTRY}
)


def _find_parts(scene: Scene) -> Iterator[Finding]:
    hooked = _hooked(scene)
    for policy in scene.tracing:
        for hook in policy.hooks:
            name = name_of(hook)
            part = _PARTS.get(name)
            if part is None or hooked & set(part.seen_by):
                continue
            denies = any(Placed(policy, hook, one).decision for one in hook.selectors)
            if denies or not part.only_denials:
                yield Finding(
                    "N6049",
                    Level.NOTE,
                    f"'{name}' does not see everything: {part.passes}",
                    hook.span,
                    f"what passes it by is seen by {' or '.join(part.seen_by)}",
                )


def _find_names(scene: Scene) -> Iterator[Finding]:
    lacking = [name for name in _RENAMES if name not in _hooked(scene)]
    told = set()
    for placed in selectors(scene) if lacking else ():
        if placed.hook.span not in told and _denies_by_name(placed):
            told.add(placed.hook.span)
            making = (
                "; where O_CREAT makes it, it is made before this hook is asked "
                "(inode_create is asked before)"
                if name_of(placed.hook) == "file_open"
                else ""
            )
            yield Finding(
                "N6048",
                Level.NOTE,
                "a file is denied by one name: a hard link, a folder above it that is renamed or "
                f"a bind mount give it another{making}",
                placed.selector.span,
                f"who gives it another name is seen by {', '.join(lacking)}",
            )


def _hooked(scene: Scene) -> set[str]:
    return {name_of(hook) for policy in scene.tracing for hook in policy.hooks}


def _denies_by_name(placed: Placed) -> bool:
    return (
        bool(placed.decision)
        and name_of(placed.hook) not in _RENAMES
        and any(
            match.comparison in _BY_NAME
            and not match.is_negated
            and any(text.startswith("/") for text in match.texts)
            and {placed.hook.arguments[place].type for place in match.arguments}
            <= _PATHS
            for match in placed.selector.arguments
        )
    )


NAMES = Check("tracing-other-names", Needs.POLICY, _find_names)
PARTS = Check("tracing-sees-part", Needs.POLICY, _find_parts)

"""Paths that match more, less or nothing of what they seem to.

``tracing-prefix-without-slash``: ``/etc`` is the beginning of ``/etcetera``, too.
``tracing-path-of-link``: a hook sees the file itself, never the symbolic link to it.
``tracing-postfix-without-slash``: ``bash`` is the end of ``/tmp/notbash``, too.
``tracing-path-of-nothing``: the kernel makes no path with ``..``, ``//`` or a slash at its end.
"""

from __future__ import annotations

from posixpath import normpath
from typing import TYPE_CHECKING

from lockgate.diagnostics import quote
from lockgate.findings import Finding, Level
from lockgate.ir.tracing_arguments import ArgumentType
from lockgate.ir.tracing_selectors import Comparison
from lockgate.lint.scene import Check, Needs, Scene
from lockgate.lint.tracing import selectors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.tracing_selectors import BinaryMatch, ValueMatch
    from lockgate.source import Span

_RESOLVED = frozenset(
    {
        ArgumentType.DENTRY,
        ArgumentType.FD,
        ArgumentType.FILE,
        ArgumentType.LINUX_BINPRM,
        ArgumentType.PATH,
    }
)
"""Types whose path the kernel makes from the file that was found."""

_FOLDERS = frozenset(
    {
        "/bin",
        "/boot",
        "/dev",
        "/etc",
        "/home",
        "/lib",
        "/lib64",
        "/media",
        "/mnt",
        "/opt",
        "/proc",
        "/root",
        "/run",
        "/sbin",
        "/srv",
        "/sys",
        "/tmp",  # noqa: S108  # a name in policies, nothing is opened
        "/usr",
        "/usr/bin",
        "/usr/lib",
        "/usr/local",
        "/usr/local/bin",
        "/usr/sbin",
        "/usr/share",
        "/var",
        "/var/lib",
        "/var/log",
        "/var/run",
        "/var/spool",
        "/var/tmp",  # noqa: S108  # a name in policies, nothing is opened
        "/etc/kubernetes",
        "/etc/ssh",
        "/etc/ssl",
        "/root/.ssh",
        "/var/lib/kubelet",
        "/var/lib/docker",
    }
)
"""What is a folder on every host that has it."""

_LINKED = {
    "/bin/": "/usr/bin/",
    "/sbin/": "/usr/sbin/",
    "/lib/": "/usr/lib/",
    "/lib64/": "/usr/lib64/",
    "/var/run/": "/run/",
    "/var/lock/": "/run/lock/",
}
"""Symbolic links of a merged /usr (Debian 12, Ubuntu, Fedora, RHEL) and where they lead."""

_LINKS = {
    "/usr/bin/sh": "/usr/bin/dash or /usr/bin/bash",
    "/usr/bin/awk": "/usr/bin/mawk or /usr/bin/gawk",
    "/usr/bin/vi": "/usr/bin/vim.basic and the like",
    "/usr/bin/python3": "/usr/bin/python3.11 and the like",
    "/etc/mtab": "/proc/self/mounts",
    "/etc/localtime": "a file below /usr/share/zoneinfo/",
}


def _values(scene: Scene) -> Iterator[tuple[ValueMatch | BinaryMatch, str, bool]]:
    """Yield each path with its filter, and whether the kernel has resolved it."""
    for _, hook, selector in selectors(scene):
        for match in selector.arguments:
            kinds = {hook.arguments[place].type for place in match.arguments}
            for text in match.texts if kinds <= _RESOLVED else ():
                yield match, text, True
        for binary in (*selector.binaries, *selector.parent_binaries):
            for text in binary.values:
                yield binary, text, False


def _finding(code: str, message: str, span: Span, cure: str) -> Finding:
    return Finding(code, Level.WARNING, message, span, cure)


def _find_prefixes(scene: Scene) -> Iterator[Finding]:
    for match, text, _ in _values(scene):
        if match.comparison is Comparison.PREFIX and text in _FOLDERS:
            message = f"{quote(text)} begins other names, too, such as {text}-old"
            yield _finding("W6043", message, match.span, f"write {text}/")


def _find_links(scene: Scene) -> Iterator[Finding]:
    for match, text, is_resolved in _values(scene):
        if not is_resolved or match.comparison not in (
            Comparison.EQUAL,
            Comparison.PREFIX,
        ):
            continue
        other = _LINKS.get(text) if match.comparison is Comparison.EQUAL else None
        for link, folder in _LINKED.items():
            if text.startswith(link):
                other = f"{folder}{text.removeprefix(link)}"
        if other is not None:
            message = (
                f"{quote(text)} is a symbolic link on most hosts: no file has that path"
            )
            cure = f"add what the kernel sees: {other}"
            if not any(value in other for value in match.texts if value != text):  # type: ignore[union-attr]  # only resolved values come here
                yield _finding("W6044", message, match.span, cure)


def _find_postfixes(scene: Scene) -> Iterator[Finding]:
    for match, text, is_resolved in _values(scene):
        if is_resolved or match.comparison is not Comparison.POSTFIX:
            continue
        if "/" not in text and "." not in text[:1]:
            message = f"{quote(text)} ends other names, too, such as /tmp/my{text}"
            yield _finding("W6045", message, match.span, f"write /{text}")


def _find_impossible(scene: Scene) -> Iterator[Finding]:
    for match, text, is_resolved in _values(scene):
        whole = match.comparison is Comparison.EQUAL
        if not text or not (whole or match.comparison is Comparison.PREFIX):
            continue
        # What is no file has no slash: pipe:[81], anon_inode:[eventpoll].
        if text[0] != "/" and ":" not in text and is_resolved:
            message = f"{quote(text)} is no absolute path: no file has it"
            yield _finding("W6047", message, match.span, "begin it with a slash")
        elif text[0] == "/" and (clean := _clean(text, whole=whole)) != text:
            message = (
                f"{quote(text)} is no path as the kernel writes it: no file has it"
            )
            yield _finding("W6047", message, match.span, f"write {clean}")


def _clean(text: str, *, whole: bool) -> str:
    """Write a path as the kernel does; the beginning of one may end with a slash."""
    clean = normpath(f"/{text.lstrip('/')}")
    is_folder = text.endswith("/") and clean != "/" and not whole
    return f"{clean}/" if is_folder else clean


PREFIXES = Check("tracing-prefix-without-slash", Needs.POLICY, _find_prefixes)
LINKS = Check("tracing-path-of-link", Needs.POLICY, _find_links)
POSTFIXES = Check("tracing-postfix-without-slash", Needs.POLICY, _find_postfixes)
IMPOSSIBLE = Check("tracing-path-of-nothing", Needs.POLICY, _find_impossible)

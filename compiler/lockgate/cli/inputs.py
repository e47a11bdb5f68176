"""The arguments of every verb that compiles: inputs, lock file, meaning, cache."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from lockgate.driver import Settings
    from lockgate.options import Options


def add_inputs(parser: argparse.ArgumentParser, *, are_required: bool = True) -> None:
    """Add the arguments."""
    add_file(
        parser,
        "file or directory of YAML or JSON, - for standard input",
        is_required=are_required,
    )
    parser.add_argument(
        "--lock", type=Path, metavar="FILE", help="keep identity numbers in this file"
    )
    parser.add_argument(
        "--locked",
        action="store_true",
        help="refuse to change the lock file (for continuous integration)",
    )
    add_meaning(parser)
    parser.add_argument(
        "--allow-unenforced",
        action="store_true",
        help="deny, with a warning, what needs L7 rules, DNS names or a proxy",
    )
    add_cache(parser)


def add_file(
    parser: argparse.ArgumentParser, meaning: str, *, is_required: bool = True
) -> None:
    """Add ``-f``."""
    parser.add_argument(
        "-f",
        "--file",
        action="append",
        required=is_required,
        default=[],
        metavar="PATH",
        dest="files",
        help=f"{meaning}; may be repeated",
    )


def add_meaning(parser: argparse.ArgumentParser) -> None:
    """Add what changes the meaning of policies."""
    parser.add_argument(
        "--semantics",
        choices=("kubernetes", "cilium"),
        default="kubernetes",
        help="each kind by its own specification, or as Cilium deviates from it",
    )
    parser.add_argument(
        "--enforcement-mode",
        choices=("default", "always", "never"),
        default="default",
        help="deny by default what a policy selects (default), always, or never",
    )
    parser.add_argument(
        "--audit",
        action="append",
        default=[],
        metavar="KIND/NAMESPACE/NAME",
        help="let what this policy denies pass, and report it",
    )
    parser.add_argument(
        "--cluster-name", default="default", metavar="NAME", help="default: default"
    )


def add_cache(parser: argparse.ArgumentParser) -> None:
    """Add where to remember what was read."""
    cache = parser.add_mutually_exclusive_group()
    cache.add_argument(
        "--cache", type=Path, metavar="DIR", help="default: lockgate in ~/.cache"
    )
    cache.add_argument("--no-cache", action="store_true", help="remember nothing")


def percentage(text: str) -> float:
    """Read an argument from 0 to 100; argparse tells of another."""
    number = float(text)
    if not 0 <= number <= 100:  # nor is it NaN
        raise ValueError(text)
    return number


def natural(text: str) -> int:
    """Read an argument that is 0 or more; argparse tells of another."""
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def read_options(arguments: argparse.Namespace) -> Options:
    """Return what changes the result.

    A verb that has no ``--allow-unenforced`` never asks anyone to enforce.
    """
    from lockgate.options import EnforcementMode, Options, Semantics

    return Options(
        semantics=Semantics(arguments.semantics),
        enforcement_mode=EnforcementMode(arguments.enforcement_mode),
        allow_unenforced=getattr(arguments, "allow_unenforced", True),
        audit=frozenset(arguments.audit),
        cluster_name=arguments.cluster_name,
    )


@contextmanager
def compile_settings(arguments: argparse.Namespace) -> Iterator[Settings]:
    """Give what does not change the result; progress is shown on a terminal meanwhile."""
    from lockgate.cli.targets import offered_targets
    from lockgate.cli.terminal import progress
    from lockgate.driver import Settings
    from lockgate.faults import Fault

    if arguments.locked and not arguments.lock:
        raise Fault(
            "E2203",
            "--locked needs the lock file that must not change",
            "add --lock FILE",
        )
    # A verb that has no --target wants no tracing programs.
    texts = getattr(arguments, "targets", None)
    cache = cache_folder(arguments)
    with progress() as tell, offered_targets(texts or (), cache) as targets:
        yield Settings(
            cache=cache,
            lock=arguments.lock,
            is_locked=arguments.locked,
            clang=getattr(arguments, "clang", None),
            targets=(lambda: ()) if texts is None else targets,
            progress=tell,
        )


def cache_folder(arguments: argparse.Namespace) -> Path | None:
    """Return the folder where documents are remembered; None for nowhere."""
    return None if arguments.no_cache else arguments.cache or _default_cache()


def _default_cache() -> Path | None:
    """Return the user's cache folder (XDG Base Directory); None where there is no home."""
    folder = os.environ.get("XDG_CACHE_HOME", "")
    if Path(folder).is_absolute():
        return Path(folder) / "lockgate"
    try:
        return Path.home() / ".cache" / "lockgate"
    except RuntimeError:
        return None

"""Recordings of the running kernel, kept for as long as they would come out the same.

To record it takes longer than to compile what changed.  A recording is of one boot, of the modules
that are loaded, and of what this process may do.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = "running"
_MOST = 4
"""Recordings that are kept: those used last."""
_PROC = Path("/proc")
_LOCKDOWN = Path("/sys/kernel/security/lockdown")
_PROCESS = re.compile(r"^(?:Uid|CapEff):.*$", re.MULTILINE)
_SWITCHES = ("kptr_restrict", "perf_event_paranoid", "unprivileged_bpf_disabled")


def kept_recording(cache: Path, record: Callable[[Path], None]) -> Path | None:
    """Return the folder of a recording that is still true, made by ``record`` where there is none.

    None where it cannot be told, or kept.
    """
    try:
        folder = cache / FOLDER / what_decides(_PROC)
        if not (folder / "target.json").exists():
            _make(folder, record)
        os.utime(folder)
    except OSError:
        return None
    return folder


def what_decides(proc: Path) -> str:
    """Return a name for all that a recording depends on; OSError where that cannot be read."""
    system = proc / "sys/kernel"
    # A kernel may be built without modules, lockdown or one of the switches.
    modules = sorted(" ".join(line.split()[:2]) for line in _lines(proc / "modules"))
    parts = [
        __version__,
        (system / "random/boot_id").read_text(),
        *modules,
        *_PROCESS.findall((proc / "self/status").read_text()),
        *(str(_lines(system / name)) for name in _SWITCHES),
        str(_lines(_LOCKDOWN)),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _make(folder: Path, record: Callable[[Path], None]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as temporary:
        new = Path(temporary) / "target"
        new.mkdir()
        record(new)
        with suppress(OSError):  # somebody else was first
            new.rename(folder)
    if not folder.exists():
        raise FileNotFoundError(folder)
    known = [one for one in folder.parent.iterdir() if not one.name.startswith(".")]
    for old in sorted(known, key=lambda one: one.stat().st_mtime)[:-_MOST]:
        shutil.rmtree(old, ignore_errors=True)

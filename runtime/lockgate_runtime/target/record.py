"""Write down a running kernel as a target: a folder that policies can be compiled for anywhere.

::

    target.json          release, machine, security modules, options, hooks and helpers
    btf/vmlinux.gz       types and functions, and of each module in a file of its own
    functions.gz         what ftrace can attach to, a line each
    symbols.gz           the names of the kernel's code
    tracepoints.json.gz  the fields of every tracepoint
    injection.gz         functions whose return may be replaced

The same kernel gives the same bytes, but for modules that are loaded or not.
"""

from __future__ import annotations

import gzip
import json
import os
from typing import TYPE_CHECKING, Any

from lockgate_runtime.environment import check_capabilities
from lockgate_runtime.target.facts import (
    read_error_injection,
    read_functions,
    read_options,
    read_security_modules,
    read_symbols,
    read_tracepoints,
    read_types,
)
from lockgate_runtime.target.hooks import try_helpers, try_hooks

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TARGET_VERSION = 1
"""Version of the folder's form; it rises when a file changes its meaning."""


def record(directory: Path) -> dict[str, Any]:
    """Write the running kernel into a folder; return what ``target.json`` says."""
    check_capabilities()
    types = read_types()
    functions, symbols = read_functions(), read_symbols()
    tracepoints = read_tracepoints()
    target = {
        "version": TARGET_VERSION,
        "release": os.uname().release,
        "machine": os.uname().machine,
        "security_modules": list(read_security_modules()),
        "options": read_options(),
        "hooks": try_hooks(),
        "helpers": try_helpers(),
        "modules": sorted(set(types) - {"vmlinux"}),
        "counts": {
            "functions": len(functions),
            "symbols": len(symbols),
            "tracepoints": len(tracepoints),
        },
    }
    (directory / "btf").mkdir(parents=True, exist_ok=True)
    for name, data in types.items():
        _write(directory / "btf" / f"{name}.gz", data)
    _write(directory / "functions.gz", _lines(functions))
    _write(directory / "symbols.gz", _lines(symbols))
    _write(directory / "injection.gz", _lines(read_error_injection()))
    text = json.dumps(tracepoints, separators=(",", ":"), sort_keys=True)
    _write(directory / "tracepoints.json.gz", text.encode())
    # Last: a folder without it is no target, so one that was cut short is not taken for one.
    whole = json.dumps(target, indent=2, sort_keys=True) + "\n"
    (directory / "target.json").write_text(whole)
    return target


def _lines(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(gzip.compress(data, compresslevel=6, mtime=0))

"""Where a site stands in a binary of this node: symbols, addresses and probes looked up in it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate_runtime.errors import NodeError
from lockgate_runtime.tracing.elf import Binary, ElfError, read_binary

if TYPE_CHECKING:
    from lockgate_runtime.tracing.sites import Site

_HASHES = ("sha1", "sha256", "sha384", "sha512")
_BUILD_ID = "build-id"


def is_at_several(site: Site) -> bool:
    """Whether a site stands at several places, or may (a probe's are not known yet)."""
    return site.stand == "usdt" or len(_places(site)) > 1


def _places(site: Site) -> tuple[object, ...]:
    return site.offsets or site.addresses or site.functions


def find_places(site: Site, path: str) -> list[tuple[int, int]]:
    """Return (offset, counter) of each place; E5146 where the binary does not have it."""
    counters = site.semaphores or (0,) * len(_places(site))
    if site.offsets:
        return list(zip(site.offsets, counters, strict=True))
    try:
        binary = Binary(read_binary(Path(path)))
        if site.stand == "usdt":
            return _probes(site, path, binary)
        if site.addresses:
            offsets = [binary.file_offset(address) for address in site.addresses]
        else:
            # A place may be written with its file, as in a report: ``/bin/bash:readline``.
            names = [name.removeprefix(f"{path}:") for name in site.functions]
            offsets = [binary.function(symbol) for symbol in names]
    except (ElfError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise _no_place(path, str(reason)) from None
    return list(zip(offsets, counters, strict=True))


def _probes(site: Site, path: str, binary: Binary) -> list[tuple[int, int]]:
    """Return the places of a probe where its arguments are where the program reads them."""
    wanted = {name.removeprefix(f"{path}:") for name in site.functions}
    known = [p for p in binary.probes() if f"{p.provider}:{p.name}" in wanted]
    if not known:
        raise _no_place(path, f"it has no probe {', '.join(sorted(wanted))}")
    found = [
        (probe.offset, probe.semaphore)
        for probe in known
        if not site.arguments or probe.arguments in site.arguments
    ]
    if not found:
        texts = ", ".join(sorted({repr(probe.arguments) for probe in known}))
        raise _no_place(path, f"its probe has arguments elsewhere, at {texts}")
    return found


def _no_place(path: str, reason: str) -> NodeError:
    return NodeError(
        "E5146",
        f"cannot attach to {path}: {reason}; nothing was changed",
        "install the binary that the policy was compiled for, or correct the policy",
    )


def fits_digest(site: Site, path: str) -> bool:
    """Whether a binary is one that the policy names, or it names none.

    E5150 where it is another, unless the policy says to leave such a binary alone.
    """
    if not site.digests:
        return True
    try:
        content = read_binary(Path(path))
        if any(_has_digest(content, text) for text in site.digests):
            return True
    except (ElfError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise _no_place(path, str(reason)) from None
    if site.is_skipped_on_digest:
        return False
    raise NodeError(
        "E5150",
        f"{path} has none of the digests that the policy names; nothing was changed",
        "install that binary, correct 'binaryDigests', or let 'ignore' pass over it: "
        "digestVerificationFailure",
    )


def _has_digest(content: bytes, text: str) -> bool:
    kind, _, wanted = text.partition(":")
    if kind == _BUILD_ID:
        return Binary(content).build_id() == wanted.lower()
    return kind in _HASHES and hashlib.new(kind, content).hexdigest() == wanted.lower()

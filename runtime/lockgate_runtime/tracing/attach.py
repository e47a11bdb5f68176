"""Attach the programs of a site: every way of the kernel, links that are pinned one by one.

Which way it is, the loaded program says by its type, and a site by its stand.  Nothing that is
attached acts before the slot names its place.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING
from zlib import crc32

from lockgate_runtime.kernel_constants import ProgramType
from lockgate_runtime.target.facts import mount_tracing
from lockgate_runtime.target.hooks import attaches_many_kprobes
from lockgate_runtime.tracing import probes
from lockgate_runtime.tracing.binaries import find_places, fits_digest, is_at_several

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate_runtime.bpf import Link, Program
    from lockgate_runtime.tracing.sites import Site

_UPROBE_MULTI_SINCE = (6, 6)


def uses_multi(site: Site) -> bool:
    """Whether one link attaches a site's program to all its places on this kernel."""
    if site.is_multi_disabled:
        return False
    if site.stand in ("kprobe", "kretprobe"):
        return attaches_many_kprobes()
    if site.stand in ("uprobe", "uretprobe", "usdt"):
        return is_at_several(site) and _has_uprobe_multi()
    return False


def is_newest_first(site: Site) -> bool:
    """Whether of two programs at a place the one that was attached last runs first.

    Trampolines (bpf_trampoline_link_prog), consumers of a uprobe, kprobes of one address and
    ftrace's operations (below KPROBE_MULTI) are lists that grow at their heads; probes of a
    tracepoint and programs of a perf event come one after the other.  Kernel functions return
    in the reverse order: what each probe wants to know then it has put on a stack at the entry.
    """
    return site.stand not in ("tracepoint", "raw_tracepoint", "kretprobe")


def way_number(site: Site) -> int:
    """Return a number that programs have in common which are attached in the same way."""
    return crc32(f"{site.stand} {uses_multi(site)}".encode())


def attach_site(site: Site, programs: list[Program]) -> Iterator[Link]:
    """Yield each link of a site as it is made; ``programs`` are its copies, in order.

    BpfError where the kernel refuses; E5146 where a binary has no such place.
    """
    for number, program in enumerate(programs):
        kind = program.info.type
        if kind in (ProgramType.TRACING, ProgramType.LSM):
            yield probes.attach_traced(program, _what(site, number))
        elif kind == ProgramType.RAW_TRACEPOINT:
            for function in site.functions:
                yield probes.attach_raw(program, function.rpartition("/")[2], function)
        elif kind == ProgramType.TRACEPOINT:
            mount_tracing()
            for function in site.functions:
                yield probes.attach_tracepoint(program, function)
        elif site.binary is None:
            yield from _attach_kprobes(site, program)
        else:
            yield from _attach_uprobes(site, site.binary, program)


def _what(site: Site, number: int) -> str:
    function = site.functions[number] if number < len(site.functions) else site.program
    return f"{site.stand} of {function}"


def _attach_kprobes(site: Site, program: Program) -> Iterator[Link]:
    is_return = site.stand == "kretprobe"
    if uses_multi(site):
        yield probes.attach_kprobes(program, site.functions, is_return=is_return)
        return
    for function in site.functions:
        yield probes.attach_kprobe(program, function, is_return=is_return)


def _attach_uprobes(site: Site, binary: str, program: Program) -> Iterator[Link]:
    # The section of such a program is "uprobe" for a usdt too: where it is "usdt", libbpf
    # since 1.3 makes it one for multi links only, whatever was set.
    is_return = site.stand == "uretprobe"
    if not fits_digest(site, binary):
        return
    places = find_places(site, binary)
    if uses_multi(site):
        yield probes.attach_uprobes(
            program,
            binary,
            [offset for offset, _ in places],
            is_return=is_return,
            counters=[counter for _, counter in places],
        )
        return
    for number, (offset, counter) in enumerate(places):
        yield probes.attach_uprobe(
            program,
            binary,
            offset,
            is_return=is_return,
            counter=counter,
            cookie=number,
        )


@cache
def _has_uprobe_multi() -> bool:
    major, minor = map(int, os.uname().release.split("-")[0].split(".")[:2])
    return (major, minor) >= _UPROBE_MULTI_SINCE

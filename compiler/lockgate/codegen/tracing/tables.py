"""Tables of a generation: what the maps of its sites hold, packed, and as text beside.

A changed value of a policy changes these and nothing else.  Each table is one map of one
object: its keys and values joined, little-endian, ready to be written in one batch.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from lockgate.codegen.tracing.automaton import build_automaton
from lockgate.codegen.tracing.intervals import collapse
from lockgate.codegen.tracing.masks import (
    allowed,
    everyone,
    mask_of,
    pack,
    used,
)
from lockgate.codegen.tracing.name_tables import name_tables
from lockgate.codegen.tracing.patterns import patterns_of
from lockgate.codegen.tracing.shape import is_signed, literals_of, table_kind, title
from lockgate.codegen.tracing.table import Table, spell_set
from lockgate.codegen.tracing.workloads import pack_row, workload_rows
from lockgate.ir.room import names_fit
from lockgate.ir.site import Facet
from lockgate.ir.tracing import Mode
from lockgate.ir.tracing_selectors import Comparison
from lockgate_runtime.tracing.layout import MODE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockgate.codegen.tracing.classes import Classes
    from lockgate.ir.site import Dimension, Generation, Site
    from lockgate.ir.workloads import WorkloadClasses


Network = IPv4Network | IPv6Network
_EVERY: dict[int, Network] = {4: IPv4Network((0, 0)), 6: IPv6Network((0, 0))}
"""By version the prefix that every address has."""


def site_tables(
    site: Site, classes: Classes, workloads: WorkloadClasses | None = None
) -> Iterator[Table]:
    """Yield the tables of one site."""
    for number, dimension in enumerate(site.dimensions):
        kind = table_kind(dimension)
        if kind in ("number", "namespace"):
            yield _numbers(number, dimension, site)
        elif kind == "bits":
            yield _bits(number, dimension, site)
        elif kind == "expression":
            yield _literals(number, dimension, site)
        elif kind == "binary":
            yield _binaries(number, dimension, site, classes)
        elif kind == "workload" and workloads is not None:
            yield _workloads(number, dimension, site, workloads)
        elif kind == "address":
            yield from _networks(number, dimension, site)
        elif kind == "text":
            yield from _texts(number, dimension, site)


def generation_tables(generation: Generation) -> Iterator[Table]:
    """Yield the tables that all sites share."""
    modes = [policy.mode is Mode.ENFORCE for policy in generation.policies]
    yield Table(
        "",
        "modes",
        len(modes),
        b"".join(struct.pack("<I", mode) * MODE_COLUMNS for mode in modes),
        text=tuple(
            f"{number} {policy.key}: {policy.mode.value}"
            for number, policy in enumerate(generation.policies)
        ),
    )


def _numbers(number: int, dimension: Dimension, site: Site) -> Table:
    signed = is_signed(dimension, site)
    found = collapse(
        dimension,
        len(site.selectors),
        is_signed=signed,
        is_raw=table_kind(dimension) == "namespace",
    )
    shift = 1 << 63 if signed else 0
    lines = [
        f"from {start - shift}: {spell_set(row)}"
        for start, row in zip(found.starts, found.rows, strict=True)
    ]
    return Table(
        site.name,
        f"numbers_{site.number}_{number}",
        1,
        found.pack_starts() + found.pack_rows(site.words),
        text=(title(dimension, site), *lines),
        form="entry",
    )


def _bits(number: int, dimension: Dimension, site: Site) -> Table:
    masks = []
    for test in dimension.tests:
        mask = 0
        for found in test.ranges:
            mask |= found.first & (1 << 64) - 1
        masks.append(mask)
    lines = [
        f"selector {test.selector}: {mask:#x}"
        for test, mask in zip(dimension.tests, masks, strict=True)
    ]
    return Table(
        site.name,
        f"bits_{site.number}_{number}",
        1,
        struct.pack(f"<{len(masks)}Q", *masks),
        text=(title(dimension, site), *lines),
        form="entry",
    )


def _literals(number: int, dimension: Dimension, site: Site) -> Table:
    found = literals_of(dimension) or [0]
    return Table(
        site.name,
        f"literals_{site.number}_{number}",
        1,
        struct.pack(f"<{len(found)}Q", *found),
        text=(title(dimension, site), *(f"{literal:#x}" for literal in found)),
        form="entry",
    )


def _binaries(number: int, dimension: Dimension, site: Site, classes: Classes) -> Table:
    everybody = everyone(len(site.selectors))
    rows, lines = [everybody & ~used(dimension)], ["unknown: nobody who asks"]
    for class_ in classes.known:
        matched = mask_of(
            test.selector
            for test in dimension.tests
            if class_.holds(test.comparison, test.texts)
        )
        rows.append(allowed(dimension, matched, everybody))
        lines.append(f"{class_.name}: {spell_set(rows[-1])}")
    return Table(
        site.name,
        f"binaries_{site.number}_{number}",
        len(rows),
        b"".join(pack(row, site.words) for row in rows),
        text=(title(dimension, site), *lines),
        form="class",
    )


def _workloads(
    number: int, dimension: Dimension, site: Site, classes: WorkloadClasses
) -> Table:
    rows = list(workload_rows(dimension, site, classes))
    lines = [
        f"{class_.name}: {spell_set(holds)}"
        + (f" (not known: {spell_set(guessed)})" if guessed else "")
        for class_, holds, guessed in rows
    ]
    return Table(
        site.name,
        f"workloads_{site.number}_{number}",
        len(rows),
        b"".join(pack_row(row, site.words) for row in rows),
        text=(title(dimension, site), *lines),
        form="class",
    )


def _networks(number: int, dimension: Dimension, site: Site) -> Iterator[Table]:
    """Yield the tries: each prefix with who asks for it or for one that it is in.

    IPv4 through a socket of IPv6 (``::ffff:192.0.2.1``) is IPv4: no program evades so.
    """
    asked = {test: tuple(_with_mapped(test.networks)) for test in dimension.tests}
    for version, bits in ((4, 32), (6, 128)):
        found: set[Network] = {
            network
            for networks in asked.values()
            for network in networks
            if network.version == version
        }
        found.add(_EVERY[version])
        keys, rows, lines = b"", b"", [title(dimension, site)]
        for network in sorted(found, key=_order):
            matched = mask_of(
                test.selector
                for test in dimension.tests
                if any(_is_inside(network, other) for other in asked[test])
            )
            row = allowed(dimension, matched, everyone(len(site.selectors)))
            keys += struct.pack("<II", 32 + network.prefixlen, 0)
            keys += network.network_address.packed[: bits // 8]
            rows += pack(row, site.words)
            lines.append(f"{_written(network)}: {spell_set(row)}")
        yield Table(
            site.name,
            f"networks_v{version}_{site.number}_{number}",
            len(found),
            rows,
            keys,
            tuple(lines),
            form="keys",
        )


_MAPPED, _MAPPED_BITS = 0xFFFF << 32, 96


def _with_mapped(networks: Iterable[Network]) -> Iterator[Network]:
    """Yield networks, and those of IPv4 again as sockets of IPv6 see them."""
    for network in networks:
        yield network
        if isinstance(network, IPv4Network):
            address = _MAPPED | int(network.network_address)
            yield IPv6Network((address, _MAPPED_BITS + network.prefixlen))


def _written(network: Network) -> str:
    """Write a network the same way by every Python: those differ about mapped addresses."""
    address = int(network.network_address)
    if network.version == 6 and address >> 32 == 0xFFFF:
        return f"::ffff:{IPv4Address(address & 0xFFFFFFFF)}/{network.prefixlen}"
    return str(network)


def _order(network: Network) -> tuple[int, int]:
    return int(network.network_address), network.prefixlen


def _is_inside(inner: Network, outer: Network) -> bool:
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)


def _texts(number: int, dimension: Dimension, site: Site) -> Iterator[Table]:
    patterns = patterns_of(dimension)
    automaton = build_automaton(
        patterns,
        ignores_case=any(
            test.comparison is Comparison.SUBSTRING_IGNORE_CASE
            for test in dimension.tests
        ),
    )
    outcomes = automaton.outcomes()
    words = site.words
    yield Table(
        site.name,
        f"states_{site.number}_{number}",
        len(automaton.steps),
        automaton.pack(outcomes, automaton.room()),
        text=(title(dimension, site), *_values(dimension)),
        form="rows",
    )
    yield Table(
        site.name,
        f"classes_{site.number}_{number}",
        1,
        automaton.classes,
        form="entry",
    )
    yield Table(
        site.name,
        f"found_{site.number}_{number}",
        len(outcomes),
        b"".join(pack(bits, words) for bits in outcomes),
        form="rows",
    )
    if dimension.facet is Facet.PATH and names_fit(site):
        yield from name_tables(number, dimension, site)


def _values(dimension: Dimension) -> Iterator[str]:
    for test in dimension.tests:
        word = ("Not" if test.is_negated else "") + test.comparison.value
        values = ", ".join(map(repr, test.texts))
        yield f"selector {test.selector}: {word} {values} ({test.span.place})"

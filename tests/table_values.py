"""Verdict tables made by hand and at random, for tests of what comes after the passes."""

from __future__ import annotations

from array import array
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from hypothesis import strategies as st

from lockgate.ir.cluster import Attachment
from lockgate.ir.labels import Label
from lockgate.ir.policy import Direction, Tier
from lockgate.ir.tables import (
    AddressEntry,
    Decision,
    EndpointEntry,
    HostEntry,
    Identity,
    Outcome,
    PeerEntry,
    PortAtoms,
    Rows,
    RuleEntry,
    Tables,
    VerdictTable,
)
from lockgate.source import Source, Span

AXIS_SIZES = (65536, 65536, 65536, 256, 256, 256)

WEB_POLICY = """\
kind: NetworkPolicy
metadata: {name: web}
spec: {ingress: [{ports: [{port: 80, endPort: 89}]}]}
"""


def span(text: str = "ingress") -> Span:
    """Return the place of ``text`` in the example policy."""
    start = WEB_POLICY.index(text)
    return Span(Source("policy.yaml", WEB_POLICY), start, start + len(text))


def table(
    direction: Direction, rows: list[int], intervals: list[int], cells: list[int]
) -> VerdictTable:
    """Build a verdict table from lists."""
    return VerdictTable(
        direction=direction,
        policies=("NetworkPolicy/default/web",),
        rows=Rows.of(rows),
        intervals=array("H", intervals),
        interval_count=max(intervals) + 1,
        cells=array("I", cells),
    )


def web_tables() -> Tables:
    """Two pods and the world; ``web`` takes TCP 80-89 from ``client`` and nothing else."""
    atoms = PortAtoms(((0, 80, 90), (0,), (0,), (0,), (0,), (0,)))  # 8 atoms
    rules = (
        RuleEntry(11, "no-policy/ingress", (), (), "no-policy"),
        RuleEntry(12, "no-policy/egress", (), (), "no-policy"),
        RuleEntry(
            77,
            "NetworkPolicy/default/web#spec.ingress[0]",
            ("NetworkPolicy/default/web",),
            (span(),),
            "allow",
        ),
        RuleEntry(
            88,
            "default-deny/ingress#NetworkPolicy/default/web",
            ("NetworkPolicy/default/web",),
            (span("spec"),),
            "default-deny",
        ),
    )
    decisions = (
        Decision(Outcome.ALLOW, 0, 0, (0,), ((Tier.NORMAL, 0),)),
        Decision(Outcome.ALLOW, 1, 0, (1,), ((Tier.NORMAL, 1),)),
        Decision(Outcome.ALLOW, 2, 0, (2,), ((Tier.NORMAL, 2),)),
        Decision(Outcome.DENY, 3, 0, (3,), ((Tier.NORMAL, 3),)),
    )
    addresses = tuple(
        AddressEntry.of(ip_network(network), peer)
        for network, peer in (
            ("0.0.0.0/0", 1),
            ("::/0", 1),
            ("10.0.0.1/32", 2),
            ("10.0.0.2/32", 3),
            ("fd00::2/128", 3),
            ("10.9.0.1/32", 4),
        )
    )
    return Tables(
        identities=(
            Identity(1, (Label("reserved", "host"),), "host"),
            Identity(2, (Label("reserved", "world"),), "world"),
            Identity(6, (Label("reserved", "remote-node"),), "remote-node"),
            Identity(300, (Label("k8s", "app", "web"),), "default/web"),
            Identity(301, (Label("k8s", "app", "client"),), "default/client"),
        ),
        peers=(
            PeerEntry(2, 0, 5, 5),
            PeerEntry(2, 0, 5, 5),
            PeerEntry(300, 1, 2, 2),
            PeerEntry(301, 2, 3, 3),
            PeerEntry(6, 0, 5, 5),
            PeerEntry(1, 0, 5, 5),
        ),
        class_count=3,
        addresses=addresses,
        atoms=atoms,
        tables=(
            table(Direction.INGRESS, [0, 0, 0], [0] * 8, [0]),
            table(Direction.EGRESS, [0, 0, 0], [0] * 8, [1]),
            table(Direction.INGRESS, [0, 0, 1], [0, 1, *[0] * 6], [3, 3, 3, 2]),
        ),
        decisions=decisions,
        rules=rules,
        endpoints=(
            EndpointEntry(
                "default",
                "client",
                "node-1",
                301,
                _addresses("10.0.0.2", "fd00::2"),
                0,
                1,
            ),
            EndpointEntry(
                "default",
                "web",
                None,
                300,
                _addresses("10.0.0.1"),
                2,
                1,
                Attachment(interface="lg-web"),
            ),
        ),
        hosts=(HostEntry("node-1", 1, _addresses("10.9.0.1"), 0, 1, True, False),),
    )


def _addresses(*texts: str) -> tuple[IPv4Address | IPv6Address, ...]:
    return tuple(map(ip_address, texts))


# ---------------------------------------------------------------- at random


@st.composite
def networks(draw: st.DrawFn) -> IPv4Network | IPv6Network:
    """Draw prefixes that often cover each other."""
    bits = draw(st.sampled_from([32, 128]))
    base = draw(st.sampled_from([0, 0x0A00, 0x0AFF, 0xC0A8])) << (bits - 16)
    address = base | draw(st.integers(0, (1 << 18) - 1)) << draw(
        st.sampled_from([0, bits - 18])
    )
    length = draw(st.integers(0, bits))
    address = address >> (bits - length) << (bits - length)
    return (
        IPv4Network((address, length)) if bits == 32 else IPv6Network((address, length))
    )


@st.composite
def port_atoms(draw: st.DrawFn) -> PortAtoms:
    """Draw a partition of ports, rather few atoms on each axis."""
    starts = []
    for size in AXIS_SIZES:
        near = st.sampled_from([1, 2, 79, 80, 81, 128, 254, 255])
        cuts = st.one_of(near, st.integers(1, size - 1))
        starts.append((0, *sorted(draw(st.sets(cuts, max_size=4)))))
    return PortAtoms(tuple(starts))


@st.composite
def verdict_tables(
    draw: st.DrawFn, class_count: int, atom_count: int, decision_count: int
) -> VerdictTable:
    """Draw a table whose rows and intervals all exist."""
    row_count = draw(st.integers(1, 3))
    interval_count = draw(st.integers(1, 3))

    def numbers(most: int, size: int) -> st.SearchStrategy[list[int]]:
        return st.lists(st.integers(0, most), min_size=size, max_size=size)

    return VerdictTable(
        draw(st.sampled_from(Direction)),
        (),
        Rows.of(draw(numbers(row_count - 1, class_count))),
        array("H", draw(numbers(interval_count - 1, atom_count))),
        interval_count,
        array("I", draw(numbers(decision_count - 1, row_count * interval_count))),
    )

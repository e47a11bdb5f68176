"""Every structure that the kernel programs share with Python, written once.

From each :class:`Structure` come its packing, the C header that the compiler renders
(``templates/lib/layout.h`` is generated text inside a bundle, never written by hand) and
a ``_Static_assert`` of its size.  All are little-endian with natural alignment, and padding
is written out as fields.  Addresses are 16 bytes in network order; IPv4 ones are mapped
(``::ffff:a.b.c.d``).  Ports are in host order unless said.

A change of a structure that outlives a generation (flow, slot, event) raises ``SCHEMA``.
"""

from __future__ import annotations

import struct

from lockgate_runtime.structure import Field, Structure

SCHEMA = 1
"""Version of all structures that outlive a generation; it is part of the pin path."""

ADDRESS_V4_PAGE = 256
"""Words in a page of the IPv4 table: one page per byte of the address, page 0 is the root."""

ADDRESS_V4_IS_PAGE = 1 << 31
"""Set in a word of the IPv4 table: the rest is the number of the next page, else a peer."""

PEER_PAGE = 64
"""Rows (u16) in a page of the peer table, indexed by identity class modulo this."""

PORT_PAGE = 256
"""Atoms (u16) in a page of the port table, indexed by the low byte of the port."""

IDENTITY_HOST = 1
"""Identity of the host itself, as in Cilium."""

IDENTITY_WORLD = 2
IDENTITY_WORLD_IPV6 = 10
"""Identities of what the cluster does not know, likewise."""

NO_POLICY_INGRESS = 0
NO_POLICY_EGRESS = 1
"""The two policies that are always there: no policy selects the endpoint."""

PORT_AXES = ("tcp", "udp", "sctp", "icmp", "icmpv6", "other")
"""Order of the axes in the port directory: 256 pages for each of the first three, one each
for the rest, so that the directory has 3 * 256 + 3 entries (u16 page numbers)."""

CHUNK = 256
"""Elements in one value of the maps ``intervals`` (u16), ``cells`` (u32), ``peer_directory``
(u32): an array map rounds each value up to 8 bytes, so small elements are packed."""

PEER = Structure(
    "peer",
    "What an address leads to.",
    (
        Field("identity", "u32", "identity number, for events and conntrack"),
        Field("identity_class", "u32", "index for verdict tables"),
        Field("host", "u32", "peer number where the address is the host's own"),
        Field("api_server_host", "u32", "the same on a host that runs the API server"),
    ),
)

POLICY = Structure(
    "policy",
    "A verdict table: where its parts begin.",
    (
        Field(
            "peer_directory", "u32", "first word in peer_directory, one per peer page"
        ),
        Field("intervals", "u32", "first element in intervals, one per port atom"),
        Field("cells", "u32", "first element in cells"),
        Field("interval_count", "u32", "cells per row"),
    ),
)

DECISION = Structure(
    "decision",
    "What a cell says.",
    (
        Field("rule", "u32", "stable number of the deciding rule"),
        Field("argument", "u16", "for a redirect the parser"),
        Field("outcome", "u8", "enum outcome"),
        Field("pad", "u8", ""),
    ),
)

INTERFACE = Structure(
    "interface",
    "One place in the direct-mapped table: index is ifindex & config.interface_mask.",
    (
        Field("ifindex", "u32", "0 where empty"),
        Field("endpoint", "u32", "index in endpoints"),
    ),
)

ENDPOINT = Structure(
    "endpoint",
    "An endpoint of this node; endpoints[0] is the host itself.",
    (
        Field("identity", "u32", "identity number"),
        Field("ingress_policy", "u32", "index in policies"),
        Field("egress_policy", "u32", "index in policies"),
        Field(
            "attachment", "u32", "stable on this node: ifindex, or 2^32 - 1 - cgroup id"
        ),
        Field("address_v4", "u32", "its address, network order; 0 is none"),
        Field("flags", "u32", "enum endpoint_flags"),
        Field("address_v6", "u8", "its address; :: is none", 16),
    ),
)

ENDPOINT_HAS_MORE_ADDRESSES = 1 << 0
ENDPOINT_ACCEPTS_ANY_SOURCE = 1 << 1
"""Flags of an endpoint.  More addresses than the two are in the map endpoint_addresses."""

ENDPOINT_ADDRESS = Structure(
    "endpoint_address",
    "Key of the hash endpoint_addresses: an address that an endpoint may send from.",
    (
        Field("address", "u8", "IPv6 or mapped IPv4", 16),
        Field("attachment", "u32", "the endpoint"),
    ),
)

FLOW_KEY = Structure(
    "flow_key",
    "A connection as one hook sees it, the same key for both directions.",
    (
        # ICMP queries: the identifier stands on the asking side, the type of the query
        # on the other, so that the memo of an echo admits no timestamp request.
        Field("local", "u8", "the endpoint's address", 16),
        Field("remote", "u8", "the other address", 16),
        Field(
            "local_port",
            "u16",
            "host order; for ICMP queries the identifier on the asking side",
        ),
        Field("remote_port", "u16", ""),
        Field("attachment", "u32", "the endpoint whose hook this is; 0 is the host"),
        Field("protocol", "u8", "IP protocol"),
        Field("hook", "u8", "0 in flows; in event_state the hook (enum hook) plus one"),
        Field("pad", "u16", ""),
    ),
)

FLOW = Structure(
    "flow",
    "Conntrack entry.  Only flows that were allowed (or audited) have one.",
    (
        Field("packets", "u64", "packets in the initiator's direction"),
        Field("bytes", "u64", "bytes in the initiator's direction"),
        Field("reply_packets", "u64", "packets in the other direction"),
        Field("reply_bytes", "u64", ""),
        Field("last_seen", "u32", "low 32 bits of jiffies"),
        Field("timeout", "u32", "jiffies after last_seen"),
        Field("generation", "u32", "generation whose decision is remembered"),
        Field("decision", "u32", "index in that generation's decisions"),
        Field("state", "u8", "enum flow_state"),
        Field("initiator", "u8", "enum direction of the first packet"),
        Field("tcp_flags", "u8", "all flags seen"),
        Field("flags", "u8", "FLOW_IS_CUT, ..."),
        Field("hook", "u8", "enum hook of the first packet"),
        Field("outcome", "u8", "enum outcome, as the decision says"),
        Field("pad", "u16", ""),
        Field("created", "u64", "boot time, ns"),
        Field("rule", "u32", "stable number of the deciding rule"),
        Field("local_identity", "u32", "identity of the endpoint at that time"),
        Field("peer_identity", "u32", "identity of the remote end at that time"),
        Field("mark", "u32", "room for a redirect's mark"),
        Field("translation", "u8", "room for a translated address and port", 24),
    ),
)

FLOW_IS_CUT = 1 << 0
FLOW_REMOTE_IS_HOST = 1 << 1
FLOW_IS_FORWARDED = 1 << 2
FLOW_INITIATOR_FIN = 1 << 3
FLOW_RESPONDER_FIN = 1 << 4
FLOW_IS_REPORTED = 1 << 5
"""Flags of a flow.  A cut flow is one whose last forward packet was denied: it stays, and its
replies are dropped too, so that a retransmission from the other end cannot open the
connection again in the other direction.  A forwarded flow has the host's address but was
not made by the host.  A reported flow has had its flow_end event."""

FRAGMENT_KEY = Structure(
    "fragment_key",
    "Key of fragments: what the fragments of one packet have in common.",
    (
        Field("source", "u8", "IPv6 or mapped IPv4", 16),
        Field("destination", "u8", "", 16),
        Field("identification", "u32", "as in the header, network order"),
        Field("attachment", "u32", "the endpoint whose hook this is; 0 is the host"),
        Field(
            "protocol", "u8", "IPv4: the protocol; IPv6: 0, only the first one tells"
        ),
        Field("direction", "u8", "enum direction: what was sent is not what came in"),
        Field("pad", "u16", ""),
    ),
)

FRAGMENT = Structure(
    "fragment",
    "What the first fragment said and later ones do not.",
    (
        Field("local_port", "u16", "as in flow_key"),
        Field("remote_port", "u16", "as in flow_key"),
        Field("seen", "u32", "low 32 bits of jiffies"),
        Field("protocol", "u8", "IP protocol"),
        Field("kind", "u8", "how conntrack takes it, enum packet_kind in parse.h"),
        Field("type", "u8", "ICMP type"),
        Field("code", "u8", "ICMP code"),
    ),
)

REPORT = Structure(
    "report",
    "Value of event_state: what was last said about packets that make no flow.",
    (
        Field("packets", "u64", "packets since the last event"),
        Field("bytes", "u64", ""),
        Field("reported", "u32", "low 32 bits of jiffies at the last event"),
        Field("pad", "u32", ""),
    ),
)

EVENT_BUDGET = Structure(
    "event_budget",
    "Per-CPU token bucket of the events.",
    (
        Field("tokens", "u32", "events that may be sent now"),
        Field("refilled", "u32", "low 32 bits of jiffies"),
        Field("lost", "u64", "events that were not sent, for ever"),
    ),
)

EVENT = Structure(
    "event",
    "Head of every record in the ring; a tail may follow for other kinds.",
    (
        Field("version", "u8", "EVENT_VERSION"),
        Field("kind", "u8", "enum event_kind"),
        Field("hook", "u8", "enum hook"),
        Field("direction", "u8", "enum direction, as seen from the endpoint"),
        Field("outcome", "u8", "enum outcome"),
        Field("reason", "u8", "enum reason"),
        Field("flow_state", "u8", "enum flow_state"),
        Field("tcp_flags", "u8", "of this packet"),
        Field("time", "u64", "boot time, ns"),
        Field("source", "u8", "source address of the packet", 16),
        Field("destination", "u8", "destination address of the packet", 16),
        Field("source_port", "u16", "host order; ICMP: type"),
        Field("destination_port", "u16", "host order; ICMP: code"),
        Field("protocol", "u8", "IP protocol"),
        Field("family", "u8", "4, 6, or 0 when no IP header was read"),
        Field("length_of_tail", "u16", "bytes after this head"),
        Field("source_identity", "u32", "0 is unknown"),
        Field("destination_identity", "u32", "0 is unknown"),
        Field("endpoint", "u32", "attachment of the judging endpoint; 0 is the host"),
        Field("interface", "u32", "ifindex"),
        Field("rule", "u32", "stable rule number; 0 is none"),
        Field("generation", "u32", ""),
        Field(
            "packets",
            "u64",
            "end of a flow: all of it; else those since the last event",
        ),
        Field("bytes", "u64", ""),
    ),
)
EVENT_VERSION = 1

CONFIG = Structure(
    "config",
    "Constants of one generation (.rodata), set by the runtime before loading.",
    (
        Field("generation", "u32", "unique on this node, rising"),
        Field("interface_mask", "u32", "size of interfaces minus one"),
        Field(
            "host_mark",
            "u32",
            "bit set on packets that came in through a hook, so that the host "
            "did not make them; 0 without host policies",
        ),
        Field("event_rate", "u32", "events a second and CPU; more are counted as lost"),
        Field("timeout_syn", "u32", "jiffies"),
        Field("timeout_established", "u32", "jiffies"),
        Field("timeout_closing", "u32", "jiffies"),
        Field("timeout_other", "u32", "jiffies, UDP and the rest, replied"),
        Field("timeout_new", "u32", "jiffies, UDP and the rest, no reply yet"),
        Field("jiffies_per_second", "u32", ""),
    ),
)

COUNTER = Structure(
    "counter",
    "Per-CPU counters of one decision.",
    (Field("packets", "u64", ""), Field("bytes", "u64", "")),
)

STRUCTURES = (
    PEER,
    POLICY,
    DECISION,
    INTERFACE,
    ENDPOINT,
    ENDPOINT_ADDRESS,
    FLOW_KEY,
    FLOW,
    FRAGMENT_KEY,
    FRAGMENT,
    REPORT,
    EVENT_BUDGET,
    EVENT,
    CONFIG,
    COUNTER,
)

ENUMERATIONS: dict[str, tuple[str, ...]] = {
    "direction": ("ingress", "egress"),
    "outcome": ("deny", "allow", "redirect", "audit", "authenticate"),
    "hook": (
        "from_endpoint",
        "to_endpoint",
        "from_network",
        "to_network",
        "cgroup_ingress",
        "cgroup_egress",
    ),
    "event_kind": ("verdict", "flow_end", "lost"),
    "flow_state": (
        "new",
        "syn",
        "established",
        "closing",
        "reply",
        "related",
        "untracked",
    ),
    "reason": (
        "policy",
        "no_policy",
        "established",
        "reply",
        "related",
        "exempt",
        "unenforced",
        "no_generation",
        "no_endpoint",
        "truncated",
        "bad_header",
        "bad_source",
        "spoofed_source",
        "fragment_without_head",
        "unknown_extension_header",
        "too_many_extension_headers",
        "unknown_protocol",
        "bad_neighbour_discovery",
        "conntrack_full",
        "no_state",
        "bad_length",
        "bad_transport_header",
        "bad_tcp_flags",
        "bad_fragment",
        "bad_destination",
        "cut",
    ),
}
"""Enumerations; a value is its place.  New values are added at the end."""


def value_of(enumeration: str, name: str) -> int:
    """Return the number of one enumeration value."""
    return ENUMERATIONS[enumeration].index(name)


# The slot: one u64 in a pinned array map, written at once.
# Bit 0 is the active place (0 or 1) in the program arrays; bits 1 to 61 are a deadline in
# nanoseconds of boot time, 0 for none.  After the deadline the other place is active.  Bit 62 is
# the place whose hooks were attached last, bit 63 whether they are being handed over; both
# concern tracing programs only.


def pack_slot(
    active: int, deadline: int = 0, newest: int = 0, *, is_handed_over: bool = False
) -> bytes:
    """Pack the slot: which of two places is active, until when (boot time, ns), and so on."""
    word = active | deadline << 1 | newest << 62 | is_handed_over << 63
    return struct.pack("<Q", word)


def unpack_slot(data: bytes) -> tuple[int, int, int, bool]:
    """Return (active, deadline, newest, is handed over)."""
    (word,) = struct.unpack("<Q", data)
    return word & 1, word >> 1 & (1 << 61) - 1, word >> 62 & 1, bool(word >> 63)

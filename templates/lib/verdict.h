/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tables: address to peer, port to atom, and the one cell that decides.  Every step is
 * a dense read, whatever the number of rules.
 */
#pragma once

#include "maps.h"
#include "packet.h"

struct verdict {
	u32 decision; /* index in decisions and counters */
	u32 rule; /* stable number of the deciding rule */
	u32 local_identity;
	u32 peer_identity;
	u8 outcome; /* enum outcome */
	u8 reason; /* enum reason */
	u8 flow_state; /* enum flow_state, for the event */
};

static __always_inline u32 peer_of_v4(u32 address)
{
	u32 page = 0;

	for (u32 level = 0; level < 4; level++) {
		const struct address_v4_page *words = bpf_map_lookup_elem(&addresses_v4, &page);
		u32 word;

		if (!words)
			return 0;
		word = words->words[(u8)address];
		if (!(word & ADDRESS_V4_IS_PAGE))
			return word;
		page = word & ~ADDRESS_V4_IS_PAGE;
		address >>= 8;
	}
	return 0;
}

static __always_inline u32 peer_of_v6(const u8 *address)
{
	struct prefix_v6 key = { .length = 128 };
	u32 *peer;

	__builtin_memcpy(&key.address, address, sizeof(key.address));
	peer = bpf_map_lookup_elem(&addresses_v6, &key.address);
#if FEATURE_PREFIXES_V6
	if (!peer)
		peer = bpf_map_lookup_elem(&prefixes_v6, &key);
#endif
	return peer ? *peer : 0;
}

/* The peer behind an address; peer 0 is what no prefix covers. */
static __always_inline const struct peer *find_peer(const u8 *address, u32 family)
{
	u32 index = family == 4 ? peer_of_v4(((const u32 *)address)[3]) : peer_of_v6(address);

	return bpf_map_lookup_elem(&peers, &index);
}

/* Which part of the port directory a packet is looked up in, and the low byte there. */
static __always_inline void port_axis(const struct packet *packet, u32 *axis, u8 *low)
{
	u16 port = destination_port(packet);

	*low = port;
	switch (packet->key.protocol) {
	case IPPROTO_TCP:
		*axis = PORT_AXIS_TCP + (port >> 8);
		return;
	case IPPROTO_UDP:
		*axis = PORT_AXIS_UDP + (port >> 8);
		return;
	case IPPROTO_SCTP:
		*axis = PORT_AXIS_SCTP + (port >> 8);
		return;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		/* ICMP of the other version of IP has no type; see is_icmp(). */
		if (is_icmp(packet)) {
			*axis = packet->family == 4 ? PORT_AXIS_ICMP : PORT_AXIS_ICMPV6;
			*low = packet->type;
			return;
		}
	}
	*axis = PORT_AXIS_OTHER;
	*low = packet->key.protocol;
}

/* The cell of one policy for one class and one atom; NULL where a table ends. */
static __always_inline const u32 *find_cell(u32 policy_index, u32 identity_class, u32 axis,
					    u8 low)
{
	const struct policy *policy = bpf_map_lookup_elem(&policies, &policy_index);
	const struct port_page *ports;
	const struct chunk_u32 *words;
	const struct chunk_u16 *halves;
	const struct peer_page *rows;
	u32 index, chunk, row, atom;

	if (!policy)
		return NULL;

	chunk = axis / PORT_PAGE;
	ports = bpf_map_lookup_elem(&port_directory, &chunk);
	if (!ports)
		return NULL;
	index = ports->elements[axis % PORT_PAGE];
	ports = bpf_map_lookup_elem(&port_pages, &index);
	if (!ports)
		return NULL;
	atom = ports->elements[low];

	index = policy->peer_directory + identity_class / PEER_PAGE;
	chunk = index / CHUNK;
	words = bpf_map_lookup_elem(&peer_directory, &chunk);
	if (!words)
		return NULL;
	index = words->elements[index % CHUNK];
	rows = bpf_map_lookup_elem(&peer_pages, &index);
	if (!rows)
		return NULL;
	row = rows->rows[identity_class % PEER_PAGE];

	index = policy->intervals + atom;
	chunk = index / CHUNK;
	halves = bpf_map_lookup_elem(&intervals, &chunk);
	if (!halves)
		return NULL;

	index = policy->cells + row * policy->interval_count +
		halves->elements[index % CHUNK];
	chunk = index / CHUNK;
	words = bpf_map_lookup_elem(&cells, &chunk);
	return words ? &words->elements[index % CHUNK] : NULL;
}

/*
 * What a policy says to a packet.  A hole in the tables denies; so does what would need
 * somebody to judge further, as nobody does.
 */
static __always_inline void look_up(const struct packet *packet, u32 policy_index,
				    const struct peer *peer, struct verdict *verdict)
{
	const struct decision *decision;
	const u32 *cell;
	u32 axis, index;
	u8 low;

	verdict->outcome = OUTCOME_DENY;
	verdict->reason = REASON_NO_STATE;
	port_axis(packet, &axis, &low);
	cell = find_cell(policy_index, peer->identity_class, axis, low);
	if (!cell)
		return;
	index = *cell;
	decision = bpf_map_lookup_elem(&decisions, &index);
	if (!decision)
		return;
	verdict->decision = index;
	verdict->rule = decision->rule;
	verdict->outcome = decision->outcome;
	verdict->reason = policy_index <= NO_POLICY_EGRESS ? REASON_NO_POLICY : REASON_POLICY;
#if FEATURE_UNENFORCED
	if (verdict->outcome == OUTCOME_REDIRECT || verdict->outcome == OUTCOME_AUTHENTICATE)
		verdict->reason = REASON_UNENFORCED;
#endif
}

/* Whether the packet passes: what is neither allowed nor audited does not. */
static __always_inline bool passes(const struct verdict *verdict)
{
	return verdict->outcome == OUTCOME_ALLOW ||
	       (FEATURE_AUDIT && verdict->outcome == OUTCOME_AUDIT);
}

static __always_inline void count(u32 decision, u32 length)
{
	struct counter *counter = bpf_map_lookup_elem(&counters, &decision);

	if (counter) {
		counter->packets++;
		counter->bytes += length;
	}
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the hooks have in common: who is judged, and whether a source may be used. */
#pragma once

#include "judge.h"
#include "parse.h"

/* The endpoint behind an attachment: one slot of a table without collisions. */
static __always_inline const struct endpoint *find_endpoint(u32 attachment)
{
	u32 index = attachment & config.interface_mask;
	const struct interface *interface = bpf_map_lookup_elem(&interfaces, &index);

	if (!interface || interface->ifindex != attachment)
		return NULL;
	index = interface->endpoint;
	return bpf_map_lookup_elem(&endpoints, &index);
}

static __always_inline const struct endpoint *find_host(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&endpoints, &zero);
}

/* fe80::/10, or groups of one link, ff02::/16. */
static __always_inline bool is_on_link(const u32 *address)
{
	return (address[0] & htonl(0xffc00000)) == htonl(0xfe800000) ||
	       (address[0] & htonl(0xffff0000)) == htonl(0xff020000);
}

/*
 * Neighbour discovery is no matter of policy as it stays on its link, where a hop limit of
 * 255 proves it.  But the host is a router: what an endpoint sends to an address of the world
 * it would forward, whatever it carries.  Neighbours within the cluster have hooks or hosts
 * that drop what was forwarded.
 */
__verified_alone int is_exempt(const struct packet *packet)
{
	const struct peer *peer;

	if (!packet)
		return false;
	if (packet->direction != DIRECTION_EGRESS || packet->family != 6 ||
	    packet->key.protocol != IPPROTO_ICMPV6 || packet->hop_limit != 255 ||
	    is_on_link((const u32 *)packet->key.remote))
		return true;
	peer = find_peer(packet->key.remote, packet->family);
	return peer && peer->identity != IDENTITY_WORLD &&
	       peer->identity != IDENTITY_WORLD_IPV6;
}

/* Addresses beyond the two that every endpoint has, and clients that ask for their first. */
__verified_alone int may_send_from(const struct packet *packet,
				   const struct endpoint *endpoint)
{
	const u32 *source;

	if (!packet || !endpoint)
		return false;
	source = (const u32 *)packet->key.local;
	if (endpoint->flags & ENDPOINT_ACCEPTS_ANY_SOURCE)
		return true;
	if (packet->family == 4 && !source[3])
		return is_dhcp(packet);
	if (packet->family == 6 && is_link_source(source) && is_dhcpv6(packet))
		return true;
#if FEATURE_MORE_ADDRESSES
	if (endpoint->flags & ENDPOINT_HAS_MORE_ADDRESSES) {
		struct endpoint_address key = { .attachment = endpoint->attachment };

		__builtin_memcpy(key.address, packet->key.local, sizeof(key.address));
		return bpf_map_lookup_elem(&endpoint_addresses, &key) != NULL;
	}
#endif
	return false;
}

/* An identity is an address, so nobody may borrow another's. */
static __always_inline bool is_own_source(const struct packet *packet,
					  const struct endpoint *endpoint)
{
	if (packet->family == 4) {
		u32 source = ((const u32 *)packet->key.local)[3];

		if (likely(source == endpoint->address_v4))
			return true;
	} else if (likely(is_same_address(packet->key.local, endpoint->address_v6))) {
		return true;
	}
	return may_send_from(packet, endpoint);
}

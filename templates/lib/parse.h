/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the frame to struct packet.  Each function returns 0 to go on, REASON_EXEMPT to let
 * the packet pass unjudged, or why it is dropped: what cannot be understood cannot be judged.
 */
#pragma once

#include "fragment.h"

/* No sane sender needs more; the kernel's own limit is 8 (IP6SKB, net/ipv6/exthdrs.c). */
enum { MAX_EXTENSION_HEADERS = 8 };

/* Each has at least one byte. */
enum { MAX_IPV4_OPTIONS = 40 };

/* A client asking for its first address (RFC 2131, 4.1). */
static __always_inline bool is_dhcp(const struct packet *packet)
{
	return packet->key.protocol == IPPROTO_UDP && source_port(packet) == 68 &&
	       destination_port(packet) == 67;
}

/* The same over IPv6, from a link-local address (RFC 8415, 7.2). */
static __always_inline bool is_dhcpv6(const struct packet *packet)
{
	return packet->key.protocol == IPPROTO_UDP && source_port(packet) == 546 &&
	       destination_port(packet) == 547;
}

/*
 * A source route hides where the packet really goes (RFC 7126, 4.3 and 4.4), and an option
 * that runs past the header could hide it.
 */
__verified_alone u32 parse_ipv4_options(struct __sk_buff *skb, const struct packet *packet)
{
	u32 at;

	if (!packet)
		return REASON_BAD_HEADER;
	at = packet->network + sizeof(struct iphdr);
	for (u32 i = 0; i < MAX_IPV4_OPTIONS; i++) {
		u8 option[2] = {};

		if (at >= packet->transport)
			return 0;
		if (bpf_skb_load_bytes(skb, at, option, 1))
			return REASON_TRUNCATED;
		switch (option[0]) {
		case IP_OPTION_END:
			return 0;
		case IP_OPTION_NOOP:
			at++;
			continue;
		case IP_OPTION_LSRR:
		case IP_OPTION_SSRR:
			return REASON_BAD_HEADER;
		}
		if (bpf_skb_load_bytes(skb, at, option, 2))
			return REASON_TRUNCATED;
		at += option[1];
		if (option[1] < 2 || at > packet->transport)
			return REASON_BAD_HEADER;
	}
	return 0;
}

static __always_inline u32 parse_ipv4(struct __sk_buff *skb, struct packet *packet)
{
	struct iphdr buffer, *ip = header(skb, packet->network, &buffer, sizeof(*ip));
	u32 room = packet->length - packet->network;
	u32 size, total, source, destination;
	u16 fragment;

	if (unlikely(!ip))
		return REASON_TRUNCATED;
	size = (ip->version_ihl & 15) << 2;
	if (unlikely(ip->version_ihl >> 4 != 4 || size < sizeof(*ip)))
		return REASON_BAD_HEADER;
	total = ntohs(ip->total_length);
	/* A packet that offload merged may be too large for the field. */
	if (unlikely(!total && skb->gso_size))
		total = room;
	if (unlikely(total < size))
		return REASON_BAD_LENGTH;
	if (unlikely(total > room))
		return REASON_TRUNCATED;
	packet->family = 4;
	packet->hop_limit = ip->ttl;
	packet->identification = ip->identification;
	packet->key.protocol = ip->protocol;
	packet->transport = packet->network + size;
	packet->payload = total - size;
	fragment = ntohs(ip->fragment) & (IP_MORE_FRAGMENTS | IP_OFFSET);
	source = ip->source;
	destination = ip->destination;
	set_address_v4(source_address(packet), source);
	set_address_v4(destination_address(packet), destination);
	if (!is_cgroup(packet)) {
		u8 first = source;

		/* 240.0.0.0/4 was reserved once; some clouds number pods from it. */
		if (unlikely((first & 0xf0) == 224 || source == IPV4_BROADCAST ||
			     first == 127 || (!first && source)))
			return REASON_BAD_SOURCE;
		first = destination;
		if (unlikely(!first || first == 127))
			return REASON_BAD_DESTINATION;
	}
	if (unlikely(size > sizeof(*ip))) {
		u32 reason = parse_ipv4_options(skb, packet);

		if (reason)
			return reason;
	}
	if (unlikely(fragment))
		return parse_fragment(skb, packet, (fragment & IP_OFFSET) << 3);
	return parse_transport(skb, packet);
}

/*
 * Walk to the transport header.  Returns 0 with key.protocol, transport and payload set, and
 * in *fragment the offset and flag of the fragment header, if there is one.
 */
__verified_alone u32 skip_extension_headers(struct __sk_buff *skb, struct packet *packet,
					    u32 *fragment)
{
	if (!packet || !fragment)
		return REASON_BAD_HEADER;
	for (u32 i = 0; i < MAX_EXTENSION_HEADERS; i++) {
		union {
			struct ipv6_extension extension;
			struct ipv6_fragment fragment;
		} next;
		u32 size;

		switch (packet->key.protocol) {
		case IPPROTO_HOPOPTS:
			/* Only directly after the IPv6 header (RFC 8200, 4.1). */
			if (i)
				return REASON_UNKNOWN_EXTENSION_HEADER;
			break;
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
		case IPPROTO_FRAGMENT:
		case IPPROTO_AH:
			break;
		case IPPROTO_MOBILITY:
		case IPPROTO_HIP:
		case IPPROTO_SHIM6:
		case IPPROTO_EXPERIMENT_1:
		case IPPROTO_EXPERIMENT_2:
			return REASON_UNKNOWN_EXTENSION_HEADER;
		default:
			return 0;
		}
		if (bpf_skb_load_bytes(skb, packet->transport, &next, sizeof(next)))
			return REASON_TRUNCATED;
		size = (next.extension.length + 1) << 3;
		if (packet->key.protocol == IPPROTO_FRAGMENT) {
			size = sizeof(next.fragment);
			*fragment = ntohs(next.fragment.offset);
			packet->identification = next.fragment.identification;
		} else if (packet->key.protocol == IPPROTO_AH) {
			size = (next.extension.length + 2) << 2;
		} else if (packet->key.protocol == IPPROTO_ROUTING &&
			   next.extension.segments_left) {
			/* The destination is not the last one (RFC 8200, 4.4; RFC 5095). */
			return REASON_UNKNOWN_EXTENSION_HEADER;
		}
		if (size > packet->payload)
			return REASON_BAD_LENGTH;
		packet->key.protocol = next.extension.next_header;
		packet->transport += size;
		packet->payload -= size;
		/* What follows in a later fragment is not a header. */
		if (*fragment & IPV6_OFFSET)
			return 0;
	}
	return REASON_TOO_MANY_EXTENSION_HEADERS;
}

static __always_inline bool is_extension_header(u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_ICMPV6:
		return false;
	}
	return true;
}

static __always_inline u32 check_addresses_v6(const struct packet *packet, const u32 *source,
					      const u32 *destination)
{
	/* An IPv4 address in IPv6's clothes would be taken for it (RFC 4942, 2.2). */
	if (unlikely(!(source[0] | source[1]))) {
		if (is_mapped(source))
			return REASON_BAD_SOURCE;
		/* ::1 and what is reserved; from :: only what is exempt, see parse_ipv6(). */
		if (!is_cgroup(packet) && (source[2] | source[3]))
			return REASON_BAD_SOURCE;
	}
	if (unlikely(!(destination[0] | destination[1]))) {
		if (is_mapped(destination) || !is_cgroup(packet))
			return REASON_BAD_DESTINATION;
	}
	if (unlikely((u8)source[0] == 0xff))
		return REASON_BAD_SOURCE;
	return 0;
}

static __always_inline u32 parse_ipv6(struct __sk_buff *skb, struct packet *packet)
{
	struct ipv6hdr buffer, *ip = header(skb, packet->network, &buffer, sizeof(*ip));
	u32 room = packet->length - packet->network - sizeof(*ip);
	u32 reason, fragment = 0;

	if (unlikely(!ip))
		return REASON_TRUNCATED;
	if (unlikely(ip->version_class >> 4 != 6))
		return REASON_BAD_HEADER;
	packet->payload = ntohs(ip->payload_length);
	/* A packet that offload merged may be too large for the field. */
	if (unlikely(!packet->payload && skb->gso_size))
		packet->payload = room;
	if (unlikely(packet->payload > room))
		return REASON_TRUNCATED;
	packet->family = 6;
	packet->hop_limit = ip->hop_limit;
	packet->key.protocol = ip->next_header;
	packet->transport = packet->network + sizeof(*ip);
	set_address_v6(source_address(packet), ip->source);
	set_address_v6(destination_address(packet), ip->destination);
	reason = check_addresses_v6(packet, ip->source, ip->destination);
	if (unlikely(reason))
		return reason;
	if (unlikely(is_extension_header(packet->key.protocol))) {
		reason = skip_extension_headers(skb, packet, &fragment);
		if (reason)
			return reason;
	}
	if (unlikely(fragment & (IPV6_MORE_FRAGMENTS | IPV6_OFFSET)))
		return parse_fragment(skb, packet, fragment & IPV6_OFFSET);
	return parse_transport(skb, packet);
}

/* From no address only a client may speak that asks for one. */
static __always_inline u32 check_unspecified(struct packet *packet)
{
	const u32 *source = (const u32 *)source_address(packet);

	if (likely(source[3]) || is_cgroup(packet))
		return 0;
	if (packet->family == 4)
		return is_dhcp(packet) ? 0 : REASON_BAD_SOURCE;
	return source[0] | source[1] | source[2] ? 0 : REASON_BAD_SOURCE;
}

static __always_inline u32 parse_network(struct __sk_buff *skb, struct packet *packet,
					 u16 protocol)
{
	u32 reason;

	if (likely(protocol == htons(ETH_P_IP)))
		reason = parse_ipv4(skb, packet);
	else if (protocol == htons(ETH_P_IPV6))
		reason = parse_ipv6(skb, packet);
	else if (protocol == htons(ETH_P_ARP))
		return REASON_EXEMPT;
	else
		return REASON_UNKNOWN_PROTOCOL;
	return likely(!reason) ? check_unspecified(packet) : reason;
}

static __always_inline bool is_vlan(u16 protocol)
{
	return protocol == htons(ETH_P_8021Q) || protocol == htons(ETH_P_8021AD);
}

/* Find the network header.  Tags say nothing about who may talk to whom: two are passed over. */
static __always_inline u32 parse_ethernet(struct __sk_buff *skb, struct packet *packet,
					  u16 *type)
{
	struct ethhdr buffer, *ethernet = header(skb, 0, &buffer, sizeof(*ethernet));
	u16 protocol;

	if (unlikely(!ethernet))
		return REASON_TRUNCATED;
	protocol = ethernet->protocol;
	packet->network = sizeof(*ethernet);
	if (unlikely(is_vlan(protocol))) {
		struct vlanhdr tags[2], *tag = header(skb, packet->network, tags, sizeof(*tag));

		if (!tag)
			return REASON_TRUNCATED;
		protocol = tag->protocol;
		packet->network += sizeof(*tag);
		if (is_vlan(protocol)) {
			tag = header(skb, packet->network, tags, sizeof(*tag));
			if (!tag)
				return REASON_TRUNCATED;
			protocol = tag->protocol;
			packet->network += sizeof(*tag);
		}
	}
	*type = protocol;
	return 0;
}

/* A packet of a tc hook. */
static __always_inline u32 parse_frame(struct __sk_buff *skb, struct packet *packet)
{
	u16 protocol;
	u32 reason;

	if (unlikely(skb->cb[0] == LINK_NONE)) {
		protocol = skb->protocol;
		/* There are no neighbours to resolve. */
		if (protocol == htons(ETH_P_ARP))
			return REASON_UNKNOWN_PROTOCOL;
	} else {
		reason = parse_ethernet(skb, packet, &protocol);
		if (unlikely(reason))
			return reason;
	}
	return parse_network(skb, packet, protocol);
}

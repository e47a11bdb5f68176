/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP errors carry the head of the packet that caused them.  When that packet belongs to a
 * flow of the same endpoint, the error is related to it and passes as a reply does.
 */
#pragma once

#include "conntrack.h"
#include "parse.h"

/* The first bytes of every transport header that has ports, and of an ICMP query. */
struct embedded_transport {
	u16 source;
	u16 destination;
	u16 identifier;
	u16 sequence;
};

/* The embedded packet went the other way: its source is who receives the error. */
static __always_inline void set_embedded_ports(struct packet *inner,
					       const struct embedded_transport *transport)
{
	u8 type = transport->source;

	switch (inner->key.protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		set_ports(inner, ntohs(transport->source), ntohs(transport->destination));
		return;
	case IPPROTO_ICMP:
		if (type == ICMP_ECHO || type == ICMP_TIMESTAMP)
			set_ports(inner, ntohs(transport->identifier), type);
		else if (type == ICMP_ECHO_REPLY || type == ICMP_TIMESTAMP_REPLY)
			set_ports(inner, type == ICMP_ECHO_REPLY ? ICMP_ECHO : ICMP_TIMESTAMP,
				  ntohs(transport->identifier));
		return;
	case IPPROTO_ICMPV6:
		if (type == ICMPV6_ECHO)
			set_ports(inner, ntohs(transport->identifier), type);
		else if (type == ICMPV6_ECHO_REPLY)
			set_ports(inner, ICMPV6_ECHO, ntohs(transport->identifier));
	}
}

static __always_inline bool read_embedded_v4(struct __sk_buff *skb, const struct packet *packet,
					     struct packet *inner)
{
	u32 at = packet->transport + sizeof(struct icmphdr);
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)))
		return false;
	/* A later fragment has no ports to find the flow by. */
	if (ip.version_ihl >> 4 != 4 || (ip.version_ihl & 15) < 5 ||
	    ip.fragment & htons(IP_OFFSET))
		return false;
	inner->key.protocol = ip.protocol;
	inner->transport = at + ((ip.version_ihl & 15) << 2);
	set_address_v4(source_address(inner), ip.source);
	set_address_v4(destination_address(inner), ip.destination);
	return true;
}

static __always_inline bool read_embedded_v6(struct __sk_buff *skb, const struct packet *packet,
					     struct packet *inner)
{
	u32 at = packet->transport + sizeof(struct icmphdr);
	u32 end = packet->transport + packet->payload;
	u32 fragment = 0;
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)))
		return false;
	inner->transport = at + sizeof(ip);
	if (ip.version_class >> 4 != 6 || inner->transport > end)
		return false;
	/* The error holds only the head of the packet, whatever length that had. */
	inner->payload = end - inner->transport;
	inner->key.protocol = ip.next_header;
	set_address_v6(source_address(inner), ip.source);
	set_address_v6(destination_address(inner), ip.destination);
	if (is_extension_header(ip.next_header) &&
	    skip_extension_headers(skb, inner, &fragment))
		return false;
	/* A later fragment has no ports to find the flow by. */
	return !(fragment & IPV6_OFFSET);
}

/* Whether the error belongs to a living flow. */
__verified_alone int is_related(struct __sk_buff *skb, const struct packet *packet)
{
	struct packet inner = {};
	struct embedded_transport transport;
	struct flow *flow;
	bool is_new;
	u32 end;

	if (!packet)
		return false;
	inner.key.attachment = packet->key.attachment;
	inner.direction = opposite(packet->direction);
	if (packet->family == 4 ? !read_embedded_v4(skb, packet, &inner) :
				  !read_embedded_v6(skb, packet, &inner))
		return false;
	/* Bytes behind the IP packet are no part of the error. */
	end = packet->transport + packet->payload;
	if (inner.transport + sizeof(transport) > end)
		return false;
	if (bpf_skb_load_bytes(skb, inner.transport, &transport, sizeof(transport)))
		return false;
	/* Who receives the error must have sent what it is about. */
	if (!is_same_address(inner.key.local, packet->key.local))
		return false;
	/* Routers send errors, too, but an endpoint is none: it tells the sender only. */
	if (packet->direction == DIRECTION_EGRESS &&
	    !is_same_address(inner.key.remote, packet->key.remote))
		return false;
	set_embedded_ports(&inner, &transport);
	flow = find_flow(&inner.key, &is_new);
	return flow && !(flow->flags & FLOW_IS_CUT);
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The transport header: ports, flags, types.  Each function returns 0 to go on,
 * REASON_EXEMPT to let the packet pass unjudged, or why it is dropped.
 */
#pragma once

#include "packet.h"

static __always_inline bool has_absurd_flags(u8 flags)
{
	if (flags & TCP_SYN)
		return flags & (TCP_FIN | TCP_RST);
	if (flags & TCP_RST)
		return flags & TCP_FIN;
	return !(flags & TCP_ACK);
}

static __always_inline u32 parse_tcp(struct __sk_buff *skb, struct packet *packet)
{
	struct tcphdr buffer, *tcp = header(skb, packet->transport, &buffer, sizeof(*tcp));
	u32 size;

	if (unlikely(!tcp))
		return REASON_TRUNCATED;
	size = tcp->offset >> 4 << 2;
	if (unlikely(size < sizeof(*tcp) || size > packet->payload))
		return packet->is_fragment ? REASON_BAD_FRAGMENT :
					     REASON_BAD_TRANSPORT_HEADER;
	packet->tcp_flags = tcp->flags;
	if (unlikely(has_absurd_flags(packet->tcp_flags)))
		return REASON_BAD_TCP_FLAGS;
	set_ports(packet, ntohs(tcp->source), ntohs(tcp->destination));
	return 0;
}

static __always_inline u32 parse_udp(struct __sk_buff *skb, struct packet *packet)
{
	struct udphdr buffer, *udp = header(skb, packet->transport, &buffer, sizeof(*udp));
	u32 length;

	if (unlikely(!udp))
		return REASON_TRUNCATED;
	length = ntohs(udp->length);
	if (unlikely(packet->payload < sizeof(*udp)))
		return packet->is_fragment ? REASON_BAD_FRAGMENT :
					     REASON_BAD_TRANSPORT_HEADER;
	if (unlikely(length < sizeof(*udp) ||
		     (length > packet->payload && !packet->is_fragment)))
		return REASON_BAD_TRANSPORT_HEADER;
	set_ports(packet, ntohs(udp->source), ntohs(udp->destination));
	return 0;
}

/* The first chunk says as much about an association as TCP's flags about a connection. */
static __always_inline u8 sctp_flags(u8 chunk)
{
	switch (chunk) {
	case SCTP_INIT:
		return TCP_SYN;
	case SCTP_INIT_ACK:
		return TCP_SYN | TCP_ACK;
	case SCTP_ABORT:
		return TCP_RST;
	case SCTP_SHUTDOWN:
	case SCTP_SHUTDOWN_ACK:
	case SCTP_SHUTDOWN_COMPLETE:
		return TCP_FIN | TCP_ACK;
	}
	return TCP_ACK;
}

static __always_inline u32 parse_sctp(struct __sk_buff *skb, struct packet *packet)
{
	struct sctphdr buffer, *sctp = header(skb, packet->transport, &buffer, sizeof(*sctp));

	if (packet->payload < sizeof(*sctp))
		return packet->is_fragment ? REASON_BAD_FRAGMENT :
					     REASON_BAD_TRANSPORT_HEADER;
	if (!sctp)
		return REASON_TRUNCATED;
	packet->tcp_flags = sctp_flags(sctp->chunk);
	set_ports(packet, ntohs(sctp->source), ntohs(sctp->destination));
	return 0;
}

/* A query and its replies share the identifier, which is the port of who asks. */
static __always_inline void set_query(struct packet *packet, u8 query, u16 identifier,
				      bool is_query)
{
	if (is_query) {
		packet->kind = PACKET_FLOW;
		set_ports(packet, identifier, query);
	} else {
		packet->kind = PACKET_ANSWER;
		set_ports(packet, query, identifier);
	}
}

static __always_inline u32 classify_icmp(struct packet *packet, u16 identifier)
{
	switch (packet->type) {
	case ICMP_ECHO:
	case ICMP_TIMESTAMP:
		set_query(packet, packet->type, identifier, true);
		return 0;
	case ICMP_ECHO_REPLY:
		set_query(packet, ICMP_ECHO, identifier, false);
		return 0;
	case ICMP_TIMESTAMP_REPLY:
		set_query(packet, ICMP_TIMESTAMP, identifier, false);
		return 0;
	case ICMP_UNREACHABLE:
	case ICMP_SOURCE_QUENCH:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETER_PROBLEM:
		packet->kind = PACKET_ERROR;
		break;
	default:
		packet->kind = PACKET_SINGLE;
	}
	set_ports(packet, packet->type, packet->code);
	return 0;
}

/* fe80::/10, or no address yet. */
static __always_inline bool is_link_source(const u32 *address)
{
	if ((address[0] & htonl(0xffc00000)) == htonl(0xfe800000))
		return true;
	return !(address[0] | address[1] | address[2] | address[3]);
}

static __always_inline u32 classify_icmpv6(struct packet *packet, u16 identifier)
{
	switch (packet->type) {
	case ICMPV6_ECHO:
		set_query(packet, ICMPV6_ECHO, identifier, true);
		return 0;
	case ICMPV6_ECHO_REPLY:
		set_query(packet, ICMPV6_ECHO, identifier, false);
		return 0;
	/*
	 * A hop limit of 255 shows that no router forwarded it (RFC 4861, 6.1 and 7.1); it is
	 * never fragmented (RFC 6980).
	 */
	case ICMPV6_ROUTER_SOLICITATION ... ICMPV6_REDIRECT:
		if (packet->hop_limit != 255 || packet->code || packet->is_fragment)
			return REASON_BAD_NEIGHBOUR_DISCOVERY;
		packet->kind = PACKET_SINGLE;
		set_ports(packet, packet->type, packet->code);
		return REASON_EXEMPT;
	/* Multicast listeners speak on their link only (RFC 3810, 5). */
	case ICMPV6_MLD_QUERY ... ICMPV6_MLD_DONE:
	case ICMPV6_MLD2_REPORT:
		if (packet->hop_limit == 1 && !packet->is_fragment &&
		    is_link_source((const u32 *)source_address(packet)))
			return REASON_EXEMPT;
		packet->kind = PACKET_SINGLE;
		break;
	case ICMPV6_UNREACHABLE ... ICMPV6_PARAMETER_PROBLEM:
		packet->kind = PACKET_ERROR;
		break;
	default:
		packet->kind = PACKET_SINGLE;
	}
	set_ports(packet, packet->type, packet->code);
	return 0;
}

static __always_inline u32 parse_icmp(struct __sk_buff *skb, struct packet *packet)
{
	struct icmphdr buffer, *icmp = header(skb, packet->transport, &buffer, sizeof(*icmp));

	if (packet->payload < sizeof(*icmp))
		return packet->is_fragment ? REASON_BAD_FRAGMENT :
					     REASON_BAD_TRANSPORT_HEADER;
	if (!icmp)
		return REASON_TRUNCATED;
	packet->type = icmp->type;
	packet->code = icmp->code;
	if (packet->key.protocol == IPPROTO_ICMP)
		return classify_icmp(packet, ntohs(icmp->identifier));
	return classify_icmpv6(packet, ntohs(icmp->identifier));
}

/* Everything but TCP and UDP; a call of its own, to keep the usual way short. */
__verified_alone u32 parse_other(struct __sk_buff *skb, struct packet *packet)
{
	if (!packet)
		return REASON_BAD_HEADER;
	if (is_icmp(packet))
		return parse_icmp(skb, packet);
	if (packet->key.protocol == IPPROTO_SCTP)
		return parse_sctp(skb, packet);
	/* IGMP is link-local signalling: to a group, one hop (RFC 3376, 4). */
	if (packet->family == 4 && packet->key.protocol == IPPROTO_IGMP &&
	    packet->hop_limit == 1 && destination_address(packet)[12] >> 4 == 14)
		return REASON_EXEMPT;
	return 0;
}

static __always_inline u32 parse_transport(struct __sk_buff *skb, struct packet *packet)
{
	if (likely(packet->key.protocol == IPPROTO_TCP))
		return parse_tcp(skb, packet);
	if (packet->key.protocol == IPPROTO_UDP)
		return parse_udp(skb, packet);
	return parse_other(skb, packet);
}

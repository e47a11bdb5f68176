/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a hook knows of a packet, and how the parser reads it. */
#pragma once

#include "layout.h"
#include "net.h"

/* How conntrack takes a packet. */
enum packet_kind {
	PACKET_FLOW, /* opens a flow, or belongs to one */
	PACKET_ANSWER, /* an ICMP reply: belongs to a flow, never opens one */
	PACKET_ERROR, /* an ICMP error: may be related to a flow */
	PACKET_SINGLE, /* judged on its own, like a redirect or a router advertisement */
};

struct packet {
	struct flow_key key;
	u32 length; /* bytes of the frame */
	u32 identification; /* of a fragment, network order */
	u32 network; /* offset of the IP header */
	u32 transport; /* offset of the transport header */
	u32 payload; /* bytes from the transport header to the end of the IP packet */
	u8 hook; /* enum hook */
	u8 direction; /* enum direction, as the judged endpoint sees it */
	u8 family; /* 4, 6, or 0 when no IP header was read */
	u8 kind; /* enum packet_kind */
	u8 tcp_flags; /* SCTP chunks are translated to these */
	u8 type; /* of ICMP */
	u8 code; /* of ICMP */
	u8 hop_limit;
	bool is_fragment; /* a first fragment: more of the packet follows elsewhere */
	bool is_forwarded; /* has the host's address, but the host did not make it */
};

/* Where no header can begin: two tags, IPv6, and the longest extension headers. */
enum { MAX_HEADER_OFFSET = 0x4fff };

/*
 * Point at a header.  The usual case is the linear part of the packet; what lies beyond
 * it is copied to the caller's buffer.  NULL when the packet ends before.
 */
static __always_inline void *header(struct __sk_buff *skb, u32 offset, void *buffer,
				    u32 size)
{
	void *data = (void *)(u64)skb->data;
	void *end = (void *)(u64)skb->data_end;

	if (unlikely(offset > MAX_HEADER_OFFSET))
		return NULL;
	if (likely(data + offset + size <= end))
		return data + offset;
	if (bpf_skb_load_bytes(skb, offset, buffer, size))
		return NULL;
	return buffer;
}

/* Whether an address is IPv4 as the keys write it, ::ffff:a.b.c.d. */
static __always_inline bool is_mapped(const u32 *address)
{
	return !address[0] && !address[1] && address[2] == htonl(0xffff);
}

static __always_inline bool is_same_address(const u8 *left, const u8 *right)
{
	const u64 *a = (const u64 *)left, *b = (const u64 *)right;

	return a[0] == b[0] && a[1] == b[1];
}

/* Whether a packet asks for a new connection. */
static __always_inline bool is_opening(const struct packet *packet)
{
	return (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

static __always_inline u8 opposite(u8 direction)
{
	return direction == DIRECTION_EGRESS ? DIRECTION_INGRESS : DIRECTION_EGRESS;
}

static __always_inline void set_ports(struct packet *packet, u16 source, u16 destination)
{
	if (packet->direction == DIRECTION_EGRESS) {
		packet->key.local_port = source;
		packet->key.remote_port = destination;
	} else {
		packet->key.local_port = destination;
		packet->key.remote_port = source;
	}
}

static __always_inline u16 source_port(const struct packet *packet)
{
	return packet->direction == DIRECTION_EGRESS ? packet->key.local_port :
						       packet->key.remote_port;
}

static __always_inline u16 destination_port(const struct packet *packet)
{
	return packet->direction == DIRECTION_EGRESS ? packet->key.remote_port :
						       packet->key.local_port;
}

static __always_inline u8 *source_address(struct packet *packet)
{
	return packet->direction == DIRECTION_EGRESS ? packet->key.local :
						       packet->key.remote;
}

static __always_inline u8 *destination_address(struct packet *packet)
{
	return packet->direction == DIRECTION_EGRESS ? packet->key.remote :
						       packet->key.local;
}

static __always_inline void set_address_v4(u8 *key, u32 address)
{
	u64 *upper = (u64 *)key;
	u32 *words = (u32 *)key;

	*upper = 0;
	words[2] = htonl(0xffff);
	words[3] = address;
}

static __always_inline void set_address_v6(u8 *key, const u32 *address)
{
	u32 *words = (u32 *)key;

	words[0] = address[0];
	words[1] = address[1];
	words[2] = address[2];
	words[3] = address[3];
}

static __always_inline bool is_cgroup(const struct packet *packet)
{
	return packet->hook >= HOOK_CGROUP_INGRESS;
}

/* ICMP belongs to its own version of IP only. */
static __always_inline bool is_icmp(const struct packet *packet)
{
	return packet->key.protocol == (packet->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

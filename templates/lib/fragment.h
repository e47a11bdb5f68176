/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fragments.  Only the first has a transport header; what it says is remembered, and later
 * ones are judged by it.  One whose first was not seen is dropped.
 */
#pragma once

#include "state.h"
#include "transport.h"

/* How long a host waits for the rest of a packet (ip_fragment.c: IP_FRAG_TIME). */
enum { FRAGMENT_SECONDS = 30 };

static __always_inline void fragment_key(struct packet *packet, struct fragment_key *key)
{
	__builtin_memset(key, 0, sizeof(*key));
	__builtin_memcpy(key->source, source_address(packet), sizeof(key->source));
	__builtin_memcpy(key->destination, destination_address(packet),
			 sizeof(key->destination));
	key->identification = packet->identification;
	key->attachment = packet->key.attachment;
	key->direction = packet->direction;
	key->protocol = packet->family == 4 ? packet->key.protocol : 0;
}

static __always_inline void remember_fragment(struct packet *packet)
{
	struct fragment fragment = {
		.local_port = packet->key.local_port,
		.remote_port = packet->key.remote_port,
		.seen = bpf_jiffies64(),
		.protocol = packet->key.protocol,
		.kind = packet->kind,
		.type = packet->type,
		.code = packet->code,
	};
	struct fragment_key key;

	fragment_key(packet, &key);
	bpf_map_update_elem(&fragments, &key, &fragment, BPF_ANY);
}

/* Bytes that a later fragment must not overwrite (RFC 1858, RFC 3128). */
static __always_inline u32 header_size(u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return sizeof(struct tcphdr);
	case IPPROTO_SCTP:
		return sizeof(struct sctphdr);
	}
	return 8;
}

/* Any fragment; offset in bytes, 0 for the first. */
__verified_alone u32 parse_fragment(struct __sk_buff *skb, struct packet *packet, u32 offset)
{
	struct fragment_key key;
	struct fragment *first;
	u32 reason;

	if (!packet)
		return REASON_BAD_HEADER;
	/* Past the largest packet that there is. */
	if (offset + packet->payload > 0xffff)
		return REASON_BAD_FRAGMENT;
	if (!offset) {
		packet->is_fragment = true;
		reason = parse_transport(skb, packet);
		if (!reason)
			remember_fragment(packet);
		return reason;
	}
	fragment_key(packet, &key);
	first = bpf_map_lookup_elem(&fragments, &key);
	if (!first || (u32)bpf_jiffies64() - first->seen >
			      FRAGMENT_SECONDS * config.jiffies_per_second)
		return REASON_FRAGMENT_WITHOUT_HEAD;
	if (offset < header_size(first->protocol))
		return REASON_BAD_FRAGMENT;
	packet->key.protocol = first->protocol;
	packet->key.local_port = first->local_port;
	packet->key.remote_port = first->remote_port;
	/* The embedded header of an error is in the first fragment only. */
	packet->kind = first->kind == PACKET_ERROR ? PACKET_SINGLE : first->kind;
	packet->type = first->type;
	packet->code = first->code;
	packet->tcp_flags = TCP_ACK;
	return 0;
}

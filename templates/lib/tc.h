/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Endpoints behind a veth, and the devices of the host. */
#pragma once

#include "hooks.h"

#if FEATURE_HOST_POLICY
/* Every packet that comes in through a hook is marked; the host made those that are not. */
static __always_inline bool is_made_by_host(const struct __sk_buff *skb)
{
	return !(skb->mark & config.host_mark);
}

__verified_alone int is_host(const struct address_v6 *address, u32 family)
{
	const struct peer *peer;

	if (!address)
		return false;
	peer = find_peer((const u8 *)address, family);
	return peer && peer->identity == IDENTITY_HOST;
}

/*
 * A packet between an endpoint and its own host passes no device of the host, so the host's
 * policies judge it here: the same packet, seen from the other end.
 */
static __always_inline bool judge_for_host(struct __sk_buff *skb, struct packet *packet)
{
	const struct endpoint *host = find_host();
	struct flow_key key = packet->key;

	if (!host)
		return false;
	__builtin_memcpy(packet->key.local, key.remote, sizeof(key.local));
	__builtin_memcpy(packet->key.remote, key.local, sizeof(key.remote));
	packet->key.local_port = key.remote_port;
	packet->key.remote_port = key.local_port;
	packet->key.attachment = 0;
	packet->direction = opposite(packet->direction);
	return judge(skb, packet, host);
}
#endif

/* The way of every packet between an endpoint and its device. */
static __always_inline int endpoint_hook(struct __sk_buff *skb, const u32 hook,
					 const u32 direction)
{
	const struct endpoint *endpoint = find_endpoint(skb->ifindex);
	struct packet packet = {
		.length = skb->len,
		.hook = hook,
		.direction = direction,
	};
	u32 reason;

	if (unlikely(!endpoint)) {
		drop(skb, &packet, REASON_NO_ENDPOINT);
		return TC_ACT_SHOT;
	}
	packet.key.attachment = endpoint->attachment;
	reason = parse_frame(skb, &packet);
	if (unlikely(reason == REASON_EXEMPT)) {
		if (is_exempt(&packet))
			return TC_ACT_UNSPEC;
	} else if (unlikely(reason)) {
		drop(skb, &packet, reason);
		return TC_ACT_SHOT;
	}
	if (direction == DIRECTION_EGRESS && unlikely(!is_own_source(&packet, endpoint))) {
		drop(skb, &packet, REASON_SPOOFED_SOURCE);
		return TC_ACT_SHOT;
	}
#if FEATURE_HOST_POLICY
	if (direction == DIRECTION_EGRESS)
		skb->mark |= config.host_mark;
#endif
	if (likely(is_established(&packet)))
		return TC_ACT_UNSPEC;
	if (!judge(skb, &packet, endpoint))
		return TC_ACT_SHOT;
#if FEATURE_HOST_POLICY
	if (is_host((const void *)packet.key.remote, packet.family) &&
	    (direction == DIRECTION_EGRESS || is_made_by_host(skb)) &&
	    !judge_for_host(skb, &packet))
		return TC_ACT_SHOT;
#endif
	return TC_ACT_UNSPEC;
}

#if FEATURE_HOST_POLICY
/* Whether a packet on a device of the host is the host's own: to it, or from it. */
static __always_inline bool concerns_host(const struct packet *packet)
{
	const u32 *local = (const u32 *)packet->key.local;
	u32 first = local[packet->family == 4 ? 3 : 0];

	if (packet->direction == DIRECTION_INGRESS) {
		/* Groups and broadcasts are delivered here too. */
		if (packet->family == 4 && ((first & 0xf0) == 224 || first == IPV4_BROADCAST))
			return true;
		if (packet->family == 6 && (u8)first == 0xff)
			return true;
	} else if (!local[3] && !local[0]) {
		/* A DHCP client has no address yet. */
		return true;
	}
	return is_host((const void *)packet->key.local, packet->family);
}

/*
 * The way of every packet on a device of the host.  What the host only forwards passes: the
 * endpoint's own hook judges it.  What leaves with the host's address although the host did
 * not make it was masqueraded after that hook; it opens a flow, so that its replies, which
 * are addressed to the host, are known.
 */
static __always_inline int network_hook(struct __sk_buff *skb, const u32 hook,
					const u32 direction)
{
	const struct endpoint *host = find_host();
	struct packet packet = {
		.length = skb->len,
		.hook = hook,
		.direction = direction,
		.is_forwarded = direction == DIRECTION_EGRESS && !is_made_by_host(skb),
	};
	u32 reason;

	if (unlikely(!host)) {
		drop(skb, &packet, REASON_NO_ENDPOINT);
		return TC_ACT_SHOT;
	}
	if (direction == DIRECTION_INGRESS)
		skb->mark |= config.host_mark;
	reason = parse_frame(skb, &packet);
	if (unlikely(reason)) {
		/* Policies speak of IP; a link has other protocols (LLDP, spanning tree). */
		if (reason == REASON_EXEMPT || reason == REASON_UNKNOWN_PROTOCOL)
			return TC_ACT_UNSPEC;
		drop(skb, &packet, reason);
		return TC_ACT_SHOT;
	}
	if (!concerns_host(&packet) || is_established(&packet))
		return TC_ACT_UNSPEC;
	return judge(skb, &packet, host) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}
#endif

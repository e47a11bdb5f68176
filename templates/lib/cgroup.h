/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Endpoints that are cgroups: packets of their sockets, without a link header.  The kernel has
 * chosen the source address, and a socket may talk over the loopback device, so addresses are
 * not checked as on a veth.
 */
#pragma once

#include "hooks.h"

/* Return values of cgroup_skb programs. */
enum {
	CGROUP_DROP = 0,
	CGROUP_PASS = 1,
};

static __always_inline int cgroup_hook(struct __sk_buff *skb, const u32 hook,
				       const u32 direction)
{
	/* The stub knows whose cgroup this is. */
	const struct endpoint *endpoint = find_endpoint(skb->cb[0]);
	struct packet packet = {
		.length = skb->len,
		.hook = hook,
		.direction = direction,
	};
	u32 reason;
	int passes;

	if (unlikely(!endpoint)) {
		drop(skb, &packet, REASON_NO_ENDPOINT);
		return CGROUP_DROP;
	}
	packet.key.attachment = endpoint->attachment;
	reason = parse_network(skb, &packet, skb->protocol);
	if (unlikely(reason == REASON_EXEMPT)) {
		if (is_exempt(&packet))
			return CGROUP_PASS;
	} else if (unlikely(reason)) {
		drop(skb, &packet, reason);
		return CGROUP_DROP;
	}
	if (likely(is_established(&packet)))
		return CGROUP_PASS;
	passes = judge(skb, &packet, endpoint);
	/* The compiler knows that it is 0 or 1, the verifier wants to see it. */
	hide(passes);
	return passes ? CGROUP_PASS : CGROUP_DROP;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections.  One entry serves both directions of a flow at one endpoint; the attachment is
 * part of the key, so a flow between two endpoints of a node has two entries, and what the one
 * remembers does not admit the other.
 *
 * A new flow is in flows_new until it is answered (TCP: until the handshake is complete), then
 * in flows.  An entry that was not seen for its timeout counts as absent.
 */
#pragma once

#include "event.h"
#include "packet.h"
#include "verdict.h"

static __always_inline bool is_expired(const struct flow *flow, u32 now)
{
	return now - flow->last_seen > flow->timeout;
}

static __always_inline bool is_connection(const struct flow_key *key)
{
	return key->protocol == IPPROTO_TCP || key->protocol == IPPROTO_SCTP;
}

/* Find an entry that is alive; *is_new says in which map. */
static __always_inline struct flow *find_flow(const struct flow_key *key, bool *is_new)
{
	struct flow *flow = bpf_map_lookup_elem(&flows, key);
	u32 now = bpf_jiffies64();

	*is_new = false;
	if (flow && !is_expired(flow, now))
		return flow;
	*is_new = true;
	flow = bpf_map_lookup_elem(&flows_new, key);
	return flow && !is_expired(flow, now) ? flow : NULL;
}

/* Tell the end of a flow that has timed out, before a new one takes its ports. */
static __always_inline void report_expired(const struct flow_key *key)
{
	struct flow *flow = bpf_map_lookup_elem(&flows, key);

	if (!flow || flow->flags & FLOW_IS_REPORTED)
		return;
	flow->flags |= FLOW_IS_REPORTED;
	report_end(key, flow);
}

/* An entry of flows only times out at once: the sweeper deletes it, with its place in the queue. */
static __always_inline void end_flow(const struct flow_key *key, struct flow *flow, bool is_new)
{
	if (is_new) {
		bpf_map_delete_elem(&flows_new, key);
		return;
	}
	flow->timeout = 0;
	flow->last_seen = (u32)bpf_jiffies64() - 1;
}

/*
 * A flow that is answered moves to where no flood can push it out: to a new entry, or to that
 * of a flow with its ports that is over.
 */
__verified_alone int promote_flow(const struct flow_key *key, const struct flow *flow)
{
	struct flow_key key_copy;
	struct flow copy;

	if (!key || !flow)
		return 0;
	key_copy = *key;
	copy = *flow;
	if (!bpf_map_update_elem(&flows, &key_copy, &copy, BPF_NOEXIST)) {
		/* It has as many places as flows, so this succeeds. */
		if (bpf_map_push_elem(&flow_queue, &key_copy, BPF_ANY))
			bpf_map_delete_elem(&flows, &key_copy);
	} else if (bpf_map_update_elem(&flows, &key_copy, &copy, BPF_EXIST)) {
		count_drop(REASON_CONNTRACK_FULL, 0);
		return 0;
	}
	bpf_map_delete_elem(&flows_new, &key_copy);
	return 0;
}

static __always_inline void touch_forward(struct flow *flow, u32 length)
{
	flow->packets++;
	flow->bytes += length;
	flow->last_seen = bpf_jiffies64();
}

static __always_inline void touch_reply(struct flow *flow, u32 length)
{
	flow->reply_packets++;
	flow->reply_bytes += length;
	flow->last_seen = bpf_jiffies64();
}

/*
 * TCP and SCTP: syn -> established once both sides have spoken -> closing after a reset or a
 * FIN from each side.
 */
static __always_inline void advance_connection(struct flow *flow, u8 flags, bool is_reply)
{
	flow->tcp_flags |= flags;
	if (flags & TCP_RST) {
		flow->state = FLOW_STATE_CLOSING;
	} else if (flow->state != FLOW_STATE_CLOSING) {
		if (!(flags & TCP_SYN) && (is_reply || flow->reply_packets)) {
			flow->state = FLOW_STATE_ESTABLISHED;
			flow->timeout = config.timeout_established;
		}
		if (flags & TCP_FIN)
			flow->flags |= is_reply ? FLOW_RESPONDER_FIN : FLOW_INITIATOR_FIN;
		if ((flow->flags & FLOW_INITIATOR_FIN) && (flow->flags & FLOW_RESPONDER_FIN))
			flow->state = FLOW_STATE_CLOSING;
	}
	if (flow->state == FLOW_STATE_CLOSING)
		flow->timeout = config.timeout_closing;
}

/* Account for a packet that passes, and move the flow's state on. */
static __always_inline void advance_flow(struct packet *packet, struct flow *flow, bool is_new)
{
	bool is_reply = packet->direction != flow->initiator;

	if (is_reply)
		touch_reply(flow, packet->length);
	else
		touch_forward(flow, packet->length);
	if (is_connection(&packet->key)) {
		advance_connection(flow, packet->tcp_flags, is_reply);
	} else if (is_reply) {
		flow->state = FLOW_STATE_ESTABLISHED;
		flow->timeout = config.timeout_other;
	}
	if (is_new && flow->state == FLOW_STATE_ESTABLISHED)
		promote_flow(&packet->key, flow);
	if (flow->state == FLOW_STATE_CLOSING && !(flow->flags & FLOW_IS_REPORTED)) {
		flow->flags |= FLOW_IS_REPORTED;
		report_end(&packet->key, flow);
	}
}

static __always_inline void remember_verdict(struct flow *flow, const struct packet *packet,
					     const struct verdict *verdict)
{
	flow->generation = config.generation;
	flow->decision = verdict->decision;
	flow->rule = verdict->rule;
	flow->outcome = verdict->outcome;
	flow->peer_identity = verdict->peer_identity;
	flow->flags &= ~(FLOW_IS_CUT | FLOW_REMOTE_IS_HOST | FLOW_IS_FORWARDED);
	if (verdict->peer_identity == IDENTITY_HOST)
		flow->flags |= FLOW_REMOTE_IS_HOST;
	if (packet->is_forwarded)
		flow->flags |= FLOW_IS_FORWARDED;
}

/* Open a flow with its first packet, which passes. */
__verified_alone int create_flow(const struct packet *packet, const struct verdict *verdict)
{
	struct flow flow = {};
	struct flow_key key;

	if (!packet || !verdict)
		return 0;
	key = packet->key;
	flow.packets = 1;
	flow.bytes = packet->length;
	flow.last_seen = bpf_jiffies64();
	flow.timeout = is_connection(&packet->key) ? config.timeout_syn : config.timeout_new;
	flow.state = is_opening(packet) ? FLOW_STATE_SYN : FLOW_STATE_NEW;
	flow.initiator = packet->direction;
	flow.tcp_flags = packet->tcp_flags;
	flow.hook = packet->hook;
	flow.created = bpf_ktime_get_boot_ns();
	flow.local_identity = verdict->local_identity;
	remember_verdict(&flow, packet, verdict);
	if (bpf_map_update_elem(&flows_new, &key, &flow, BPF_ANY))
		count_drop(REASON_CONNTRACK_FULL, 0);
	return 0;
}

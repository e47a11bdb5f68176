/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one core: judge a packet for one endpoint in one direction.  Hooks only find the
 * endpoint and act on the answer.
 */
#pragma once

#include "related.h"

/* Flows with one of these need more than a look at their entry. */
enum {
	FLOW_NEEDS_JUDGEMENT = FLOW_IS_CUT | (FEATURE_HOST_POLICY ? FLOW_REMOTE_IS_HOST : 0),
};

/*
 * A second event about the same flow is worth sending after a second.  Returns false when
 * it is too early; then the packet is only counted for the next one.
 */
static __always_inline bool is_due(const struct packet *packet, u32 reason, u64 *packets,
				   u64 *bytes)
{
	struct flow_key key = packet->key;
	struct report *report, fresh = {};
	u32 now = bpf_jiffies64();

	key.hook = packet->hook + 1;
	/* What has no addresses yet is told apart by what is wrong with it. */
	if (!packet->family)
		key.local_port = reason;
	report = bpf_map_lookup_elem(&event_state, &key);
	if (report && now - report->reported < config.jiffies_per_second) {
		report->packets++;
		report->bytes += packet->length;
		return false;
	}
	if (report) {
		*packets += report->packets;
		*bytes += report->bytes;
	}
	fresh.reported = now;
	bpf_map_update_elem(&event_state, &key, &fresh, BPF_ANY);
	return true;
}

/* Tell user space about a packet, if there is something new to tell. */
__verified_alone int report_packet(struct __sk_buff *skb, struct packet *packet,
				   const struct verdict *verdict)
{
	u64 packets = 1, bytes;
	struct event *event;
	bool is_egress;

	if (!packet || !verdict)
		return 0;
	bytes = packet->length;
	is_egress = packet->direction == DIRECTION_EGRESS;
	/* The first packet of a flow is always news. */
	if (verdict->flow_state != FLOW_STATE_NEW || !passes(verdict)) {
		if (!is_due(packet, verdict->reason, &packets, &bytes))
			return 0;
	}
	if (!may_report())
		return 0;
	event = reserve_event();
	if (!event)
		return 0;
	event->kind = EVENT_KIND_VERDICT;
	event->hook = packet->hook;
	event->direction = packet->direction;
	event->outcome = verdict->outcome;
	event->reason = verdict->reason;
	event->flow_state = verdict->flow_state;
	event->tcp_flags = packet->tcp_flags;
	__builtin_memcpy(event->source, source_address(packet), sizeof(event->source));
	__builtin_memcpy(event->destination, destination_address(packet),
			 sizeof(event->destination));
	event->protocol = packet->key.protocol;
	event->family = packet->family;
	if (is_icmp(packet)) {
		event->source_port = packet->type;
		event->destination_port = packet->code;
	} else {
		event->source_port = source_port(packet);
		event->destination_port = destination_port(packet);
	}
	event->source_identity = is_egress ? verdict->local_identity : verdict->peer_identity;
	event->destination_identity = is_egress ? verdict->peer_identity :
						  verdict->local_identity;
	event->endpoint = packet->key.attachment;
	event->interface = skb->ifindex;
	event->rule = verdict->rule;
	event->packets = packets;
	event->bytes = bytes;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

/* Drop a packet that no policy was asked about. */
__verified_alone int drop(struct __sk_buff *skb, struct packet *packet, u32 reason)
{
	struct verdict verdict = {
		.outcome = OUTCOME_DENY,
		.reason = reason,
		.flow_state = FLOW_STATE_UNTRACKED,
	};

	if (!packet)
		return 0;
	count_drop(reason, packet->length);
	return report_packet(skb, packet, &verdict);
}

/* Ask the policy of the endpoint, and count for the rule that answers. */
__verified_alone int ask_policy(const struct packet *packet, const struct endpoint *endpoint,
				struct verdict *verdict)
{
	const struct peer *peer;
	u32 policy;

	if (!packet || !endpoint || !verdict)
		return 0;
	peer = find_peer(packet->key.remote, packet->family);
	policy = packet->direction == DIRECTION_EGRESS ? endpoint->egress_policy :
							 endpoint->ingress_policy;
	verdict->local_identity = endpoint->identity;
	if (!peer) {
		verdict->outcome = OUTCOME_DENY;
		verdict->reason = REASON_NO_STATE;
		return 0;
	}
	verdict->peer_identity = peer->identity;
	/* What the host only forwards is not its own; the sender's hook has judged it. */
	if (packet->is_forwarded)
		policy = NO_POLICY_EGRESS;
	look_up(packet, policy, peer, verdict);
	return 0;
}

/* A packet that belongs to no flow, nor opens one. */
static __always_inline bool judge_single(struct __sk_buff *skb, struct packet *packet,
					 const struct endpoint *endpoint,
					 struct verdict *verdict)
{
	verdict->flow_state = FLOW_STATE_UNTRACKED;
	ask_policy(packet, endpoint, verdict);
	count(verdict->decision, packet->length);
	if (!passes(verdict))
		count_drop(verdict->reason, packet->length);
	report_packet(skb, packet, verdict);
	return passes(verdict);
}

static __always_inline bool judge_new(struct __sk_buff *skb, struct packet *packet,
				      const struct endpoint *endpoint, struct verdict *verdict)
{
	verdict->flow_state = FLOW_STATE_NEW;
	ask_policy(packet, endpoint, verdict);
	count(verdict->decision, packet->length);
	if (passes(verdict))
		create_flow(packet, verdict);
	else
		count_drop(verdict->reason, packet->length);
	report_packet(skb, packet, verdict);
	return passes(verdict);
}

/* Whether what the flow remembers is what the tables of this generation would say. */
static __always_inline bool has_memo(const struct flow *flow, const struct packet *packet)
{
	return flow->generation == config.generation && !(flow->flags & FLOW_IS_CUT) &&
	       (!FEATURE_HOST_POLICY ||
		!(flow->flags & FLOW_IS_FORWARDED) == !packet->is_forwarded);
}

/* A packet in the direction in which the flow was opened: it obeys the policy in force now. */
static __always_inline bool judge_forward(struct __sk_buff *skb, struct packet *packet,
					  const struct endpoint *endpoint, struct flow *flow,
					  bool is_new, struct verdict *verdict)
{
	verdict->flow_state = FLOW_STATE_ESTABLISHED;
	if (has_memo(flow, packet)) {
		verdict->decision = flow->decision;
		verdict->peer_identity = flow->peer_identity;
	} else {
		ask_policy(packet, endpoint, verdict);
		if (!passes(verdict)) {
			flow->flags |= FLOW_IS_CUT;
			flow->last_seen = bpf_jiffies64();
			count(verdict->decision, packet->length);
			count_drop(verdict->reason, packet->length);
			report_packet(skb, packet, verdict);
			return false;
		}
		remember_verdict(flow, packet, verdict);
	}
	count(verdict->decision, packet->length);
	advance_flow(packet, flow, is_new);
	return true;
}

static __always_inline bool judge_reply(struct __sk_buff *skb, struct packet *packet,
					struct flow *flow, bool is_new,
					struct verdict *verdict)
{
	verdict->peer_identity = flow->peer_identity;
	if (flow->flags & FLOW_IS_CUT) {
		flow->last_seen = bpf_jiffies64();
		drop(skb, packet, REASON_CUT);
		return false;
	}
	advance_flow(packet, flow, is_new);
	return true;
}

/* The whole judgement; true lets the packet pass. */
__verified_alone int judge(struct __sk_buff *skb, struct packet *packet,
			   const struct endpoint *endpoint)
{
	struct verdict verdict = {};
	struct flow_key key;
	struct flow *flow;
	bool is_new;

	if (!packet || !endpoint)
		return false;
	if (packet->kind == PACKET_SINGLE)
		return judge_single(skb, packet, endpoint, &verdict);
	if (packet->kind == PACKET_ERROR)
		return is_related(skb, packet) ||
		       judge_single(skb, packet, endpoint, &verdict);

	key = packet->key;
	flow = find_flow(&key, &is_new);
	if (flow && is_opening(packet)) {
		if (flow->state == FLOW_STATE_CLOSING || flow->flags & FLOW_IS_CUT) {
			/* The old connection is over, and a new one takes its ports. */
			end_flow(&key, flow, is_new);
			flow = NULL;
		} else if (packet->direction != flow->initiator) {
			/* An answer does not open: this end wants a connection of its own. */
			return judge_single(skb, packet, endpoint, &verdict);
		}
	}
	if (flow && packet->direction == flow->initiator)
		return judge_forward(skb, packet, endpoint, flow, is_new, &verdict);
	if (flow)
		return judge_reply(skb, packet, flow, is_new, &verdict);
	/* Neither a reply to nobody nor a reset opens a flow. */
	if (packet->kind == PACKET_ANSWER || packet->tcp_flags & TCP_RST)
		return judge_single(skb, packet, endpoint, &verdict);
	report_expired(&key);
	return judge_new(skb, packet, endpoint, &verdict);
}

/*
 * The usual packet: of an established flow, nothing special about it, and if it goes forward,
 * judged by this generation before.  One hash look-up, and done.
 */
static __always_inline bool is_established(const struct packet *packet)
{
	struct flow *flow;

	if (packet->kind != PACKET_FLOW && packet->kind != PACKET_ANSWER)
		return false;
	if (packet->tcp_flags & (TCP_FIN | TCP_SYN | TCP_RST))
		return false;
	flow = bpf_map_lookup_elem(&flows, &packet->key);
	if (!flow || flow->state != FLOW_STATE_ESTABLISHED ||
	    flow->flags & FLOW_NEEDS_JUDGEMENT || is_expired(flow, bpf_jiffies64()))
		return false;
	if (packet->direction != flow->initiator) {
		touch_reply(flow, packet->length);
		return true;
	}
	if (!has_memo(flow, packet))
		return false;
	touch_forward(flow, packet->length);
	count(flow->decision, packet->length);
	return true;
}

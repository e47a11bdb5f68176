/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Events: the first packet of a flow, its end, and denied packets at most once a second for
 * each flow.  A token bucket per CPU bounds them all; what does not get through is counted.
 */
#pragma once

#include "packet.h"
#include "state.h"

/* Take one event from this CPU's budget. */
static __always_inline bool may_report(void)
{
	u32 zero = 0, now = bpf_jiffies64();
	struct event_budget *budget = bpf_map_lookup_elem(&event_budget, &zero);
	u32 elapsed;

	if (!budget)
		return false;
	elapsed = now - budget->refilled;
	if (elapsed >= config.jiffies_per_second) {
		budget->tokens = config.event_rate;
		budget->refilled = now;
	}
	if (!budget->tokens) {
		budget->lost++;
		return false;
	}
	budget->tokens--;
	return true;
}

static __always_inline struct event *reserve_event(void)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	u32 zero = 0;

	if (!event) {
		struct event_budget *budget = bpf_map_lookup_elem(&event_budget, &zero);

		if (budget)
			budget->lost++;
		return NULL;
	}
	__builtin_memset(event, 0, sizeof(*event));
	event->version = EVENT_VERSION;
	event->time = bpf_ktime_get_boot_ns();
	event->generation = config.generation;
	return event;
}

/* The end of a flow, told in the direction of who opened it. */
__verified_alone int report_end(const struct flow_key *key, const struct flow *flow)
{
	struct event *event;
	bool is_egress;

	if (!key || !flow || !may_report())
		return 0;
	event = reserve_event();
	if (!event)
		return 0;
	is_egress = flow->initiator == DIRECTION_EGRESS;
	event->kind = EVENT_KIND_FLOW_END;
	event->hook = flow->hook;
	event->direction = flow->initiator;
	event->outcome = OUTCOME_ALLOW;
	event->reason = REASON_ESTABLISHED;
	event->flow_state = flow->state;
	event->tcp_flags = flow->tcp_flags;
	__builtin_memcpy(event->source, is_egress ? key->local : key->remote, 16);
	__builtin_memcpy(event->destination, is_egress ? key->remote : key->local, 16);
	event->source_port = is_egress ? key->local_port : key->remote_port;
	event->destination_port = is_egress ? key->remote_port : key->local_port;
	event->protocol = key->protocol;
	event->family = is_mapped((const u32 *)key->local) ? 4 : 6;
	event->source_identity = is_egress ? flow->local_identity : flow->peer_identity;
	event->destination_identity = is_egress ? flow->peer_identity : flow->local_identity;
	event->endpoint = key->attachment;
	event->rule = flow->rule;
	event->packets = flow->packets + flow->reply_packets;
	event->bytes = flow->bytes + flow->reply_bytes;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What selectors that match do.  Deeds are gathered first and done together: a denial outweighs
 * a signal, and a severe signal a lighter one.  A policy in monitor mode does nothing, and its
 * event says what it would have done.
 */
#pragma once

#include "event.h"

#define SIGKILL 9
#define EPERM 1

/* Policies of a generation; user space gives the map the room that it needs. */
#define POLICIES 1

/* By number of the policy. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct policy_mode);
	__uint(max_entries, POLICIES);
} modes SEC(".maps");

struct deeds {
	u32 place; /* of the generation whose hit this is: it judges, acts and tells */
	s32 error;
	u32 signal;
	u8 action; /* enum tracing_action: the heaviest that is done */
	u8 withheld; /* the heaviest that is not */
	u16 severity; /* of the signal */
	bool is_bystander; /* the task is not whose deed this is: no signal may hit it */
};

/* Whether a policy may act upon this process, which is never ourselves. */
static __always_inline bool enforces(u32 policy, u32 place)
{
	const struct policy_mode *mode = bpf_map_lookup_elem(&modes, &policy);

	return mode && mode->enforces[service.generation[place & 1] & 3] &&
	       (!config.self || bpf_get_current_pid_tgid() >> 32 != config.self);
}

static __always_inline void note(struct deeds *deeds, const u8 action)
{
	if (deeds->action < action)
		deeds->action = action;
}

static __always_inline bool weigh(struct deeds *deeds, u32 policy, const u8 action)
{
	if (!enforces(policy, deeds->place)) {
		if (deeds->withheld < action)
			deeds->withheld = action;
		return false;
	}
	note(deeds, action);
	return true;
}

static __always_inline bool
send(struct deeds *deeds, u32 policy, const u32 signal, const u16 severity)
{
	const u8 action = signal == SIGKILL ? TRACING_ACTION_KILL : TRACING_ACTION_SIGNAL;

	if (deeds->is_bystander) {
		if (deeds->withheld < action)
			deeds->withheld = action;
		return false;
	}
	if (!weigh(deeds, policy, action))
		return false;
	if (deeds->severity < severity) {
		deeds->signal = signal;
		deeds->severity = severity;
	}
	return true;
}

/* A signal that ends the process, where its operation can be stopped as well. */
static __always_inline void
stop(struct deeds *deeds, u32 policy, const u32 signal, const u16 severity)
{
	if (send(deeds, policy, signal, severity) && !deeds->error)
		deeds->error = -EPERM;
}

static __always_inline void deny(struct deeds *deeds, u32 policy, const s32 error)
{
	if (weigh(deeds, policy, TRACING_ACTION_DENY) && !deeds->error)
		deeds->error = error;
}

static __always_inline void report(struct event_room *event, const struct deeds *deeds)
{
	if (deeds->action > event->head.action)
		event->head.action = deeds->action;
	event->head.generation = service.generation[deeds->place & 1];
	event->head.withheld = deeds->withheld;
	event->head.error = -deeds->error;
}

/* What the kernel does not do itself: whoever reads the event is asked, by a selector's number. */
static __always_inline void request(struct event_room *event, const u8 action, const u64 selector)
{
	if (event->head.action < action)
		event->head.action = action;
	add_number(event, TRACING_TYPE_REQUEST, 0, selector);
}

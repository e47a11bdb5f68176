/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Timed-out flows count as absent wherever they are looked up; the sweeper gives their room
 * back and tells their end.  flows_new needs none: it pushes its oldest out by itself.
 */
#pragma once

#include "layout.h"

#include "event.h"

static const u64 INTERVAL = 5000000000ull; /* ns */

struct sweeper {
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct sweeper);
	__uint(max_entries, 1);
} sweeper SEC(".maps");

static long sweep_flow(void *map, const struct flow_key *key, struct flow *flow, void *context)
{
	if ((u32)bpf_jiffies64() - flow->last_seen <= flow->timeout)
		return 0;
	if (!(flow->flags & FLOW_IS_REPORTED)) {
		/* A function verified alone may write to its arguments, for all that is known. */
		struct flow_key copy = *key;

		report_end(&copy, flow);
	}
	bpf_map_delete_elem(map, key);
	return 0;
}

static int sweep(void *map, u32 *key, struct sweeper *sweeper)
{
	bpf_for_each_map_elem(&flows, sweep_flow, NULL, 0);
	bpf_timer_start(&sweeper->timer, INTERVAL, 0);
	return 0;
}

/* A timer that is there already is started anew, which does no harm. */
static __always_inline int start(void)
{
	u32 zero = 0;
	struct sweeper *element = bpf_map_lookup_elem(&sweeper, &zero);

	if (!element)
		return -1;
	bpf_timer_init(&element->timer, &sweeper, CLOCK_MONOTONIC);
	bpf_timer_set_callback(&element->timer, sweep);
	return bpf_timer_start(&element->timer, INTERVAL, 0);
}

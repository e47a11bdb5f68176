/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Timed-out flows count as absent wherever they are looked up; the sweeper gives their room
 * back and tells their end.  flows_new needs none: it pushes its oldest out by itself.
 */
#pragma once

#include "layout.h"

#include "event.h"

/* A round looks at every entry once, some at a time, so that no interrupt takes long. */
static const u64 ROUND = 5000000000ull; /* ns between two rounds */
static const u64 STEP = 10000000ull; /* ns between two steps of a round */

enum { FLOWS_OF_STEP = 512 };

struct sweeper {
	struct bpf_timer timer;
	u64 is_under_way; /* a round has begun: the mark where it ends is in the queue */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct sweeper);
	__uint(max_entries, 1);
} sweeper SEC(".maps");

/* Look at the next entry; returns 1 where the round ends. */
static long sweep_flow(u32 number, u32 *is_over)
{
	struct flow_key key;
	struct flow *flow;

	if (bpf_map_pop_elem(&flow_queue, &key) || key.hook) {
		*is_over = true;
		return 1;
	}
	flow = bpf_map_lookup_elem(&flows, &key);
	if (!flow)
		return 0;
	if ((u32)bpf_jiffies64() - flow->last_seen <= flow->timeout) {
		bpf_map_push_elem(&flow_queue, &key, BPF_ANY);
		return 0;
	}
	if (!(flow->flags & FLOW_IS_REPORTED))
		report_end(&key, flow);
	bpf_map_delete_elem(&flows, &key);
	return 0;
}

/* Do one step; returns whether the round is over. */
static __always_inline u32 sweep_step(struct sweeper *sweeper)
{
	struct flow_key mark = { .hook = 1 }; /* no flow's key has one */
	u32 is_over = false;

	if (!sweeper->is_under_way)
		bpf_map_push_elem(&flow_queue, &mark, BPF_ANY);
	bpf_loop(FLOWS_OF_STEP, sweep_flow, &is_over, 0);
	sweeper->is_under_way = !is_over;
	return is_over;
}

static int sweep(void *map, u32 *key, struct sweeper *sweeper)
{
	u64 wait = sweep_step(sweeper) ? ROUND : STEP;

	bpf_timer_start(&sweeper->timer, wait, 0);
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
	return bpf_timer_start(&element->timer, ROUND, 0);
}

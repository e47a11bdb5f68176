/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is attached for good: read the slot, jump to the program of the active generation.
 * One write to the slot switches every hook at once.
 */
#pragma once

#include "layout.h"
#include "slot.h"

/* By enum reason, as in the generation's programs. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, struct counter);
	__uint(max_entries, 64);
} drop_counters SEC(".maps");

/* Returns only when there is no program to jump to. */
static __always_inline void enter(struct __sk_buff *skb, const void *programs, const u32 hook)
{
	u32 reason = REASON_NO_GENERATION;
	struct counter *counter;

	if (active_place())
		bpf_tail_call_static(skb, programs, hook * 2 + 1);
	else
		bpf_tail_call_static(skb, programs, hook * 2);

	counter = bpf_map_lookup_elem(&drop_counters, &reason);
	if (counter) {
		counter->packets++;
		counter->bytes += skb->len;
	}
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is attached for good: read the slot, jump to the program of the active generation.
 * One write to the slot switches every hook at once.
 */
#pragma once

#include "layout.h"

/* Bit 0: the active place; the rest: until when (boot time, ns), 0 for no limit. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, 1);
} slot SEC(".maps");

/* By enum reason, as in the generation's programs. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, struct counter);
	__uint(max_entries, 64);
} drop_counters SEC(".maps");

/* The active place.  After the deadline it is the other one, with nobody's help. */
static __always_inline u32 active_place(void)
{
	u32 zero = 0;
	const u64 *word = bpf_map_lookup_elem(&slot, &zero);
	u64 deadline;

	if (!word)
		return 0;
	deadline = *word >> 1;
	if (unlikely(deadline) && bpf_ktime_get_boot_ns() > deadline)
		return !(*word & 1);
	return *word & 1;
}

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

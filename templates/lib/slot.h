/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one word that says which of two places is in force, for packets and for hooks alike. */
#pragma once

#include "bpf.h"

/* Bit 0: the active place; the rest: until when (boot time, ns), 0 for no limit. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, 1);
} slot SEC(".maps");

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

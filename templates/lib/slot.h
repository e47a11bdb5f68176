/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one word that says which of two places is in force, for packets and for hooks alike. */
#pragma once

#include "bpf.h"

/*
 * Bit 0: the active place; then until when (boot time, ns), 0 for no limit; then which place's
 * programs were attached last, and whether hooks are being handed over (see turn.h).
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, 1);
} slot SEC(".maps");

#define SLOT_DEADLINE(WORD) ((WORD) >> 1 & ((1ULL << 61) - 1))
#define SLOT_NEWEST(WORD) ((u32)((WORD) >> 62 & 1))
#define SLOT_IS_HANDED_OVER(WORD) ((WORD) >> 63)

/* The active place.  After the deadline it is the other one, with nobody's help. */
static __always_inline u32 active_place(void)
{
	u32 zero = 0;
	const volatile u64 *word = bpf_map_lookup_elem(&slot, &zero);
	u64 now, deadline;

	if (!word)
		return 0;
	now = *word; /* once: user space may write it meanwhile */
	deadline = SLOT_DEADLINE(now);
	if (unlikely(deadline) && bpf_ktime_get_boot_ns() > deadline)
		return !(now & 1);
	return now & 1;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whom does a program serve?  One generation, or two at once: what is the same in the generation in
 * force and in the one that takes its place is loaded and attached once, and goes on through the
 * exchange.  Whose a hit is, the slot says; what depends on it is by place.
 */
#pragma once

#include "maps.h"

#define BOTH_PLACES 3

/* How long after a deadline hooks are handed over, ns; SETTLING of the runtime. */
#define SETTLING 1000000000ULL

/* What the slot's word means now. */
struct phase {
	u32 active;
	bool is_handed_over;
};

static __always_inline struct phase phase_of(u64 word)
{
	struct phase phase = { .active = word & 1, .is_handed_over = SLOT_IS_HANDED_OVER(word) };
	u64 deadline = SLOT_DEADLINE(word), now;

	if (deadline) {
		now = bpf_ktime_get_boot_ns();
		if (now > deadline) {
			phase.active = !phase.active;
			phase.is_handed_over = now - deadline < SETTLING;
		}
	}
	return phase;
}

/* The place of the only generation that the program serves. */
static __always_inline u32 own_place(void)
{
	return service.places >> 1 & 1;
}

/*
 * The place of the generation whose hit this is, of those that the program serves.  Asked once a
 * hit: the slot may be written meanwhile.
 */
static __always_inline u32 served_place(void)
{
	u32 places = service.places; /* once: user space may write it meanwhile */

	return places == BOTH_PLACES ? active_place() : places >> 1 & 1;
}

/* That generation. */
static __always_inline u32 served_generation(void)
{
	return service.generation[served_place() & 1];
}

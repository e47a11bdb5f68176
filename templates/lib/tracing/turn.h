/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose turn is it?  While generations are swapped, the programs of both stand at a hook and run
 * one after the other on each hit; the slot may be written between the two, and yet exactly one
 * of them may take the hit as its own.
 *
 * Ordinarily the slot's word is the number of a place, and that is all.  While it says that hooks
 * are handed over, the program that runs first on a hit leaves a note that this hit belongs to
 * the new generation, and the one that runs second takes the note away.  Where it finds none, the
 * first has judged before the slot was written: the hit is the old generation's.  User space ends
 * the hand-over when every hit that began before it has ended.  Who runs first, the kernel settles
 * by the way to attach and by who was attached last.
 *
 * Whoever asks, asks once a hit.
 */
#pragma once

#include "service.h"

/* In the place of a way: a call that was denied at its entry, by the place that did. */
#define WAY_DECIDED 1ULL

static u64 (*const bpf_get_current_task)(void) = (void *)35;

/*
 * A hit: both programs get the same context, and the task is the same however it is moved.  Other
 * programs may stand at the same place in another way, and run between the two.
 */
struct turn {
	u64 task;
	u64 context;
	u64 way;
};

/* Hits that the new generation takes, until the second program has run. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct turn);
	__type(value, u32);
	__uint(max_entries, 1024);
} turns SEC(".maps");

/* Whether our program runs before the other generation's. */
static __always_inline bool is_first(u64 word)
{
	return (own_place() == SLOT_NEWEST(word)) == config.is_newest_first;
}

/* The slot is more than the number of a place: a deadline, or hooks that are handed over. */
static __noinline bool has_uncommon_turn(const void *context, u64 word)
{
	struct turn turn = { bpf_get_current_task(), (u64)context, config.way };
	struct phase phase = phase_of(word);
	u32 place = phase.active;

	/* Nobody stands here beside who serves both. */
	if (!phase.is_handed_over || service.places == BOTH_PLACES)
		return service.places >> place & 1;
	/* Without room for the note the second will find none. */
	if (is_first(word) ? bpf_map_update_elem(&turns, &turn, &place, BPF_ANY) :
			     bpf_map_delete_elem(&turns, &turn))
		place = !place;
	return service.places >> place & 1;
}

/* Whether this generation takes the hit with that context. */
static __always_inline bool is_our_turn(const void *context)
{
	u32 zero = 0;
	const volatile u64 *word = bpf_map_lookup_elem(&slot, &zero);
	u64 now;

	if (!word)
		return false;
	now = *word;
	if (likely(now < 2))
		return service.places >> now & 1;
	return has_uncommon_turn(context, now);
}

/* Remember whose decision a call is that is denied at its entry: it is that place's at the return. */
static __always_inline void keep_decision(u64 frame, u32 place)
{
	struct turn turn = { bpf_get_current_task(), frame, WAY_DECIDED };

	bpf_map_update_elem(&turns, &turn, &place, BPF_ANY);
}

static __always_inline void forget_decision(u64 frame)
{
	struct turn turn = { bpf_get_current_task(), frame, WAY_DECIDED };

	bpf_map_delete_elem(&turns, &turn);
}

/* The return is ours, since we decided at the entry: let the program that runs second know. */
static __noinline __maybe_unused bool keep_turn(const void *context)
{
	struct turn turn = { bpf_get_current_task(), (u64)context, config.way };
	u32 zero = 0, place = own_place();
	const volatile u64 *word = bpf_map_lookup_elem(&slot, &zero);
	struct phase phase;
	u64 now = word ? *word : 0;

	if (now < 2 || service.places == BOTH_PLACES)
		return true;
	phase = phase_of(now);
	if (is_first(now) && phase.is_handed_over && phase.active == place)
		bpf_map_update_elem(&turns, &turn, &place, BPF_ANY);
	else
		bpf_map_delete_elem(&turns, &turn);
	return true;
}

static __noinline __maybe_unused bool has_uncommon_turn_at_return(const void *context, u64 word,
								  u64 frame)
{
	struct turn turn = { bpf_get_current_task(), frame, WAY_DECIDED };
	const u32 *place = bpf_map_lookup_elem(&turns, &turn);

	if (place && !(service.places >> (*place & 1) & 1))
		return false;
	return has_uncommon_turn(context, word);
}

/* The same at the return of a call that this generation has not denied; maybe the other one did. */
static __always_inline bool is_our_turn_at_return(const void *context, u64 frame)
{
	u32 zero = 0;
	const volatile u64 *word = bpf_map_lookup_elem(&slot, &zero);
	u64 now;

	if (!word)
		return false;
	now = *word;
	if (likely(now < 2))
		return service.places >> now & 1;
	return has_uncommon_turn_at_return(context, now, frame);
}

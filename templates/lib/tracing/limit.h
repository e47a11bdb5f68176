/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rate limits: an event that repeats an earlier one, with the same values, is held back and
 * counted until so many seconds have gone by.
 */
#pragma once

#include "event.h"

#define SECOND 1000000000ULL

struct limit {
	u64 values; /* hash of all values */
	u32 rule; /* the selector, unique in the generation */
	u32 whose; /* thread, process, or 0 for everyone's */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct limit);
	__type(value, u64);
	__uint(max_entries, 1024);
} limits SEC(".maps");

struct hashing {
	const struct event_room *event;
	u64 hash;
};

static long hash_word(u32 index, void *context)
{
	struct hashing *hashing = context;
	u64 at = (u64)index * 8;
	const u64 *word;

	if (at >= hashing->event->length || at > EVENT_ROOM)
		return 1;
	word = (const void *)(hashing->event->values + at);
	/* Eight bytes at once: clang takes an array of bytes for one without alignment. */
	asm volatile("" : "+r"(word));
	hashing->hash = (hashing->hash ^ *word) * 0x9e3779b97f4a7c15ULL;
	hashing->hash ^= hashing->hash >> 29;
	return 0;
}

/* The values of an event as one number; what stands behind a value's end is zero there. */
static __noinline __maybe_unused u64 hash_values(const struct event_room *event)
{
	struct hashing hashing = { .event = event };

	if (!event)
		return 0;
	bpf_loop(EVENT_ROOM / 8, hash_word, &hashing, 0);
	return hashing.hash;
}

/* Whether this was told of less than so many seconds ago; if not, it is told of now. */
static __noinline __maybe_unused bool is_repeated(u64 values, u32 rule, u32 whose, u32 seconds)
{
	struct limit key = { .values = values, .rule = rule, .whose = whose };
	u64 now = bpf_ktime_get_boot_ns(), *last = bpf_map_lookup_elem(&limits, &key);

	if (last && now - *last < seconds * SECOND)
		return true;
	bpf_map_update_elem(&limits, &key, &now, BPF_ANY);
	return false;
}

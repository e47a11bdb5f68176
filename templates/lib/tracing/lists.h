/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What lists in policies become where nobody knows beforehand how much that is: words, in an array
 * of any length for each place, and an index that says what stands where.
 */
#pragma once

#include "maps.h"

/* By number: a word.  The first one is 0, and what stands there is nowhere. */
struct list {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_INNER_MAP);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, 1);
};

/* By place. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__type(key, u32);
	__uint(max_entries, PLACES);
	__array(values, struct list);
} lists SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct list_index);
	__uint(max_entries, PLACES);
} list_indexes SEC(".maps");

/*
 * A class is unknown (0), or it has a number, from 1 on, among those of its place.  The id says
 * both, and is the same to everybody.
 */
#define CLASS_ID PLACED
#define CLASS_NUMBER(ID) ((ID) >> 1)
#define CLASS_PLACE(ID) ((ID) & 1)

static __always_inline const struct list_index *find_index(u32 place)
{
	return bpf_map_lookup_elem(&list_indexes, &place);
}

static __always_inline void *find_list(u32 place)
{
	return bpf_map_lookup_elem(&lists, &place);
}

static __always_inline u64 word_of(void *list, u32 at)
{
	const u64 *word = bpf_map_lookup_elem(list, &at);

	return word ? *word : 0;
}

static __noinline __maybe_unused u64 list_word(u32 place, u32 at)
{
	void *list = find_list(place & 1);

	return list ? word_of(list, at) : 0;
}

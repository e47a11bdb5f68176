/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Classes of binaries: one pass over the path that was executed gives the class.  Most are known
 * before they are asked for (classify.c); the class of a process that has no record, or whose path
 * was too long for it, is found where it is asked for, from the binary that it runs.
 *
 * Two generations have a part of each table, at their places: a change of one says nothing to the
 * other, and programs that serve both go on.  A class is unknown (0), or counted from the first
 * of its place: it is the same number to everybody.
 */
#pragma once

#include "maps.h"

struct binary_state {
	u32 prefix; /* the longest known prefix that ends here, 0 for none */
	u32 equal; /* the class of a path that ends here, 0 if it is none of the values */
	u32 postfix; /* the longest known postfix with which a path ends here */
	u32 pad;
	u32 next[BINARY_ROOM]; /* counted, as the classes are, from the place's first one */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct binary_state);
	__uint(max_entries, 1);
} binary_states SEC(".maps");

/* How many entries of the other tables each place has, and what else a generation has once. */
struct binary_tables {
	u32 states;
	u32 pairs;
	u32 classes;
	u32 width; /* of a row of pairs: the known postfixes, and none */
	u8 byte_class[256];
};

/* By place. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct binary_tables);
	__uint(max_entries, 1);
} binary_tables SEC(".maps");

/* By prefix and postfix: the class. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, u32);
	__uint(max_entries, 1);
} binary_pairs SEC(".maps");

/* By class: the rules that follow such a process to its children. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, 1);
} followers SEC(".maps");

/* How far a path was read. */
struct reading {
	const struct binary_tables *tables;
	u32 place;
	u32 state;
	u32 prefix;
	u32 at;
};

static __always_inline const struct binary_state *find_state(const struct reading *reading)
{
	u32 at = reading->place * reading->tables->states + reading->state;

	return bpf_map_lookup_elem(&binary_states, &at);
}

static __always_inline const struct binary_state *enter_state(struct reading *reading)
{
	const struct binary_state *state = find_state(reading);

	if (state && state->prefix)
		reading->prefix = state->prefix;
	return state;
}

static __always_inline void leave_state(struct reading *reading, const struct binary_state *state,
					u8 byte)
{
	reading->state = state->next[reading->tables->byte_class[byte] & (BINARY_ROOM - 1)];
	reading->at++;
}

static __always_inline bool begin_reading(struct reading *reading, u32 place)
{
	reading->tables = bpf_map_lookup_elem(&binary_tables, &place);
	reading->place = place;
	reading->state = 1;
	reading->prefix = 0;
	reading->at = 0;
	return reading->tables;
}

/* The class of a path that was read to its end. */
static __always_inline u32 class_at_end(const struct reading *reading)
{
	const struct binary_state *state = find_state(reading);
	const struct binary_tables *tables = reading->tables;
	const u32 *class;
	u32 at;

	if (!state)
		return UNKNOWN_CLASS;
	class = &state->equal;
	if (!*class) {
		at = reading->place * tables->pairs + reading->prefix * tables->width +
		     state->postfix;
		class = bpf_map_lookup_elem(&binary_pairs, &at);
	}
	return class ? reading->place * tables->classes + *class : UNKNOWN_CLASS;
}

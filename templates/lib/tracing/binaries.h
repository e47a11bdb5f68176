/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Classes of binaries: one pass over the path that was executed gives the class.  Most are known
 * before they are asked for (classify.c); the class of a process that has no record, or whose path
 * was too long for it, is found where it is asked for, from the binary that it runs.
 */
#pragma once

#include "maps.h"

struct binary_state {
	u32 prefix; /* the longest known prefix that ends here, 0 for none */
	u32 equal; /* the class of a path that ends here, 0 if it is none of the values */
	u32 postfix; /* the longest known postfix with which a path ends here */
	u32 pad;
	u32 next[BINARY_ROOM];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct binary_state);
	__uint(max_entries, 1);
} binary_states SEC(".maps");

struct byte_classes {
	u8 of[256];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct byte_classes);
	__uint(max_entries, 1);
} binary_bytes SEC(".maps");

/* By prefix and postfix: the class, and how many postfixes there are (in the first entry). */
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
	const struct byte_classes *classes;
	u32 state;
	u32 prefix;
	u32 at;
};

static __always_inline const struct binary_state *enter_state(struct reading *reading)
{
	const struct binary_state *state = bpf_map_lookup_elem(&binary_states, &reading->state);

	if (state && state->prefix)
		reading->prefix = state->prefix;
	return state;
}

static __always_inline void leave_state(struct reading *reading, const struct binary_state *state,
					u8 byte)
{
	reading->state = state->next[reading->classes->of[byte] & (BINARY_ROOM - 1)];
	reading->at++;
}

static __always_inline bool begin_reading(struct reading *reading)
{
	u32 zero = 0;

	reading->classes = bpf_map_lookup_elem(&binary_bytes, &zero);
	reading->state = 1;
	reading->prefix = 0;
	reading->at = 0;
	return reading->classes;
}

/* The class of a path that was read to its end. */
static __always_inline u32 class_at_end(const struct reading *reading)
{
	const struct binary_state *state = bpf_map_lookup_elem(&binary_states, &reading->state);
	u32 zero = 0, place;
	const u32 *width = bpf_map_lookup_elem(&binary_pairs, &zero), *class;

	if (!state || !width)
		return UNKNOWN_CLASS;
	if (state->equal)
		return state->equal;
	place = 1 + reading->prefix * *width + state->postfix;
	class = bpf_map_lookup_elem(&binary_pairs, &place);
	return class ? *class : UNKNOWN_CLASS;
}

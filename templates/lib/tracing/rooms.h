/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where strings are while they are judged: beside each room for an event, so that whoever has
 * taken one has these too.  What was judged is what the event shows.
 */
#pragma once

#include "event.h"

/* Bytes of a string or path that are judged; longer ones are cut, and their event says so. */
#define TEXT_SIZE 4096
/* The longest name in a directory (NAME_MAX) and a byte: room behind the last place. */
#define NAME_SIZE 256
/* Strings that one site can judge. */
#define TEXT_ROOMS 6

/* What is_read says of a string whose address is such a one: it is empty, and that is certain. */
#define TEXT_IS_NOTHING 2

/* A string stands from START to END. */
struct text {
	u32 start;
	u32 end;
	u32 flags; /* of struct tracing_value */
	u32 is_read;
	u64 whole; /* bytes that there are, where it is cut and somebody knows */
	u8 bytes[TEXT_SIZE + NAME_SIZE];
};

struct texts {
	struct text at[TEXT_ROOMS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, struct texts);
	__uint(max_entries, EVENT_ROOMS);
} text_rooms SEC(".maps");

static __always_inline struct texts *texts_of(const struct event_room *event)
{
	u32 index = event->index;
	struct texts *texts = bpf_map_lookup_elem(&text_rooms, &index);

	if (texts)
		for (u32 i = 0; i < TEXT_ROOMS; i++) {
			texts->at[i].is_read = 0;
			texts->at[i].whole = 0;
		}
	return texts;
}

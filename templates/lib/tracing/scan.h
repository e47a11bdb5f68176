/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Strings: taken from the kernel or from a program, and given to the automata of the tables. */
#pragma once

#include "rooms.h"

/* Set in a step that leads to a state at which values end. */
#define STEP_FOUND (1U << 31)
/* States: nothing is begun; nothing but the beginning of the text is seen. */
#define STATE_ROOT 0
#define STATE_START 1

/* A string of this size at an address of the kernel or, on its lower half, of the program. */
static __noinline __maybe_unused bool read_string(struct text *text, u64 address)
{
	long length;

	if (!text)
		return false;
	text->start = 0;
	text->flags = 0;
	text->is_read = address < NOTHING_BELOW ? TEXT_IS_NOTHING : 1;
	length = (s64)address < 0 ?
			 bpf_probe_read_kernel_str(text->bytes, TEXT_SIZE, (void *)address) :
			 bpf_probe_read_user_str(text->bytes, TEXT_SIZE, (void *)address);
	if (length == TEXT_SIZE)
		text->flags |= VALUE_IS_CUT;
	if (length < 0)
		text->flags |= VALUE_IS_UNREADABLE;
	text->end = length > 0 ? length - 1 : 0;
	return length >= 0;
}

/* Bytes of a known number; those that have no room are cut. */
static __noinline __maybe_unused bool read_bytes(struct text *text, u64 address, u64 size)
{
	long result;

	if (!text)
		return false;
	text->start = 0;
	text->flags = 0;
	text->is_read = 1;
	text->whole = size;
	if (size > TEXT_SIZE) {
		size = TEXT_SIZE;
		text->flags |= VALUE_IS_CUT;
	}
	result = (s64)address < 0 ?
			 bpf_probe_read_kernel(text->bytes, size, (void *)address) :
			 bpf_probe_read_user(text->bytes, size, (void *)address);
	if (result)
		text->flags |= VALUE_IS_UNREADABLE;
	text->end = result ? 0 : size;
	return !result;
}

/* Put a string that was judged into the event. */
static __always_inline void add_text(struct event_room *event, u8 type, u16 place,
				     struct text *text)
{
	u32 start = text->start & (TEXT_SIZE - 1), length = text->end - start;
	void *bytes = open_value(event, type, place);

	if (!bytes)
		return;
	if (length > VALUE_ROOM)
		length = VALUE_ROOM;
	bpf_probe_read_kernel(bytes, length, &text->bytes[start]);
	close_value(event, length, text->flags);
	if (text->flags & VALUE_IS_CUT && text->whole)
		add_number(event, TRACING_TYPE_WHOLE_SIZE, place, text->whole);
}

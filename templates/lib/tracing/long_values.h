/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Buffers of which an event shows more than it has room for ('maxData').  Their beginning is in
 * the event, as that of all buffers; what is behind goes into the ring right before the event, in
 * records of its own (struct tracing_continuation), and the event says how much that is.
 *
 * Where to go on is noted when a value is added, and followed once it is certain that the event
 * is told of.
 */
#pragma once

#include "gather.h"
#include "scan.h"

/* Bytes of a value that one continuation has. */
#define CONTINUATION_SIZE 4096
/* No read goes over the end of a page: what is in memory is read to its last byte. */
#define PAGE_SIZE 4096
/* Pieces (UIO_MAXIOV, each begun and then read) and pages that are looked at. */
#define MOST_READS 4096

struct long_value {
	struct gather gather;
	u32 shown; /* bytes that the event has */
	u32 place;
};

struct long_values {
	struct gather gather; /* of the one that is read */
	u32 left; /* bytes of it that may still be shown */
	u32 filled; /* bytes in the continuation that is put together */
	u32 flags; /* of struct tracing_rest */
	u32 count;
	struct long_value of[LONG_VALUES];
};

/* A continuation while it is put together, and room behind it for one more read. */
struct continuation {
	struct tracing_continuation head;
	u8 bytes[CONTINUATION_SIZE + PAGE_SIZE];
};

_Static_assert(sizeof(struct long_values) <= PATH_WALK, "room for the values of one event");
_Static_assert(sizeof(struct continuation) <= sizeof(struct texts), "room for a continuation");

/* They are in the event's room, where a site puts no path together. */
static __always_inline struct long_values *long_values_of(struct event_room *event)
{
	return (struct long_values *)event->path;
}

/* Bytes of a known number, as read_bytes(); from where they are cut one can go on. */
static __always_inline bool read_long_bytes(struct text *text, u64 address, u64 size)
{
	bool is_read = read_bytes(text, address, size);
	struct gather *gather = gather_of(text);

	gather->pieces = 0;
	gather->skipped = 0;
	gather->from = address + TEXT_SIZE;
	gather->left = size - TEXT_SIZE;
	gather->wanted = size - TEXT_SIZE;
	return is_read;
}

/* Put the beginning of a buffer into the event, and note where it goes on. */
static __always_inline void add_long_text(struct event_room *event, u16 place, struct text *text)
{
	struct long_values *values = long_values_of(event);
	u64 count = values->count;
	struct long_value *value;

	add_text(event, TRACING_TYPE_BYTES, place, text);
	hide(count);
	if (text->flags != VALUE_IS_CUT || count >= LONG_VALUES)
		return;
	value = &values->of[count];
	value->gather = *gather_of(text);
	value->shown = text->end;
	value->place = place;
	values->count = count + 1;
}

/* Put what is there into the ring, half of which is kept for events; false where it is full. */
static __always_inline bool send_continuation(struct long_values *values,
					      struct continuation *continuation)
{
	u64 size = values->filled;

	hide(size);
	if (size > CONTINUATION_SIZE)
		return false;
	continuation->head.size = sizeof(continuation->head) + size;
	if (bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) >
	    bpf_ringbuf_query(&events, BPF_RB_RING_SIZE) / 2)
		return false;
	if (bpf_ringbuf_output(&events, continuation, sizeof(continuation->head) + size,
			       wake_flags()))
		return false;
	count(events);
	continuation->head.offset += size;
	values->filled = 0;
	return true;
}

struct continuing {
	struct long_values *values;
	struct continuation *continuation;
};

/* One step: to the next piece, or as many bytes as one read can have. */
static long continue_value(u32 index, void *context)
{
	const struct continuing *continuing = context;
	struct continuation *continuation = continuing->continuation;
	struct long_values *values = continuing->values;
	struct gather *gather = &values->gather;
	u64 size = gather->left, filled = values->filled;
	u64 page = PAGE_SIZE - (gather->from & (PAGE_SIZE - 1));

	if (!gather->wanted || (!size && !gather->pieces)) {
		values->flags |= REST_IS_WHOLE;
		return 1;
	}
	if (!size) {
		if (next_piece(gather))
			return 0;
		values->flags |= REST_IS_UNREADABLE;
		return 1;
	}
	if (!values->left)
		return 1;
	if (size > gather->wanted)
		size = gather->wanted;
	if (size > values->left)
		size = values->left;
	if (size > page)
		size = page;
	if (size > CONTINUATION_SIZE - filled)
		size = CONTINUATION_SIZE - filled;
	hide(size);
	if (size > PAGE_SIZE)
		return 1;
	if (READ_ANY(&continuation->bytes[filled & (CONTINUATION_SIZE - 1)], size,
		     gather->from)) {
		values->flags |= REST_IS_UNREADABLE;
		return 1;
	}
	gather->from += size;
	gather->left -= size;
	gather->wanted -= size;
	values->left -= size;
	values->filled = filled + size;
	if (values->filled == CONTINUATION_SIZE && !send_continuation(values, continuation)) {
		values->flags |= REST_IS_LOST;
		return 1;
	}
	return 0;
}

/* Send what is behind the beginning of one value, and say in the event how much that was. */
static __noinline __maybe_unused bool send_rest(struct event_room *event,
						struct continuation *continuation,
						const struct long_value *value)
{
	struct long_values *values = event ? long_values_of(event) : NULL;
	struct continuing continuing = { values, continuation };
	struct tracing_rest *rest;

	if (!values || !continuation || !value || event->length > EVENT_ROOM)
		return false;
	values->gather = value->gather;
	values->left = LONGEST_VALUE - value->shown;
	values->filled = 0;
	values->flags = 0;
	continuation->head.version = TRACING_EVENT_VERSION;
	continuation->head.kind = EVENT_KIND_CONTINUATION;
	continuation->head.place = value->place;
	continuation->head.time = event->head.time;
	continuation->head.tid = event->head.tid;
	continuation->head.room = event->index;
	continuation->head.offset = 0;
	continuation->head.pad = 0;
	bpf_loop(MOST_READS, continue_value, &continuing, 0);
	if (values->filled && !(values->flags & REST_IS_LOST) &&
	    !send_continuation(values, continuation))
		values->flags = REST_IS_LOST;
	rest = open_value(event, TRACING_TYPE_REST, value->place);
	if (!rest)
		return false;
	rest->size = continuation->head.offset;
	rest->room = event->index;
	rest->flags = values->flags;
	close_value(event, sizeof(*rest), 0);
	return true;
}

/* Send the rests of all values that are longer; what was judged is of no more use. */
static __always_inline void send_long_values(struct event_room *event, struct texts *texts)
{
	const struct long_values *values = long_values_of(event);

	for (u32 i = 0; i < LONG_VALUES; i++)
		if (i < values->count)
			send_rest(event, (struct continuation *)texts, &values->of[i]);
}

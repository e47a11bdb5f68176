/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Building one event: start_event(), then a value at a time, then finish_event().
 *
 * The room is this CPU's.  While a task builds, another task (after preemption) or an interrupt
 * may hit a site on the same CPU, so there are several rooms and a word that says which are
 * taken; when all are, the event is lost and counted.
 */
#pragma once

#include "service.h"

/* Bytes of values that an event can have, and how long one value may be. */
#define EVENT_ROOM 16384
#define VALUE_ROOM 4096
#define EVENT_ROOMS 4

/* Bytes of the longest path that is walked, see path.h. */
#define PATH_WALK 4096

struct event_room {
	struct tracing_event head;
	u8 values[EVENT_ROOM + VALUE_ROOM + sizeof(struct tracing_value)];
	u32 length; /* bytes of values so far */
	u32 index;
	u32 path_begins; /* in path, while it is put together */
	u32 pad;
	u8 path[PATH_WALK + 256]; /* where a path is put together, from its end */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, struct event_room);
	__uint(max_entries, EVENT_ROOMS);
} event_rooms SEC(".maps");

/* Bit N: room N of this CPU is taken. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, u32);
	__uint(max_entries, 1);
} event_rooms_taken SEC(".maps");

static __always_inline void leave_event(const struct event_room *event)
{
	u32 zero = 0, bit = 1U << (event->index & (EVENT_ROOMS - 1));
	u32 *taken = bpf_map_lookup_elem(&event_rooms_taken, &zero);

	if (taken)
		__sync_fetch_and_and(taken, ~bit);
}

static __always_inline bool take_room(u32 *taken, const u32 index)
{
	return !(__sync_fetch_and_or(taken, 1U << index) & 1U << index);
}

/*
 * Begin an event with its head filled as far as the task says it; NULL where this CPU builds
 * too many (counted).  Whoever has begun must finish_event() or leave_event().
 */
static __always_inline struct event_room *start_event(u8 kind, u32 hook)
{
	u32 zero = 0, index, *taken = bpf_map_lookup_elem(&event_rooms_taken, &zero);
	struct event_room *event;
	u64 ids;

	if (!taken)
		return NULL;
	/* One after the other, and no loop: kept in memory, its index would not bound it. */
	index = take_room(taken, 0) ? 0 : take_room(taken, 1) ? 1 : take_room(taken, 2) ? 2 : 3;
	if (index == 3 && !take_room(taken, 3))
		index = EVENT_ROOMS;
	event = index < EVENT_ROOMS ? bpf_map_lookup_elem(&event_rooms, &index) : NULL;
	if (!event) {
		count(nested);
		return NULL;
	}
	event->index = index;
	event->length = 0;
	__builtin_memset(&event->head, 0, sizeof(event->head));
	ids = bpf_get_current_pid_tgid();
	event->head.version = TRACING_EVENT_VERSION;
	event->head.kind = kind;
	event->head.hook = hook;
	event->head.time = bpf_ktime_get_boot_ns();
	event->head.tgid = ids >> 32;
	event->head.tid = (u32)ids;
	event->head.generation = served_generation();
	event->head.cgroup = bpf_get_current_cgroup_id();
	return event;
}

/* Fill in whose event this is; false (and a flag) where there is no record of the process. */
static __always_inline bool set_process(struct event_room *event, const struct process *process)
{
	if (!process) {
		event->head.flags |= EVENT_PROCESS_IS_UNKNOWN;
		return false;
	}
	event->head.start = process->start;
	return true;
}

/*
 * Where the bytes of the next value go: at most VALUE_ROOM of them, before close_value().
 * NULL where the event is full; the event then says so.
 */
static __always_inline void *open_value(struct event_room *event, u8 type, u16 place)
{
	u64 at = event->length;
	struct tracing_value *value;

	/* One register of 64 bits: the bound of a copy of 32 is lost on 6.1. */
	asm volatile("" : "+r"(at));
	if (at > EVENT_ROOM) {
		event->head.flags |= EVENT_HAS_LOST_VALUES;
		return NULL;
	}
	value = (struct tracing_value *)(event->values + at);
	value->type = type;
	value->flags = 0;
	value->place = place;
	value->size = 0;
	return value + 1;
}

/* Take over SIZE bytes that were written where open_value() said. */
static __always_inline void close_value(struct event_room *event, u32 size, u8 flags)
{
	u64 at = event->length;
	struct tracing_value *value;

	asm volatile("" : "+r"(at)); /* as above */
	if (at > EVENT_ROOM)
		return;
	if (size > VALUE_ROOM)
		size = VALUE_ROOM;
	value = (struct tracing_value *)(event->values + at);
	value->flags = flags;
	value->size = size;
	event->length = at + sizeof(*value) + ((size + 7) & ~7U);
	event->head.value_count++;
}

/* A value of 8 bytes. */
static __always_inline void add_number(struct event_room *event, u8 type, u16 place, u64 number)
{
	u64 *bytes = open_value(event, type, place);

	if (!bytes)
		return;
	*bytes = number;
	close_value(event, sizeof(number), 0);
}

/* A value that is nowhere, or in memory that is gone. */
static __always_inline void add_unreadable(struct event_room *event, u8 type, u16 place)
{
	if (open_value(event, type, place))
		close_value(event, 0, VALUE_IS_UNREADABLE);
}

/* Numbers of 64 bits as one value; there are few of them. */
static __always_inline void add_words(struct event_room *event, u16 place, const u64 *words,
				      const u32 count)
{
	u64 *bytes = open_value(event, TRACING_TYPE_BYTES, place);

	if (!bytes)
		return;
	for (u32 i = 0; i < count; i++)
		bytes[i] = words[i];
	close_value(event, 8 * count, 0);
}

/*
 * A reader that waits is woken when a quarter of the ring is full; besides, it looks often
 * (every tenth of a second).  Waking it for each record would cost more than the record.
 */
static __always_inline u64 wake_flags(void)
{
	return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > 1 << 18 ? BPF_RB_FORCE_WAKEUP :
									   BPF_RB_NO_WAKEUP;
}

/* Put the event into the ring and give the room back; false where the ring is full (counted). */
static __always_inline bool finish_event(struct event_room *event)
{
	u32 size = event->length;
	long result;

	if (size > sizeof(event->values))
		size = sizeof(event->values);
	size += sizeof(event->head);
	event->head.size = size;
	result = bpf_ringbuf_output(&events, &event->head, size, wake_flags());
	if (result)
		count(lost);
	else
		count(events);
	leave_event(event);
	return !result;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps that outlive generations; they are pinned, and user space may enlarge them. */
#pragma once

#include "layout.h"

/* Constants of this generation; user space sets them before the verifier reads them. */
const volatile struct config config = {};

/*
 * Flows that were answered.  A plain hash: nothing that a stranger sends can push an
 * established flow out.  When it is full, further flows stay in flows_new.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct flow_key);
	__type(value, struct flow);
	__uint(max_entries, 131072);
} flows SEC(".maps");

/*
 * The keys of all entries of flows, each once, and a mark of the sweeper's own: who creates
 * an entry puts its key here, and only the sweeper deletes one or the other.
 */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__type(value, struct flow_key);
	__uint(max_entries, 131073);
} flow_queue SEC(".maps");

/* Flows without an answer yet; a flood of them pushes out only its like. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct flow_key);
	__type(value, struct flow);
	__uint(max_entries, 65536);
} flows_new SEC(".maps");

/* What first fragments said. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct fragment_key);
	__type(value, struct fragment);
	__uint(max_entries, 8192);
} fragments SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 23);
} events SEC(".maps");

/* When something was last said about packets that make no flow. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct flow_key);
	__type(value, struct report);
	__uint(max_entries, 16384);
} event_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, struct event_budget);
	__uint(max_entries, 1);
} event_budget SEC(".maps");

/* Dropped packets by enum reason. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, struct counter);
	__uint(max_entries, 64);
} drop_counters SEC(".maps");

static __always_inline void count_drop(u32 reason, u32 length)
{
	struct counter *counter = bpf_map_lookup_elem(&drop_counters, &reason);

	if (counter) {
		counter->packets++;
		counter->bytes += length;
	}
}

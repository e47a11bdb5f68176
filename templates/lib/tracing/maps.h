/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maps of tracing that outlive generations.  They are pinned by name; whoever loads an object
 * reuses them, and user space may enlarge them before they are made.
 */
#pragma once

#include "tracing_layout.h"

/* Constants of this generation; user space sets them before the verifier reads them. */
const volatile struct tracing_config config = {};

/* Bit 0: the active place; the rest: until when (boot time, ns), 0 for no limit. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, 1);
} slot SEC(".maps");

/* The ring that the network's events stand in, too. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

/* Each process (thread group) that is alive, by tgid. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32);
	__type(value, struct process);
	__uint(max_entries, 16384);
} processes SEC(".maps");

/* Each cgroup (version 2) that is there, by id. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u64);
	__type(value, struct cgroup_class);
	__uint(max_entries, 16384);
} cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, struct tracing_counters);
	__uint(max_entries, 1);
} tracing_counters SEC(".maps");

/* By place: the program that classifies a process after exec; the sensor jumps to it. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__type(key, u32);
	__type(value, u32);
	__uint(max_entries, 2);
} classifiers SEC(".maps");

/* Add one to a counter of this CPU; NAME is a member of struct tracing_counters. */
#define count(NAME)                                                                       \
	do {                                                                              \
		u32 zero_ = 0;                                                            \
		struct tracing_counters *counters_ =                                      \
			bpf_map_lookup_elem(&tracing_counters, &zero_);                   \
                                                                                          \
		if (counters_)                                                            \
			__sync_fetch_and_add(&counters_->NAME, 1);                        \
	} while (0)

/* The active place.  After the deadline it is the other one, with nobody's help. */
static __always_inline u32 active_place(void)
{
	u32 zero = 0;
	const u64 *word = bpf_map_lookup_elem(&slot, &zero);
	u64 deadline;

	if (!word)
		return 0;
	deadline = *word >> 1;
	if (unlikely(deadline) && bpf_ktime_get_boot_ns() > deadline)
		return !(*word & 1);
	return *word & 1;
}

static __always_inline struct process *find_process(u32 tgid)
{
	return bpf_map_lookup_elem(&processes, &tgid);
}

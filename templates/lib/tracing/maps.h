/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maps of tracing that outlive generations.  They are pinned by name; whoever loads an object
 * reuses them, and user space may enlarge them before they are made.
 */
#pragma once

#include "slot.h"
#include "tracing_layout.h"

/* Constants of this program; user space sets them before the verifier reads them. */
const volatile struct tracing_config config = {};

/* Whom it serves; user space changes it while the program runs (service.h). */
volatile struct tracing_service service SEC(".data.service");

/*
 * Two generations share maps of what their policies name: each has its part, at its place, and so
 * a change of one says nothing to the other, and programs that serve both go on.
 */
#define PLACES 2

/* By what the entry NUMBER of a generation's part is found. */
#define PLACED(NUMBER, PLACE) ((NUMBER) << 1 | (PLACE))

/* The ring that the network's events stand in, too. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 23);
} events SEC(".maps");

/*
 * Each process (thread group) that is alive, by tgid.  Its key has eight bytes, which the kernel
 * compares as one word, and shorter ones byte by byte.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u64);
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

/* The same for processes that begin: programs of generations that follow numbers. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__type(key, u32);
	__type(value, u32);
	__uint(max_entries, 2);
} fork_classifiers SEC(".maps");

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

/* What stands before it is read and written before what stands behind. */
#define barrier() asm volatile("" ::: "memory")

static __always_inline struct process *find_process(u32 tgid)
{
	u64 key = tgid;

	return bpf_map_lookup_elem(&processes, &key);
}

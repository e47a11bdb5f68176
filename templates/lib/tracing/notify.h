/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A hook notifies its policy's enforcer of a thread; when the thread comes to one of the
 * enforcer's calls, it is sent the signal.  It is sent once.
 */
#pragma once

#include "act.h"
#include "kernel.h"
#include "walk.h"

/* The start makes a thread another that has its number later. */
struct notified {
	u64 thread;
	u64 start;
	u64 policy;
};

struct notification {
	u32 signal;
	u32 severity;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct notified);
	__type(value, struct notification);
	__uint(max_entries, 1024);
} notifications SEC(".maps");

static __always_inline struct notified this_thread(const u32 policy)
{
	return (struct notified){
		.thread = bpf_get_current_pid_tgid(),
		.start = PROBE(bpf_get_current_task_btf()->start_boottime),
		.policy = policy,
	};
}

/* Of several notifications the most severe stands. */
static __always_inline void
notify(struct deeds *deeds, const u32 policy, const u32 signal, const u32 severity)
{
	const struct notification one = { signal, severity }, *before;
	struct notified key = this_thread(policy);

	if (deeds->is_bystander) {
		if (deeds->withheld < TRACING_ACTION_NOTIFY_ENFORCER)
			deeds->withheld = TRACING_ACTION_NOTIFY_ENFORCER;
		return;
	}
	if (!weigh(deeds, policy, TRACING_ACTION_NOTIFY_ENFORCER))
		return;
	before = bpf_map_lookup_elem(&notifications, &key);
	if (!before || before->severity < severity)
		bpf_map_update_elem(&notifications, &key, &one, BPF_ANY);
}

static __always_inline void
forget_notification(struct deeds *deeds, const u32 policy)
{
	struct notified key = this_thread(policy);

	bpf_map_delete_elem(&notifications, &key);
	note(deeds, TRACING_ACTION_CLEANUP_ENFORCER);
}

static __always_inline void enforce(const u32 policy)
{
	struct notified key = this_thread(policy);
	const struct notification *found = bpf_map_lookup_elem(&notifications, &key);
	u32 signal;

	if (!found)
		return;
	signal = found->signal;
	bpf_map_delete_elem(&notifications, &key);
	if (enforces(policy, served_place()))
		bpf_send_signal(signal);
}

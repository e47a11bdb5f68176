/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a function was called with, kept from its entry until it returns. */
#pragma once

#include "context.h"
#include "maps.h"

/* Of one call: the values that its site judges and shows. */
struct call {
	u64 is_over;
	u64 values[KEPT_VALUES];
};

/*
 * Thread and stack tell one call from others, deeper ones of the same function too.  A record is
 * written over by the next call at this depth, or forgotten when there are too many.
 */
struct call_key {
	u64 thread;
	u64 stack;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct call_key);
	__type(value, struct call);
	__uint(max_entries, 1024);
} calls SEC(".maps");

/* At the entry of x86-64 the return address is on the stack, at the return it is taken off. */
#ifdef MACHINE_X86_64
#define ENTRY_STACK 8
#else
#define ENTRY_STACK 0
#endif

/*
 * A kernel has room for some returns of a function at once; those beyond pass us by, and their
 * calls are counted here alone.
 */
static __always_inline void keep_call(void *context, const struct call *call)
{
	struct call_key key = { bpf_get_current_pid_tgid(), REGISTER(context, sp) + ENTRY_STACK };

	count(calls);
	bpf_map_update_elem(&calls, &key, call, BPF_ANY);
}

/* End the call that returns; false where nobody kept it. */
static __always_inline bool end_call(void *context)
{
	struct call_key key = { bpf_get_current_pid_tgid(), REGISTER(context, sp) };
	struct call *call = bpf_map_lookup_elem(&calls, &key);

	if (!call || call->is_over) {
		count(missed);
		return false;
	}
	call->is_over = 1;
	count(returns);
	return true;
}

static __always_inline u64 value_of_call(void *context, const u32 number)
{
	struct call_key key = { bpf_get_current_pid_tgid(), REGISTER(context, sp) };
	const struct call *call = bpf_map_lookup_elem(&calls, &key);

	return call ? call->values[number] : 0;
}

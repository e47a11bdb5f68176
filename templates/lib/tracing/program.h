/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs of user space: their registers where they are stopped, and what a function was called
 * with, kept until it returns.
 */
#pragma once

#include "act.h"
#include "context.h"

#define REGISTER(CONTEXT, NAME) \
	FROM_CONTEXT(CONTEXT, u64, __builtin_offsetof(struct pt_regs, NAME))

static long (*const bpf_probe_write_user)(void *to, const void *from, u32 size) = (void *)36;
/* Which of its places a program is at: user space gave it a number. */
static u64 (*const bpf_get_attach_cookie)(void *context) = (void *)174;

#ifdef KEPT_VALUES
/* Of one call: the values that its site judges and shows. */
struct call {
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

static __always_inline __attribute__((unused)) void keep_call(void *context, const struct call *call)
{
	struct call_key key = { bpf_get_current_pid_tgid(), REGISTER(context, sp) + ENTRY_STACK };

	bpf_map_update_elem(&calls, &key, call, BPF_ANY);
}

static __always_inline __attribute__((unused)) const struct call *find_call(void *context)
{
	struct call_key key = { bpf_get_current_pid_tgid(), REGISTER(context, sp) };

	return bpf_map_lookup_elem(&calls, &key);
}

static __always_inline __attribute__((unused)) u64 value_of_call(void *context, const u32 number)
{
	const struct call *call = find_call(context);

	return call ? call->values[number] : 0;
}
#endif

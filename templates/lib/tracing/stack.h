/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who called: the return addresses of the kernel or of the program, in the event itself.  In a
 * map of stacks they could collide, find it full, or be gone when the event is read.
 */
#pragma once

#include "event.h"

/* As many frames as the kernel walks unless told otherwise (kernel.perf_event_max_stack). */
#define STACK_ROOM (127 * sizeof(u64))

enum { BPF_F_USER_STACK = 1 << 8 };

static long (*const bpf_get_stack)(void *context, void *to, u32 size, u64 flags) = (void *)67;

/* A thread of the kernel runs no program, and a program that is stopped is not in the kernel. */
static __always_inline void add_stack(void *context, struct event_room *event, const u8 type,
				      const u64 flags)
{
	void *frames = open_value(event, type, 0);
	long size;

	if (!frames)
		return;
	size = bpf_get_stack(context, frames, STACK_ROOM, flags);
	if (size > 0)
		close_value(event, size, 0);
	else
		close_value(event, 0, VALUE_IS_UNREADABLE);
}

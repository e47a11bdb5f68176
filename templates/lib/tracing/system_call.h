/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which table of system calls a number is of: those of 32-bit programs have numbers of their own. */
#pragma once

#include "kernel.h"
#include "walk.h"

/* What is added to a number of the 32-bit table, as the reference does. */
#define OF_32_BITS 0x80000000ULL

#ifdef MACHINE_AARCH64
/* arch/arm64/include/asm/thread_info.h */
#define IS_32_BITS (1ULL << 22)
struct thread_info {
	u64 flags;
} __of_kernel;
#define CALLS_BY flags
#else
/* arch/x86/include/asm/thread_info.h: TS_COMPAT, set while a call of 32 bits is under way. */
#define IS_32_BITS 2
struct thread_info {
	u32 status;
} __of_kernel;
#define CALLS_BY status
#endif

struct task_struct___of_calls {
	struct thread_info thread_info;
} __of_kernel;

static __always_inline u64 table_of_call(void)
{
	const struct task_struct___of_calls *task = (const void *)bpf_get_current_task_btf();

	return PROBE(task->thread_info.CALLS_BY) & IS_32_BITS ? OF_32_BITS : 0;
}

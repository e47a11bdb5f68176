/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What selectors ask of the task itself: its number, namespaces, capabilities. */
#pragma once

#include "kernel.h"
#include "walk.h"

/* The thread group's number in its own pid namespace, and that namespace. */
static __always_inline struct upid number_of_task(void)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	const struct pid *pid = PROBE(task->group_leader->thread_pid);
	struct upid number = {};

	if (pid)
		bpf_probe_read_kernel(&number, sizeof(number),
				      (const u8 *)pid + kernel_offset(pid, numbers) +
					      PROBE(pid->level) * sizeof(number));
	return number;
}

#define NAMESPACE_OF(MEMBER) \
	({                                                                                \
		const struct nsproxy *spaces_ = PROBE(bpf_get_current_task_btf()->nsproxy); \
                                                                                          \
		spaces_ ? PROBE(PROBE(spaces_->MEMBER)->ns.inum) : 0;                     \
	})

static __always_inline u32 pid_namespace(void)
{
	return PROBE(number_of_task().ns->ns.inum);
}

static __always_inline u32 user_namespace(void)
{
	return PROBE(PROBE(PROBE(bpf_get_current_task_btf()->cred)->user_ns)->ns.inum);
}

#define CAPABILITIES_OF(MEMBER) (PROBE(PROBE(bpf_get_current_task_btf()->cred)->MEMBER).val)

/* The host's own namespace: that of the first process. */
static __always_inline u32 host_namespace(const u32 which)
{
	const struct process *first = find_process(1);

	return first ? first->namespaces[which] : 0;
}

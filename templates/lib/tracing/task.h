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

/* The same in a pid namespace of its own: 0 for what is in the first one, as on the host. */
static __always_inline u32 number_in_namespace(void)
{
	const struct pid *pid = PROBE(bpf_get_current_task_btf()->group_leader->thread_pid);

	return pid && PROBE(pid->level) ? number_of_task().nr : 0;
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

/*
 * Which of the namespaces in ASKED are others than the process began with: bits in the order of
 * their places.  What the record does not know has not changed.
 */
__verified_alone int changed_namespaces(const struct process *process,
								 u32 asked)
{
	u32 changed = 0;

	if (!process)
		return 0;
#define LOOK_AT(PLACE, INODE)                                                                  \
	if (asked & 1 << NAMESPACE_##PLACE && process->namespaces[NAMESPACE_##PLACE] &&       \
	    process->namespaces[NAMESPACE_##PLACE] != (INODE))                                 \
	changed |= 1 << NAMESPACE_##PLACE
	LOOK_AT(UTS, NAMESPACE_OF(uts_ns));
	LOOK_AT(IPC, NAMESPACE_OF(ipc_ns));
	LOOK_AT(MNT, NAMESPACE_OF(mnt_ns));
	LOOK_AT(PID, pid_namespace());
	LOOK_AT(PID_FOR_CHILDREN, NAMESPACE_OF(pid_ns_for_children));
	LOOK_AT(NET, NAMESPACE_OF(net_ns));
	LOOK_AT(TIME, NAMESPACE_OF(time_ns));
	LOOK_AT(TIME_FOR_CHILDREN, NAMESPACE_OF(time_ns_for_children));
	LOOK_AT(CGROUP, NAMESPACE_OF(cgroup_ns));
	LOOK_AT(USER, user_namespace());
#undef LOOK_AT
	return changed;
}

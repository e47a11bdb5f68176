/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Filling the record of a process from its task. */
#pragma once

#include "path.h"

/* What an event of exec or fork begins with; the record stands there while it is filled. */
struct process_event {
	struct tracing_event head;
	struct tracing_value value;
	struct process process;
};

/* The capabilities of struct cred, which stand together. */
struct capability_sets {
	u64 inheritable;
	u64 permitted;
	u64 effective;
};

static __always_inline struct capability_sets read_capabilities(const struct cred *cred)
{
	struct capability_sets sets = {};

	bpf_probe_read_kernel(&sets, sizeof(sets), &cred->cap_inheritable);
	return sets;
}

static __always_inline void read_ids(u32 *ids, const struct cred *cred)
{
	ids[CREDENTIAL_UID] = cred->uid.val;
	ids[CREDENTIAL_GID] = cred->gid.val;
	ids[CREDENTIAL_EUID] = cred->euid.val;
	ids[CREDENTIAL_EGID] = cred->egid.val;
	ids[CREDENTIAL_SUID] = cred->suid.val;
	ids[CREDENTIAL_SGID] = cred->sgid.val;
	ids[CREDENTIAL_FSUID] = cred->fsuid.val;
	ids[CREDENTIAL_FSGID] = cred->fsgid.val;
}

/*
 * The task's number in its own pid namespace (0 in the first one), and the inode of that.  The
 * array of numbers has one element for each level: below the first it is read and not walked.
 */
static __always_inline u32 read_number(const struct task_struct *task, u32 *inode)
{
	const struct pid *pid = task->thread_pid;
	struct upid number = {};

	if (!pid)
		return 0;
	if (!pid->level) {
		*inode = pid->numbers[0].ns->ns.inum;
		return 0;
	}
	bpf_probe_read_kernel(&number, sizeof(number),
			      (const u8 *)pid + kernel_offset(pid, numbers) +
				      pid->level * sizeof(number));
	bpf_probe_read_kernel(inode, sizeof(*inode), &number.ns->ns.inum);
	return number.nr;
}

static __always_inline void read_namespaces(u32 *inodes, const struct task_struct *task,
					    const struct cred *cred)
{
	const struct nsproxy *all = task->nsproxy;

	inodes[NAMESPACE_USER] = cred->user_ns->ns.inum;
	if (!all)
		return;
	inodes[NAMESPACE_UTS] = all->uts_ns->ns.inum;
	inodes[NAMESPACE_IPC] = all->ipc_ns->ns.inum;
	inodes[NAMESPACE_MNT] = all->mnt_ns->ns.inum;
	inodes[NAMESPACE_PID_FOR_CHILDREN] = all->pid_ns_for_children->ns.inum;
	inodes[NAMESPACE_NET] = all->net_ns->ns.inum;
	inodes[NAMESPACE_CGROUP] = all->cgroup_ns->ns.inum;
	if (kernel_has(nsproxy, time_ns)) {
		inodes[NAMESPACE_TIME] = all->time_ns->ns.inum;
		inodes[NAMESPACE_TIME_FOR_CHILDREN] = all->time_ns_for_children->ns.inum;
	}
}

/* Everything that a task says of itself, whatever it runs. */
static __always_inline void read_task(struct process *process, const struct task_struct *task)
{
	const struct cred *cred = task->real_cred;
	struct capability_sets sets = read_capabilities(cred);

	process->tgid = task->tgid;
	process->cgroup = task->cgroups->dfl_cgrp->kn->id;
	process->login_uid = kernel_has(task_struct, loginuid) ? task->loginuid.val : ~0U;
	process->permitted = process->first_permitted = sets.permitted;
	process->effective = process->first_effective = sets.effective;
	process->inheritable = process->first_inheritable = sets.inheritable;
	process->secure_bits = cred->securebits;
	process->born = task->start_boottime;
	read_ids(process->credentials, cred);
	read_namespaces(process->namespaces, task, cred);
	process->user_namespace = process->namespaces[NAMESPACE_USER];
	process->number = read_number(task, &process->namespaces[NAMESPACE_PID]);
	if (process->number == 1)
		process->flags |= PROCESS_IS_IN_INIT_TREE;
}

/* Who the parent is, by the record that it has. */
static __always_inline void read_parent(struct process *process, u32 tgid,
					const struct process *parent)
{
	process->parent = tgid;
	process->parent_start = parent ? parent->start : 0;
	process->parent_binary[0] = parent ? parent->binary[0] : UNKNOWN_CLASS;
	process->parent_binary[1] = parent ? parent->binary[1] : UNKNOWN_CLASS;
}

/* By whom what follows was filled: first, since who fills it says so at the end. */
static __always_inline void copy_classified(struct process *process, const struct process *from)
{
	process->classified[0] = from->classified[0];
	process->classified[1] = from->classified[1];
	barrier();
}

/* Begin an event around a blank record. */
static __always_inline struct process_event *start_process_event(struct event_room *event, u32 size)
{
	struct process_event *begun = (struct process_event *)event;

	__builtin_memset(&begun->process, 0, sizeof(begun->process));
	begun->value.type = TRACING_TYPE_PROCESS;
	begun->value.flags = 0;
	begun->value.place = VALUE_PROCESS;
	begun->value.size = size;
	event->length = sizeof(begun->value) + size;
	event->head.value_count = 1;
	return begun;
}

/*
 * Which privileges the binary gave.  The kernel marks who executes one that gives any, and then
 * the real ids are those from before.  Without ambient ones, a user who is not root can have
 * capabilities from the file alone; root has, where it had less before.
 */
static __always_inline void read_privileges(struct process *process, const struct cred *cred,
					    const struct process *before)
{
	const u32 *ids = process->credentials;
	u64 had = before ? before->permitted : ~0ULL, ambient = 0;

	if (ids[CREDENTIAL_UID] != ids[CREDENTIAL_EUID])
		process->flags |= PROCESS_IS_SETUID;
	if (ids[CREDENTIAL_GID] != ids[CREDENTIAL_EGID])
		process->flags |= PROCESS_IS_SETGID;
	if (ids[CREDENTIAL_UID])
		had = 0;
	bpf_probe_read_kernel(&ambient, sizeof(ambient), &cred->cap_ambient);
	if (!ambient && process->permitted & ~had && !(process->flags & PROCESS_IS_SETUID))
		process->flags |= PROCESS_IS_FILE_CAPABLE;
}

static __always_inline void read_binary(struct process *process, const struct inode *inode)
{
	if (!inode->i_nlink) {
		process->flags |= PROCESS_IS_UNLINKED;
		if (inode->i_sb->s_flags & SB_KERNMOUNT)
			process->flags |= PROCESS_IS_IN_MEMORY;
	}
}

/* The path of the binary, into the record; its first part where it is longer. */
static __always_inline void read_path(struct event_room *event, struct process *process,
				      const struct path_ends *ends)
{
	int found = find_path(event, ends);
	u32 at = found < 0 ? ~found : found, size;

	if (found < 0)
		process->flags |= PROCESS_IS_PATH_CUT;
	if (at >= PATH_WALK) {
		process->flags |= PROCESS_HAS_NO_PATH;
		return;
	}
	hide(at);
	at &= PATH_WALK - 1;
	size = PATH_WALK - at;
	if (size > PATH_ROOM - 1) {
		size = PATH_ROOM - 1;
		process->flags |= PROCESS_IS_PATH_CUT;
	}
	bpf_probe_read_kernel(process->path, size, event->path + at);
	process->path_length = size;
}

/* The working directory, as a value. */
static __always_inline void add_directory(struct event_room *event, const struct path_ends *ends)
{
	int found = find_path(event, ends);
	u32 at = found < 0 ? ~found : found, size;
	u8 *bytes = open_value(event, TRACING_TYPE_STRING, VALUE_DIRECTORY);

	if (!bytes)
		return;
	if (at >= PATH_WALK) {
		*bytes = '/';
		close_value(event, 1, 0);
		return;
	}
	hide(at);
	at &= PATH_WALK - 1;
	size = PATH_WALK - at;
	bpf_probe_read_kernel(bytes, size, event->path + at);
	close_value(event, size, found < 0 ? VALUE_IS_CUT : 0);
}

/*
 * What was given to exec.  Most are short: eight words are read at once and looked through, which
 * costs half of what a string does.  Nothing behind the zero gets into the event.
 */
#define FILENAME_WORDS 8

static __always_inline u32 short_length(const u64 *words)
{
	const u64 ones = 0x0101010101010101ULL, tops = ones << 7;
	u32 word;
	u64 zeros;

#pragma unroll
	for (word = 0; word < FILENAME_WORDS; word++) {
		zeros = (words[word] - ones) & ~words[word] & tops;
		if (zeros) {
			/* The lowest marked byte is the first zero. */
			zeros &= -zeros;
			return word * 8 + (zeros > 1ULL << 31 ? 4 : 0) +
			       (zeros == 1ULL << 15 || zeros == 1ULL << 47 ? 1 : 0) +
			       (zeros == 1ULL << 23 || zeros == 1ULL << 55 ? 2 : 0) +
			       (zeros == 1ULL << 31 || zeros == 1ULL << 63 ? 3 : 0);
		}
	}
	return FILENAME_WORDS * 8;
}

static __always_inline void add_filename(struct event_room *event, const char *filename)
{
	u8 *bytes = open_value(event, TRACING_TYPE_STRING, VALUE_FILENAME);
	long size;

	if (!bytes)
		return;
	if (!bpf_probe_read_kernel(bytes, FILENAME_WORDS * 8, filename)) {
		u32 length = short_length((const u64 *)bytes);

		if (length < FILENAME_WORDS * 8) {
			close_value(event, length, 0);
			return;
		}
	}
	size = bpf_probe_read_kernel_str(bytes, VALUE_ROOM, filename);
	if (size < 1)
		close_value(event, 0, VALUE_IS_UNREADABLE);
	else
		close_value(event, size - 1, size == VALUE_ROOM ? VALUE_IS_CUT : 0);
}

/* The arguments, in values of VALUE_ROOM bytes; what is beyond three of them is cut. */
#define ARGUMENT_VALUES 3

static __always_inline void add_arguments(struct event_room *event, const struct mm_struct *mm)
{
	u64 from = mm->arg_start, left = mm->arg_end - from;
	u32 part, size;
	u8 *bytes;

	for (part = 0; part < ARGUMENT_VALUES && left; part++) {
		bytes = open_value(event, TRACING_TYPE_BYTES, VALUE_ARGUMENTS);
		if (!bytes)
			return;
		size = left > VALUE_ROOM ? VALUE_ROOM : left;
		if (bpf_probe_read_user(bytes, size, (const void *)from)) {
			close_value(event, 0, VALUE_IS_UNREADABLE);
			return;
		}
		from += size;
		left -= size;
		close_value(event, size,
			    left && part == ARGUMENT_VALUES - 1 ? VALUE_IS_CUT : 0);
	}
}

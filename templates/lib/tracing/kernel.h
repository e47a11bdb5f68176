/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What tracing programs read of the kernel's own structures.  Only the members that are read
 * are declared; the loader finds where they are in the kernel that runs.
 */
#pragma once

#include "bpf.h"

#define __of_kernel __attribute__((preserve_access_index))

/* Where a member is in the kernel that runs, and whether it is. */
#define kernel_offset(type, member) \
	__builtin_preserve_field_info(((struct type *)0)->member, 0)
#define kernel_has(type, member) \
	__builtin_preserve_field_info(((struct type *)0)->member, 2)
#define kernel_size(type, member) \
	__builtin_preserve_field_info(((struct type *)0)->member, 1)
/* By how many bits a word with a bit field is shifted left, then right, to have it alone. */
#define kernel_shift_left(type, member) \
	__builtin_preserve_field_info(((struct type *)0)->member, 4)
#define kernel_shift_right(type, member) \
	__builtin_preserve_field_info(((struct type *)0)->member, 5)

/* Read a member wherever it is; zero where the memory is gone. */
#define PROBE(PLACE)                                                                      \
	({                                                                                \
		__typeof_unqual__(PLACE) value_;                                                     \
                                                                                          \
		if (bpf_probe_read_kernel(&value_, sizeof(value_), &(PLACE)))             \
			__builtin_memset(&value_, 0, sizeof(value_));                     \
		value_;                                                                   \
	})

/* Addresses at which nothing can be: NULL, and members of what it leads to (PAGE_SIZE). */
#define NOTHING_BELOW 4096

/*
 * Whether nothing is at an address that a function was given.  Of an argument of a security module's
 * hook the verifier takes for granted that it is not NULL, and would leave that question out, though
 * some are; a small number it asks for.  Where it knows that one can be NULL, it wants to see that
 * asked, too.
 */
#define is_nothing(AT)                                                                    \
	({                                                                                \
		bool nothing_ = (AT) < NOTHING_BELOW;                                     \
                                                                                          \
		hide(AT);                                                                 \
		nothing_ || !(AT);                                                        \
	})

/* Directly through a pointer whose type the verifier knows, or by a helper. */
#define LOAD(IS_TYPED, PLACE) ((IS_TYPED) ? (PLACE) : PROBE(PLACE))

struct atomic {
	int counter;
} __of_kernel;

struct id {
	u32 val;
} __of_kernel;

struct ns_common {
	u32 inum;
} __of_kernel;

struct uts_namespace {
	struct ns_common ns;
} __of_kernel;

struct ipc_namespace {
	struct ns_common ns;
} __of_kernel;

struct mnt_namespace {
	struct ns_common ns;
} __of_kernel;

struct pid_namespace {
	struct ns_common ns;
} __of_kernel;

struct net {
	struct ns_common ns;
} __of_kernel;

struct time_namespace {
	struct ns_common ns;
} __of_kernel;

struct cgroup_namespace {
	struct ns_common ns;
} __of_kernel;

struct user_namespace {
	s32 level;
	struct id owner;
	struct id group;
	struct ns_common ns;
} __of_kernel;

struct nsproxy {
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct pid_namespace *pid_ns_for_children;
	struct net *net_ns;
	struct time_namespace *time_ns;
	struct time_namespace *time_ns_for_children;
	struct cgroup_namespace *cgroup_ns;
} __of_kernel;

struct upid {
	u32 nr;
	struct pid_namespace *ns;
} __of_kernel;

struct pid {
	u32 level;
	struct upid numbers[1];
} __of_kernel;

struct kernfs_node {
	u64 id;
} __of_kernel;

struct cgroup;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
} __of_kernel;

struct cgroup_root {
	int hierarchy_id;
} __of_kernel;

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
	struct cgroup_root *root;
} __of_kernel;

struct css_set {
	struct cgroup *dfl_cgrp;
} __of_kernel;

/* Eight bytes, which kernels before 6.3 see as two words. */
struct capability_set {
	u64 val;
};

struct cred {
	struct id uid;
	struct id gid;
	struct id suid;
	struct id sgid;
	struct id euid;
	struct id egid;
	struct id fsuid;
	struct id fsgid;
	u32 securebits;
	struct capability_set cap_inheritable;
	struct capability_set cap_permitted;
	struct capability_set cap_effective;
	struct capability_set cap_ambient;
	struct user_namespace *user_ns;
} __of_kernel;

struct super_block {
	unsigned long long s_flags;
} __of_kernel;

struct inode {
	u16 i_mode;
	struct super_block *i_sb;
	u64 i_ino;
	u32 i_nlink;
} __of_kernel;

struct qstr {
	union {
		struct {
			u32 hash;
			u32 len;
		};
		u64 hash_len;
	};
	const u8 *name;
} __of_kernel;

struct hlist_bl_node {
	struct hlist_bl_node *next;
	struct hlist_bl_node **pprev;
} __of_kernel;

struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	u8 d_iname[1];
} __of_kernel;

struct vfsmount {
	struct dentry *mnt_root;
} __of_kernel;

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
} __of_kernel;

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
} __of_kernel;

struct file {
	struct path f_path;
	struct inode *f_inode;
} __of_kernel;

struct fs_struct {
	struct path root;
	struct path pwd;
} __of_kernel;

struct mm_struct {
	u64 arg_start;
	u64 arg_end;
	struct file *exe_file;
} __of_kernel;

struct signal_struct {
	struct atomic live;
	u32 group_exit_code;
	u32 flags;
} __of_kernel;

struct task_struct {
	u32 pid;
	u32 tgid;
	u32 exit_code;
	u64 start_boottime;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct mm_struct *mm;
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct pid *thread_pid;
	struct signal_struct *signal;
	struct css_set *cgroups;
	const struct cred *cred;
	const struct cred *real_cred;
	struct id loginuid;
	u32 in_execve : 1;
} __of_kernel;

struct linux_binprm {
	struct file *file;
	const char *filename;
	u32 per_clear;
} __of_kernel;

struct kiocb {
	struct file *ki_filp;
} __of_kernel;

struct fdtable {
	u32 max_fds;
	struct file **fd;
} __of_kernel;

struct files_struct {
	struct fdtable *fdt;
} __of_kernel;

/* include/linux/fs.h, include/linux/sched/signal.h. */
enum {
	SB_KERNMOUNT = 1 << 22,
	SIGNAL_GROUP_EXIT = 1 << 2,
};

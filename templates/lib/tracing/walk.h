/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Paths of files, seen from the task's root as d_path() prints them: upwards from the name, over
 * mount points, until the root of the task or of the mount namespace.
 *
 * The first name below the root is often enough to know that no rule can match; find_top()
 * looks for it without building anything.  read_path() builds the whole string.
 */
#pragma once

#include "kernel.h"
#include "rooms.h"

/* Directories that find_top() climbs before it leaves the answer to read_path(). */
#define MOST_STEPS 24

/* Flags in the bytes of a path's value. */
#define PATH_IS_DELETED (1 << 0)
#define PATH_IS_CUT (1 << 1)

static __always_inline struct mount *real_mount(const struct vfsmount *mount)
{
	return (void *)mount - kernel_offset(mount, mnt);
}

/* The first eight bytes of a name, zeros behind it. */
static __always_inline u64 head_of(const struct dentry *dentry, const bool is_typed)
{
	u64 length = LOAD(is_typed, dentry->d_name.len), head = 0, offset;
	const void *name;

	if (is_typed && kernel_has(dentry, d_iname) &&
	    length < kernel_size(dentry, d_iname)) {
		/* Eight bytes at once: a load that is relocated would have the size of an element. */
		offset = kernel_offset(dentry, d_iname);
		asm volatile("" : "+r"(offset));
		head = *(const u64 *)((const void *)dentry + offset);
		/* Loaded here: at one place together with the other it would have two types. */
		asm volatile("" : "+r"(head));
	} else {
		name = LOAD(is_typed, dentry->d_name.name);
		bpf_probe_read_kernel(&head, sizeof(head), name);
	}
	if (length < 8)
		head &= (1ULL << 8 * length) - 1;
	return head;
}

/*
 * The head of the first name below the root, from the top of a mount on: by helpers, since
 * neither mounts nor what they hide are typed for the verifier.  False where it is not known.
 */
static __noinline __attribute__((unused)) bool find_top_above(const struct mount *real, u64 root, u64 root_mount,
				      u64 *head)
{
	const struct dentry *at = NULL, *edge = NULL, *top = NULL;
	const struct mount *above;

	if (!head)
		return false;
	*head = 0;
	for (u32 i = 0; i < 2 * MOST_STEPS; i++) {
		if (at && (u64)at == root &&
		    (u64)real + kernel_offset(mount, mnt) == root_mount)
			goto at_root;
		if (at == edge) {
			above = PROBE(real->mnt_parent);
			if (above == real || !above)
				goto at_root;
			at = PROBE(real->mnt_mountpoint);
			real = above;
			edge = PROBE(real->mnt.mnt_root);
			top = NULL;
			continue;
		}
		top = at;
		at = PROBE(top->d_parent);
		if (at == top)
			return false;
	}
	return false;

at_root:
	if (top)
		*head = head_of(top, false);
	return true;
}

/*
 * Find the head of the first name below the task's root, 0 for the root itself; false where it
 * takes too many steps to know.
 */
static __always_inline bool find_top(const struct dentry *dentry, const struct vfsmount *mount,
				     const bool is_typed, u64 *head)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	const struct dentry *root = task->fs->root.dentry, *top = NULL, *edge, *parent;
	const struct vfsmount *root_mount = task->fs->root.mnt;

	/*
	 * In the root's own mount the way ends at the root, and it need not be asked where the
	 * mount ends: who stands outside of the root comes to the top of all, and is not known.
	 */
	edge = mount == root_mount ? root : LOAD(is_typed, mount->mnt_root);
	for (u32 i = 0; i < MOST_STEPS; i++) {
		if (dentry == edge || dentry == root)
			goto at_edge;
		parent = LOAD(is_typed, dentry->d_parent);
		if (dentry == parent)
			return false;
		top = dentry;
		dentry = parent;
	}
	return false;

at_edge:
	if (dentry != root || mount != root_mount) {
		if (dentry != edge)
			return false;
		if (PROBE(real_mount(mount)->mnt_parent) != real_mount(mount))
			return find_top_above(real_mount(mount), (u64)root, (u64)root_mount, head);
	}
	*head = top ? head_of(top, is_typed) : 0;
	return true;
}

/* The like for a dentry alone: of mounts nothing is known, the way ends with the file system. */
static __always_inline __attribute__((unused)) bool find_top_of_system(const struct dentry *dentry,
						 const bool is_typed, u64 *head)
{
	const struct dentry *top = NULL, *parent;

	for (u32 i = 0; i < MOST_STEPS; i++) {
		parent = LOAD(is_typed, dentry->d_parent);
		if (dentry == parent) {
			*head = top ? head_of(top, is_typed) : 0;
			return true;
		}
		top = dentry;
		dentry = parent;
	}
	return false;
}

/* What of a file's mode says its type. */
static __always_inline __attribute__((unused)) u64 file_type(const struct dentry *dentry)
{
	const struct inode *inode = PROBE(dentry->d_inode);

	return inode ? PROBE(inode->i_mode) & 0170000 : 0;
}

/* Where a path is while it is built from its end. */
struct climb {
	struct text *text;
	u64 dentry;
	u64 edge; /* the root of the mount */
	u64 mount; /* struct mount */
	u64 root;
	u64 root_mount; /* struct vfsmount */
	u32 start;
	u32 is_whole;
	u32 is_at_root;
};

/* One step up: a name is put before those that are there, or a mount is left. */
static long climb_once(u32 index, void *context)
{
	struct climb *climb = context;
	const struct dentry *dentry = (void *)climb->dentry;
	const struct mount *mount = (void *)climb->mount;
	struct {
		u64 parent;
		u64 hash_len;
		u64 name;
	} entry;
	u32 length, start = climb->start;
	struct text *text = climb->text;
	u64 above;

	if (climb->dentry == climb->root &&
	    climb->mount + kernel_offset(mount, mnt) == climb->root_mount) {
		climb->is_whole = climb->is_at_root = 1;
		return 1;
	}
	if (climb->dentry == climb->edge) {
		above = (u64)PROBE(mount->mnt_parent);
		if (above == climb->mount || !above) {
			climb->is_whole = 1;
			return 1;
		}
		climb->dentry = (u64)PROBE(mount->mnt_mountpoint);
		climb->mount = above;
		climb->edge = (u64)PROBE(((struct mount *)above)->mnt.mnt_root);
		return 0;
	}
	/* d_parent, hash, length and name stand side by side (include/linux/dcache.h). */
	if (kernel_offset(dentry, d_name) != kernel_offset(dentry, d_parent) + 8 ||
	    bpf_probe_read_kernel(&entry, sizeof(entry), &dentry->d_parent))
		return 1;
	if (entry.parent == climb->dentry) {
		climb->is_whole = 1;
		return 1;
	}
	length = entry.hash_len >> 32;
	if (length >= NAME_SIZE || start < length + 1)
		return 1;
	start -= length + 1;
	text->bytes[start & (TEXT_SIZE - 1)] = '/';
	start &= TEXT_SIZE - 1;
	if (bpf_probe_read_kernel(&text->bytes[start + 1], length & (NAME_SIZE - 1),
				  (void *)entry.name))
		return 1;
	climb->start = start;
	climb->dentry = entry.parent;
	return 0;
}

/* Build the path of a file, without a mount within its file system; false (and VALUE_IS_UNREADABLE) where it cannot be known whole. */
static __noinline __attribute__((unused)) bool read_path(struct text *text, u64 dentry, u64 mount)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	struct climb climb = {
		.text = text,
		.dentry = dentry,
		.mount = mount - kernel_offset(mount, mnt),
		.start = TEXT_SIZE,
	};

	if (!text)
		return false;
	climb.edge = (u64)PROBE(((struct vfsmount *)mount)->mnt_root);
	climb.root = (u64)task->fs->root.dentry;
	climb.root_mount = (u64)task->fs->root.mnt;
	bpf_loop(TEXT_SIZE, climb_once, &climb, 0);
	climb.is_at_root |= !mount;
	if (climb.start == TEXT_SIZE && climb.is_at_root)
		text->bytes[--climb.start & (TEXT_SIZE - 1)] = '/';
	text->start = climb.start;
	text->end = TEXT_SIZE;
	text->flags = climb.is_whole ? 0 : VALUE_IS_CUT;
	text->is_read = 1;
	return climb.is_whole;
}

/* Put a path into the event: mode, flags, text; " (deleted)" behind it as d_path() does. */
static __always_inline void add_path(struct event_room *event, u16 place, struct text *text,
				     const struct dentry *dentry)
{
	u32 length, start = text->start & (TEXT_SIZE - 1), flags = 0;
	const struct inode *inode = PROBE(dentry->d_inode);
	struct {
		u32 mode;
		u32 flags;
		u8 bytes[];
	} *value = open_value(event, TRACING_TYPE_PATH, place);

	if (!value)
		return;
	length = TEXT_SIZE - start;
	if (text->start == TEXT_SIZE)
		length = 0;
	if (length > VALUE_ROOM - 24)
		length = VALUE_ROOM - 24;
	if (text->flags & VALUE_IS_CUT)
		flags |= PATH_IS_CUT;
	if (!PROBE(dentry->d_hash.pprev) && PROBE(dentry->d_parent) != dentry)
		flags |= PATH_IS_DELETED;
	value->mode = inode ? PROBE(inode->i_mode) : 0;
	value->flags = flags;
	bpf_probe_read_kernel(value->bytes, length, &text->bytes[start]);
	if (flags & PATH_IS_DELETED) {
		__builtin_memcpy(value->bytes + length, " (deleted)", 10);
		length += 10;
	}
	close_value(event, 8 + length, text->flags);
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Paths of files, seen from the task's root as d_path() prints them: upwards from the name, over
 * mount points, until the root of the task or of the mount namespace.
 *
 * Most paths are judged by their names (name_tree.h); read_path() builds the whole string for the
 * others, and for events.
 */
#pragma once

#include "kernel.h"
#include "rooms.h"

/* Flags in the bytes of a path's value. */
#define PATH_IS_DELETED (1 << 0)
#define PATH_IS_CUT (1 << 1)

/* What struct path says; MOUNT is NULL for a dentry alone, and HAS_MOUNT says so to the compiler. */
struct place {
	const struct dentry *dentry;
	const struct vfsmount *mount;
};

/* The dentry of a path that is not there, since the pointer to its file is NULL: it is empty. */
#define NOWHERE ((const struct dentry *)1)

static __always_inline struct place place_of(const struct path *path, const bool is_typed)
{
	struct {
		const struct vfsmount *mount;
		const struct dentry *dentry;
	} both = {};

	/* They stand side by side (include/linux/path.h): one helper reads both. */
	if (!is_typed && kernel_offset(path, dentry) == kernel_offset(path, mnt) + 8) {
		bpf_probe_read_kernel(&both, sizeof(both), &path->mnt);
		return (struct place){ both.dentry, both.mount };
	}
	return (struct place){ LOAD(is_typed, path->dentry), LOAD(is_typed, path->mnt) };
}

/* What of a file's mode says its type. */
static __always_inline u64 file_type(const struct dentry *dentry)
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

/*
 * Build the path of a file, or without a mount that of a dentry within its file system; false
 * (and VALUE_IS_CUT) where its beginning is not known.
 */
static __noinline __maybe_unused bool read_path(struct text *text, u64 dentry, u64 mount)
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
	if (dentry == (u64)NOWHERE) {
		text->start = 0;
		text->end = 0;
		text->flags = 0;
		text->is_read = TEXT_IS_NOTHING;
		return true;
	}
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

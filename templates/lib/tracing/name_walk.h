/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The names of a path from the task's root on, found without building a string: the way of
 * read_path() (walk.h) with the same end.  find_top() gives the first two, which end the matter
 * for most paths; collect_names() all of them.  Of a dentry alone nothing is known of mounts
 * (NULL), and the way ends with its file system.
 */
#pragma once

#include "name_key.h"
#include "walk.h"

/* Names that are judged, those next to the root: there is little room on the stack. */
#define MOST_NAMES 8
/* Directories that are climbed: deeper paths are left to read_path(). */
#define MOST_STEPS 24
/* Those of them whose names are read where the verifier knows the type; the others by helpers. */
#define TYPED_STEPS 12

/* How far the beginning of a path is known. */
enum way {
	WAY_IS_UNKNOWN,
	WAY_HAS_NAMES,
	WAY_IS_ROOT, /* "/" */
	WAY_IS_EMPTY, /* "": a pipe, a file in memory, the root of what is mounted nowhere */
	WAY_LEAVES_MOUNT,
};

static __always_inline struct mount *real_mount(const struct vfsmount *mount)
{
	return (void *)mount - kernel_offset(mount, mnt);
}

/* Find the first names of a path in one mount, where the verifier knows the types. */
static __always_inline enum way find_top(struct place place, const bool has_mount,
					 const struct dentry **first, const struct dentry **second)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	const struct dentry *root = task->fs->root.dentry, *edge = NULL, *parent;
	const struct dentry *dentry = place.dentry, *top = NULL, *below = NULL;
	const struct vfsmount *mount = place.mount, *root_mount = task->fs->root.mnt;

	/*
	 * In the root's own mount the way ends at the root, and it need not be asked where the
	 * mount ends: who stands outside of the root comes to the top of all, and is not known.
	 */
	if (has_mount)
		edge = mount == root_mount ? root : mount->mnt_root;
	for (u32 i = 0; i < MOST_STEPS; i++) {
		if (has_mount && (dentry == edge || dentry == root))
			goto at_edge;
		parent = dentry->d_parent;
		if (dentry == parent)
			goto at_top;
		below = top;
		top = dentry;
		dentry = parent;
	}
	return WAY_IS_UNKNOWN;

at_top:
	if (has_mount)
		return !top && mount != root_mount ? WAY_IS_EMPTY : WAY_IS_UNKNOWN;
	goto at_root;

at_edge:
	if (dentry != root || mount != root_mount) {
		if (dentry != edge)
			return WAY_IS_UNKNOWN;
		if (PROBE(real_mount(mount)->mnt_parent) != real_mount(mount))
			return WAY_LEAVES_MOUNT;
		if (!top)
			return WAY_IS_EMPTY;
	}
at_root:
	*first = top;
	*second = below;
	return top ? WAY_HAS_NAMES : WAY_IS_ROOT;
}

/*
 * The names of a path, the last first, each in its number's place modulo MOST_NAMES: keys, and
 * from KNOWN on addresses of names.  Behind them is where collect_others() goes on.
 */
struct names {
	u64 at[MOST_NAMES];
	u64 count;
	u64 known;
	u64 dentry;
	u64 mount; /* struct vfsmount */
	u64 first; /* first bytes of the name that is in no directory of the tree */
};

/*
 * Go on by helpers: neither mounts nor what they hide are typed for the verifier, and at a
 * probe nothing is.  It knows nothing of what is in NAMES, so that it looks at each step once.
 */
__verified_alone int collect_others(struct names *names)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	u64 root = (u64)task->fs->root.dentry, root_mount = (u64)task->fs->root.mnt;
	u64 at, edge = 0, mount, above, count;
	const struct dentry *dentry;
	const struct mount *real;
	struct {
		u64 parent;
		u64 hash_len;
		u64 name;
	} entry;

	if (!names)
		return WAY_IS_UNKNOWN;
	at = names->dentry;
	mount = names->mount;
	if (mount)
		edge = (u64)PROBE(((const struct vfsmount *)mount)->mnt_root);
	for (u32 i = 0; i < 2 * MOST_STEPS; i++) {
		if (at == root && mount == root_mount)
			return names->count ? WAY_HAS_NAMES : WAY_IS_ROOT;
		if (mount && at == edge) {
			real = real_mount((const struct vfsmount *)mount);
			above = (u64)PROBE(real->mnt_parent);
			if (above == (u64)real || !above)
				return names->count ? WAY_HAS_NAMES : WAY_IS_EMPTY;
			at = (u64)PROBE(real->mnt_mountpoint);
			mount = above + kernel_offset(mount, mnt);
			edge = (u64)PROBE(((const struct mount *)above)->mnt.mnt_root);
			continue;
		}
		dentry = (const struct dentry *)at;
		count = names->count;
		/* d_parent, hash, length and name stand side by side (include/linux/dcache.h). */
		if (kernel_offset(dentry, d_name) != kernel_offset(dentry, d_parent) + 8 ||
		    bpf_probe_read_kernel(&entry, sizeof(entry), &dentry->d_parent))
			return WAY_IS_UNKNOWN;
		if (at == entry.parent && !mount)
			return count ? WAY_HAS_NAMES : WAY_IS_ROOT;
		if (at == entry.parent)
			return count ? WAY_IS_UNKNOWN : WAY_IS_EMPTY;
		names->count = count + 1;
		hide(count);
		names->at[count & (MOST_NAMES - 1)] = entry.name;
		at = entry.parent;
	}
	return WAY_IS_UNKNOWN;
}

/* Collect the names of a path, those in the file's mount as keys where its type is known. */
static __always_inline enum way collect_names(struct names *names, struct place place,
					      const bool is_typed, const bool has_mount)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	const struct dentry *root = task->fs->root.dentry, *edge = NULL, *parent;
	const struct dentry *dentry = place.dentry;
	const struct vfsmount *mount = place.mount;
	u64 i = 0;

	if (is_typed) {
		u64 noise = dentry->d_name.len;

		if (has_mount)
			edge = mount->mnt_root;
		for (; i < TYPED_STEPS; i++) {
			if (has_mount && (dentry == edge || dentry == root))
				break;
			parent = dentry->d_parent;
			if (dentry == parent)
				break;
			names->at[i & (MOST_NAMES - 1)] = key_of(dentry, true);
			dentry = parent;
		}
		forget(i, noise);
		names->count = i;
		names->known = i;
		if (has_mount && dentry == root && mount == task->fs->root.mnt)
			return i ? WAY_HAS_NAMES : WAY_IS_ROOT;
	}
	names->dentry = (u64)dentry;
	names->mount = (u64)mount;
	return collect_others(names);
}

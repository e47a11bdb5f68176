/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The path of a file as a task sees it, from the leaf up to the task's root.  Names are written
 * from the end of the room towards its beginning, so that nothing is moved.
 */
#pragma once

#include "event.h"
#include "kernel.h"

#define PATH_STEPS 96
#define NAME_ROOM 256

/* What of a dentry is read at once: d_parent, and d_name behind it. */
struct dentry_step {
	u64 parent;
	u64 hash_length;
	u64 name;
};

/* The like of a mount: mnt_parent and mnt_mountpoint. */
struct mount_step {
	u64 parent;
	u64 mountpoint;
};

/* Where to begin, and where the task's root is. */
struct path_ends {
	u64 dentry;
	u64 mount;
	u64 root;
	u64 root_mount;
};

/*
 * Write what is before event->path_begins of a path that ends at PATH_WALK in event->path, and
 * return where it begins.  A path that is too long or too deep lacks its beginning: then the
 * return value is negative, and its complement says where it begins.
 *
 * Where the path begins is kept in the room and not in a variable: the verifier knows nothing
 * of what is there, so that to it all steps of the loop are alike, and it looks at each once.
 */
__verified_alone int find_path(struct event_room *event, const struct path_ends *ends)
{
	u64 dentry, vfsmount, mount, top = 0;
	u32 at, room, length, step;

	if (!event || !ends)
		return PATH_WALK;
	dentry = ends->dentry;
	vfsmount = ends->mount;
	if (dentry == ends->root && vfsmount == ends->root_mount)
		return event->path_begins;
	mount = vfsmount - kernel_offset(mount, mnt);
	bpf_probe_read_kernel(&top, sizeof(top), &((struct vfsmount *)vfsmount)->mnt_root);
	for (step = 0; step < PATH_STEPS; step++) {
		if (dentry == ends->root && vfsmount == ends->root_mount)
			return event->path_begins;
		if (dentry == top) {
			struct mount_step above;

			bpf_probe_read_kernel(&above, sizeof(above),
					      &((struct mount *)mount)->mnt_parent);
			if (!above.parent || above.parent == mount)
				return event->path_begins;
			mount = above.parent;
			dentry = above.mountpoint;
			vfsmount = mount + kernel_offset(mount, mnt);
			bpf_probe_read_kernel(&top, sizeof(top),
					      &((struct mount *)mount)->mnt.mnt_root);
		} else {
			struct dentry_step here;

			bpf_probe_read_kernel(&here, sizeof(here),
					      &((struct dentry *)dentry)->d_parent);
			if (!here.parent || here.parent == dentry)
				return event->path_begins;
			length = here.hash_length >> 32;
			at = event->path_begins;
			if (length >= NAME_ROOM || length >= at)
				return ~at;
			at -= length + 1;
			event->path_begins = at;
			room = at & (PATH_WALK - 1);
			event->path[room] = '/';
			bpf_probe_read_kernel(event->path + room + 1,
					      length & (NAME_ROOM - 1), (void *)here.name);
			dentry = here.parent;
		}
	}
	return ~event->path_begins;
}

/*
 * Begin a path with what costs little: names that a dentry has in itself, up to the root of the
 * file's mount, read by loads that the verifier knows.  ENDS is where find_path() goes on.
 */
#define NEAR_STEPS 16
#define NEAR_WORDS 3

static __always_inline void begin_path(struct event_room *event, struct path_ends *ends,
				       const struct path *path, const struct path *root)
{
	const struct dentry *dentry = path->dentry, *top = path->mnt->mnt_root, *parent;
	u32 step, at, length, word;
	u64 mask;

	event->path_begins = PATH_WALK;
	for (step = 0; kernel_has(dentry, d_iname) && step < NEAR_STEPS; step++) {
		const u64 *name = (const void *)((const u8 *)dentry +
						  kernel_offset(dentry, d_iname));
		u64 *place;

		/* Or the compiler lets the loader look for words, and there is an array. */
		hide(name);
		if (dentry == top || dentry->d_name.name != (const u8 *)name)
			break;
		parent = dentry->d_parent;
		length = dentry->d_name.len;
		at = event->path_begins;
		if (parent == dentry || length >= 8 * NEAR_WORDS || length >= at)
			break;
		at -= length + 1;
		event->path_begins = at;
		at &= PATH_WALK - 1;
		event->path[at] = '/';
		place = (u64 *)(event->path + at + 1);
#pragma unroll
		for (word = 0; word < NEAR_WORDS; word++) {
			if (length >= 8 * (word + 1)) {
				place[word] = name[word];
				continue;
			}
			/* What follows the name is written already: only the rest of it. */
			mask = (1ULL << 8 * (length & 7)) - 1;
			place[word] = (place[word] & ~mask) | (name[word] & mask);
			break;
		}
		dentry = parent;
	}
	ends->dentry = (u64)dentry;
	ends->mount = (u64)path->mnt;
	ends->root = (u64)root->dentry;
	ends->root_mount = (u64)root->mnt;
}

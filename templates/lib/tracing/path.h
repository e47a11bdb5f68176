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
 * Write a path so that it ends at PATH_WALK in event->path; return where it begins.  A path that
 * is too long or too deep lacks its beginning: then the return value is negative, and its
 * complement says where it begins.
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
	mount = vfsmount - kernel_offset(mount, mnt);
	bpf_probe_read_kernel(&top, sizeof(top), &((struct vfsmount *)vfsmount)->mnt_root);
	event->path_begins = PATH_WALK;
	for (step = 0; step < PATH_STEPS; step++) {
		if (dentry == ends->root && vfsmount == ends->root_mount)
			return event->path_begins;
		if (dentry == top) {
			struct mount_step above = {};

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
			struct dentry_step here = {};

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

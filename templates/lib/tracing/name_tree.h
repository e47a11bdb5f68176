/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the names of a path say of it: a tree of the names that values have, and the ends of
 * last names.  The compiler makes both (name_tree.py) and says of each place who may go on; of
 * a few the string must be asked, too.
 */
#pragma once

#include "mask.h"
#include "name_walk.h"

/* Of those who MAY go on, the string must be asked for those in OPEN. */
struct judgement {
	struct mask may;
	struct mask open;
};

/* A directory of the tree, or a file: where a path goes on below with no child's name, or ends. */
struct name_node {
	u64 children; /* a bit for each child, by its key */
	u64 name; /* of the first child */
	u64 first; /* its number */
	u64 parts; /* whether values end with a part of a name here: then name_part is asked */
	struct judgement passes;
	struct judgement ends;
};

/* The first two. */
enum { NODE_ROOT, NODE_EMPTY };

struct name_edge {
	u64 name;
	u64 directory;
};

/* The beginning of a name in a directory. */
struct name_part {
	u32 length; /* in bits, the directory's included */
	u32 directory;
	u64 bytes;
};

/* The end of a path, backwards. */
struct path_tail {
	u32 length; /* in bits */
	u32 bytes[2];
};

/* How names were followed from the root: the number of a node, above it how it is left. */
enum follow { FOLLOW_ENDS, FOLLOW_PASSES, FOLLOW_PART };

#define FOLLOW_BITS 2

/* Keep who may go on, and who asks the string; false when nobody goes on. */
static __always_inline __attribute__((unused)) bool heed(struct mask *mask, struct mask *asked,
					      const struct judgement *row)
{
	keep(asked, &row->open);
	return keep(mask, &row->may);
}

/* Whether a path ends with the name of its dentry: what is a root has another, or none. */
static __always_inline __attribute__((unused)) bool is_leaf(struct place place, const bool is_typed,
						 const bool has_mount)
{
	const struct task_struct *task = bpf_get_current_task_btf();

	if (has_mount && (place.dentry == task->fs->root.dentry ||
			  place.dentry == LOAD(is_typed, place.mount->mnt_root)))
		return false;
	return place.dentry != LOAD(is_typed, place.dentry->d_parent);
}

/*
 * The last bytes of a path, backwards, up to the slash before the last name; false where the
 * path does not end with the name of its dentry.
 */
static __always_inline __attribute__((unused)) bool find_tail(struct place place, const bool is_typed,
						   const bool has_mount, struct path_tail *tail)
{
	u64 length = LOAD(is_typed, place.dentry->d_name.len), word = 0;
	const u8 *name = LOAD(is_typed, place.dentry->d_name.name);

	if (!length || !is_leaf(place, is_typed, has_mount))
		return false;
	if (length >= 8) {
		if (bpf_probe_read_kernel(&word, sizeof(word), name + length - 8))
			return false;
		word = __builtin_bswap64(word);
	} else {
		if (bpf_probe_read_kernel(&word, sizeof(word), name))
			return false;
		word = __builtin_bswap64(word << 8 * (8 - length));
		word |= (u64)'/' << 8 * length;
	}
	tail->length = 64;
	tail->bytes[0] = word;
	tail->bytes[1] = word >> 32;
	return true;
}

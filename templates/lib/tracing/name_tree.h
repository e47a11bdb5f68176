/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the names of a path tell before it is a string: a tree of the directories that selectors
 * ask for, and the ends of last names.  The compiler makes both (name_tree.py), and says at each
 * place which selectors can still match; for some of them the string must be read, too.
 */
#pragma once

#include "mask.h"
#include "name_walk.h"

/* Selectors that can still match, and those of them that only the whole string decides. */
struct judgement {
	struct mask may;
	struct mask open;
};

/* A directory of the tree, or a file. */
struct name_node {
	u64 children; /* a bit for each child, by its key */
	u64 name; /* of the first child */
	u64 first; /* its number */
	u64 parts; /* whether some selectors ask for the beginning of a name in it: see name_part */
	struct judgement passes; /* for a path that goes on below with a name of no child */
	struct judgement ends; /* for a path that ends here */
};

/* The first two nodes: "/", and the path that is empty. */
enum { NODE_ROOT, NODE_EMPTY };

/* A child of a directory, which is PLACED. */
struct name_edge {
	u64 name;
	u64 directory;
};

/* The beginning of a name in a directory. */
struct name_part {
	u32 length; /* in bits, the directory's included */
	u32 directory; /* PLACED */
	u64 bytes;
};

/* The end of a path, backwards. */
struct path_tail {
	u32 length; /* in bits, the place's included */
	u32 place;
	u32 bytes[2];
};

/*
 * How the names of a path leave the tree: at their end, by a name that is no child's, or by one
 * whose beginning must be looked up.  The low bits of a number whose high bits are the node.
 */
enum follow { FOLLOW_ENDS, FOLLOW_PASSES, FOLLOW_PART };

#define FOLLOW_BITS 2

/* Keep the selectors that can still match, and in ASKED those that need the string; false if none. */
static __always_inline bool narrow(struct mask *mask, struct mask *asked,
				   const struct judgement *row)
{
	keep(asked, &row->open);
	return keep(mask, &row->may);
}

/* Whether a path ends with the name of its dentry: what is a root has another, or none. */
static __always_inline bool is_leaf(struct place place, const bool is_typed, const bool has_mount)
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
static __always_inline bool find_tail(struct place place, const bool is_typed, const bool has_mount,
				      struct path_tail *tail)
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
	tail->length = 96;
	tail->bytes[0] = word;
	tail->bytes[1] = word >> 32;
	return true;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a file contains, as one number: the kernel's integrity subsystem reads all of it. */
#pragma once

#include "event.h"

struct file;

/* No file is hashed: -ENOENT. */
#define NO_FILE -2

static long (*const bpf_ima_file_hash)(const struct file *file, void *to, u32 size) = (void *)193;

struct file_hash {
	s64 algorithm; /* enum hash_algo, or minus an errno */
	u8 digest[64];
};

/* Read a file to its end, which may sleep: to be called before a room for an event is taken. */
static __always_inline void read_hash(const struct file *file, struct file_hash *hash)
{
	__builtin_memset(hash->digest, 0, sizeof(hash->digest));
	if (file)
		hash->algorithm = bpf_ima_file_hash(file, hash->digest, sizeof(hash->digest));
}

static __always_inline void add_hash(struct event_room *event, const struct file_hash *hash)
{
	struct file_hash *value = open_value(event, TRACING_TYPE_HASH, 0);

	if (!value)
		return;
	*value = *hash;
	close_value(event, sizeof(*value), 0);
}

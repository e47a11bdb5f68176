/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The key of a name in a directory, by which names are told apart: up to eight bytes are the key
 * as they are, of more it is a hash of the first 32 that begins with a slash, as no name does
 * (the compiler's name_tree.py makes the same).
 */
#pragma once

#include "kernel.h"

#define NAME_WORDS 4
#define NAME_FACTOR 0x9e3779b97f4a7c15ULL

/*
 * Let the verifier forget which number this is, so that it looks at what follows once and not
 * for each.  NOISE is any number that it does not know.
 */
#define forget(NUMBER, NOISE)                                                             \
	do {                                                                              \
		u64 noise_ = (NOISE);                                                     \
                                                                                          \
		(NUMBER) ^= noise_;                                                       \
		hide(NUMBER);                                                             \
		(NUMBER) ^= noise_;                                                       \
	} while (0)

/* The bit that stands for a name among those in a directory; two may share one. */
static __always_inline u64 child_bit(u64 key)
{
	return 1ULL << (key * NAME_FACTOR >> 58);
}

/* Whether a key is a hash, which does not prove that two names are the same. */
static __always_inline bool is_hash(u64 key)
{
	return (key & 0xff) == '/';
}

static __always_inline u64 mix_name(u64 mixed, u64 word)
{
	mixed = (mixed ^ word) * NAME_FACTOR;
	return mixed ^ mixed >> 32;
}

static __always_inline u64 key_of_hash(u64 mixed)
{
	return (mixed & ~0xffULL) | '/';
}

/* The key of a name somewhere in memory; 0 where it cannot be read. */
__verified_alone u64 key_at(u64 name)
{
	const u64 ones = 0x0101010101010101ULL, tops = ones << 7;
	u64 words[NAME_WORDS] = {}, mixed = 0, zeros;

	bpf_probe_read_kernel(words, sizeof(words), (const void *)name);
#pragma unroll
	for (u32 i = 0; i < NAME_WORDS; i++) {
		/* The lowest bit marks the first zero: what is behind it is no name. */
		zeros = (words[i] - ones) & ~words[i] & tops;
		if (zeros)
			words[i] &= ((zeros & -zeros) >> 7) - 1;
		if (!i && (zeros || !(words[1] & 0xff)))
			return words[0];
		if (words[i])
			mixed = mix_name(mixed, words[i]);
		if (zeros)
			break;
	}
	return key_of_hash(mixed);
}

/* Eight bytes of the name that a dentry has in itself, from a word on; one load, unlike elements. */
static __always_inline u64 word_inside(const struct dentry *dentry, u32 index)
{
	u64 offset = kernel_offset(dentry, d_iname), word;

	hide(offset);
	word = ((const u64 *)((const void *)dentry + offset))[index];
	/* Loaded here: at one place together with another it would have two types. */
	hide(word);
	return word;
}

/* The key of a name that a dentry has in itself. */
static __always_inline u64 key_inside(const struct dentry *dentry, u64 length)
{
	u64 word, mixed = 0;

#pragma unroll
	for (u32 i = 0; i < NAME_WORDS; i++) {
		if (i && length <= 8 * i)
			break;
		word = word_inside(dentry, i);
		if (length < 8 * (i + 1))
			word &= (1ULL << 8 * (length & 7)) - 1;
		if (!i && length <= 8)
			return word;
		mixed = mix_name(mixed, word);
	}
	return key_of_hash(mixed);
}

/* The key of a dentry's name; 0 where it cannot be read. */
static __always_inline u64 key_of(const struct dentry *dentry, const bool is_typed)
{
	u64 length, key;

	if (!is_typed || !kernel_has(dentry, d_iname))
		return key_at((u64)LOAD(is_typed, dentry->d_name.name));
	length = dentry->d_name.len;
	if (length >= kernel_size(dentry, d_iname))
		return key_at((u64)dentry->d_name.name);
	key = key_inside(dentry, length);
	/* It came by several ways, which the verifier of 6.1 would all follow to the end. */
	forget(key, length);
	return key;
}

/* The first eight bytes of a name, whose key is known; 0 where they cannot be read. */
static __always_inline u64 first_bytes(const struct dentry *dentry, u64 key)
{
	return is_hash(key) ? PROBE(*(const u64 *)PROBE(dentry->d_name.name)) : key;
}

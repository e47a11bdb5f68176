/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A set of selectors of this site, one bit each.  It begins with all of them; each dimension
 * takes those out that do not hold, and the program leaves when none is left.
 */
#pragma once

#include "bpf.h"

/* FEW_WORDS: sets of so many words stay in registers; larger ones are gone through in memory. */
struct mask {
	u64 word[WORDS];
};

#if WORDS <= FEW_WORDS
#define for_each_word(i) for (u32 i = 0; i < WORDS; i++)
#define MASK(...) (&(const struct mask)__VA_ARGS__)
#else
#define for_each_word(i)                               \
	_Pragma("clang loop unroll(disable)")          \
	for (u32 i = 0; i < WORDS; i++)
/* Not on the stack, whose 512 bytes would soon be gone. */
#define MASK(...)                                              \
	({                                                     \
		static const struct mask mask_ = __VA_ARGS__;  \
		&mask_;                                        \
	})
#endif

static __always_inline bool is_empty(const struct mask *mask)
{
	u64 any = 0;

	for_each_word(i)
		any |= mask->word[i];
	return !any;
}

/* 1 where a number is not 0; without a branch, each of which is a way of its own to the verifier. */
static __always_inline u64 is_any(u64 number)
{
	u64 negative = -number;

	hide(negative);
	return (number | negative) >> 63;
}

/* Keep those in ROW; false when none is left. */
static __always_inline bool keep(struct mask *mask, const volatile struct mask *row)
{
	for_each_word(i)
		mask->word[i] &= row->word[i];
	return !is_empty(mask);
}

static __always_inline void add(struct mask *mask, const volatile struct mask *row)
{
	for_each_word(i)
		mask->word[i] |= row->word[i];
}

/* Keep those that MATCHED, or did not if they are NEGATED, and those that are not ASKING. */
static __always_inline bool judge(struct mask *mask, const struct mask *matched,
				  const struct mask *negated, const struct mask *asking)
{
	for_each_word(i)
		mask->word[i] &= (matched->word[i] ^ negated->word[i]) | ~asking->word[i];
	return !is_empty(mask);
}

/* Whether any of THESE is in the mask. */
static __always_inline bool has(const struct mask *mask, const struct mask *these)
{
	u64 any = 0;

	for_each_word(i)
		any |= mask->word[i] & these->word[i];
	return any;
}

/* Take THESE out. */
static __always_inline void keep_others(struct mask *mask, const struct mask *these)
{
	for_each_word(i)
		mask->word[i] &= ~these->word[i];
}

/* Of those in THESE, keep the first alone; others in the mask stay. */
static __always_inline void keep_first(struct mask *mask, const struct mask *these)
{
	bool found = false;

	for_each_word(i) {
		u64 inside = mask->word[i] & these->word[i];

		if (!these->word[i])
			continue;
		mask->word[i] &= ~these->word[i];
		if (!found && inside) {
			mask->word[i] |= inside & -inside;
			found = true;
		}
	}
}

/* The number of the first selector in a mask that has one. */
static __always_inline u32 first_of(const struct mask *mask)
{
	for_each_word(i)
		if (mask->word[i])
			return 64 * i + __builtin_ctzll(mask->word[i]);
	return 0;
}

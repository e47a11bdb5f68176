/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows of classes for which the array of a dimension has no room (CLASS_ROOM): in the list. */
#pragma once

#include "lists.h"
#include "mask.h"

/* Where the row of a class begins, of so many words, in one of the generation's tables; or 0. */
static __noinline __maybe_unused u32 find_outgrown(u32 table, u32 class, u32 words)
{
	const struct list_index *index = find_index(CLASS_PLACE(class));
	u32 first;

	if (!index || !index->rows)
		return 0;
	first = list_word(CLASS_PLACE(class), index->rows + table);
	return first ? first + (CLASS_NUMBER(class) - CLASS_ROOM) * words : 0;
}

/* Keep those in the row; false when none is left.  Without a row nobody knows. */
static __always_inline bool keep_outgrown(struct mask *mask, u32 table, u32 class,
					  bool *is_unknown)
{
	u32 row = find_outgrown(table, class, WORDS);

	if (!row) {
		*is_unknown = true;
		return true;
	}
	for_each_word(i)
		mask->word[i] &= list_word(CLASS_PLACE(class), row + i);
	return !is_empty(mask);
}

/* The same of a workload's row, which says after those who hold who is guessed. */
static __always_inline __maybe_unused bool keep_outgrown_workload(struct mask *mask,
								   struct mask *guessed,
								   u32 table, u32 class,
								   bool *is_unknown)
{
	u32 row = find_outgrown(table, class, 2 * WORDS);

	if (!row) {
		*is_unknown = true;
		return true;
	}
	for_each_word(i) {
		mask->word[i] &= list_word(CLASS_PLACE(class), row + i);
		guessed->word[i] |= list_word(CLASS_PLACE(class), row + WORDS + i);
	}
	return !is_empty(mask);
}

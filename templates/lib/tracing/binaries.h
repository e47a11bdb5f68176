/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Classes of binaries: one pass over the path that was executed gives the class.  Most are known
 * before they are asked for (classify.c); the class of a process that has no record, or whose path
 * was too long for it, is found where it is asked for, from the binary that it runs.
 */
#pragma once

#include "lists.h"

/*
 * A state of the automaton, in words: the longest known prefix that ends here and the longest known
 * postfix with which a path ends here (32 bits each, 0 for none); the class of a path that ends
 * here, 0 if it is none of the values; the states that follow, by class of the byte, two a word.
 */
enum {
	STATE_ENDS,
	STATE_EQUAL,
	STATE_NEXT,
};

#define FIRST_STATE 1

/* Set in the number of a state that follows, where a known prefix ends there. */
#define HAS_PREFIX (1U << 31)

/* How far a path was read. */
struct reading {
	const struct list_index *index;
	void *list;
	u32 place;
	u32 state;
	u32 prefix;
	u32 at;
};

static __always_inline u64 word_of_state(const struct reading *reading, u32 word)
{
	const struct list_index *index = reading->index;

	return word_of(reading->list,
		       index->states + reading->state * index->state_words + word);
}

static __always_inline void read_byte(struct reading *reading, u8 byte)
{
	u32 class = reading->index->byte_class[byte];
	u32 next = word_of_state(reading, STATE_NEXT + class / 2) >> class % 2 * 32;

	reading->state = next & ~HAS_PREFIX;
	if (next & HAS_PREFIX)
		reading->prefix = word_of_state(reading, STATE_ENDS);
	reading->at++;
}

static __always_inline bool begin_reading(struct reading *reading, u32 place)
{
	reading->index = find_index(place);
	reading->list = find_list(place);
	reading->place = place;
	reading->state = FIRST_STATE;
	reading->at = 0;
	if (!reading->index || !reading->list)
		return false;
	reading->prefix = word_of_state(reading, STATE_ENDS);
	return true;
}

/* The class of a path that was read to its end. */
static __always_inline u32 class_at_end(const struct reading *reading)
{
	const struct list_index *index = reading->index;
	u32 class = word_of_state(reading, STATE_EQUAL);

	if (!class) {
		u32 postfix = word_of_state(reading, STATE_ENDS) >> 32;

		class = word_of(reading->list,
				index->pairs + reading->prefix * index->postfixes + postfix);
	}
	return class ? CLASS_ID(class, reading->place) : UNKNOWN_CLASS;
}

/* The rules that follow processes of a class to their children. */
static __noinline __maybe_unused u64 rules_of_class(u32 class)
{
	const struct list_index *index = find_index(CLASS_PLACE(class));

	return index ? list_word(CLASS_PLACE(class), index->followers + CLASS_NUMBER(class)) : 0;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs of user space: which of their places they are stopped at, writing to their memory. */
#pragma once

#include "act.h"

static long (*const bpf_probe_write_user)(void *to, const void *from, u32 size) = (void *)36;
/* Which of its places a program is at: user space gave it a number. */
static u64 (*const bpf_get_attach_cookie)(void *context) = (void *)174;

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a function was called with, by the way in which the program stands there: REGISTERS
 * (kprobe, uprobe) or an array of arguments (fentry and the like).
 */
#pragma once

#include "bpf.h"

typedef signed char s8;
typedef short s16;

#ifdef MACHINE_X86_64
/* arch/x86/include/asm/ptrace.h */
struct pt_regs {
	u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
	u64 orig_ax, ip, cs, flags, sp, ss;
};
#define REGISTER_0 di
#define REGISTER_1 si
#define REGISTER_2 dx
#define REGISTER_3 cx
#define REGISTER_4 r8
#define REGISTER_5 r9
#define REGISTER_RETURN ax
#define SYSCALL_0 di
#define SYSCALL_1 si
#define SYSCALL_2 dx
#define SYSCALL_3 r10
#define SYSCALL_4 r8
#define SYSCALL_5 r9
/* What a 32-bit program calls with (arch/x86/include/asm/syscall_wrapper.h, SC_IA32_REGS_TO_ARGS). */
#define NARROW_SYSCALL_0 bx
#define NARROW_SYSCALL_1 cx
#define NARROW_SYSCALL_2 dx
#define NARROW_SYSCALL_3 si
#define NARROW_SYSCALL_4 di
#define NARROW_SYSCALL_5 bp
#endif

#ifdef MACHINE_AARCH64
/* arch/arm64/include/uapi/asm/ptrace.h */
struct pt_regs {
	u64 regs[31];
	u64 sp, pc, pstate, orig_x0;
};
#define REGISTER_0 regs[0]
#define REGISTER_1 regs[1]
#define REGISTER_2 regs[2]
#define REGISTER_3 regs[3]
#define REGISTER_4 regs[4]
#define REGISTER_5 regs[5]
#define REGISTER_RETURN regs[0]
#define SYSCALL_0 orig_x0
#define SYSCALL_1 regs[1]
#define SYSCALL_2 regs[2]
#define SYSCALL_3 regs[3]
#define SYSCALL_4 regs[4]
#define SYSCALL_5 regs[5]
#endif

/*
 * One load from the context, at an offset that is part of the instruction: clang would add it
 * to a copy of the pointer, which the verifier refuses.  Without side effects, so that what is
 * read twice is loaded once.
 */
#define FROM_CONTEXT(CONTEXT, TYPE, OFFSET)                                               \
	({                                                                                \
		u64 value_;                                                               \
                                                                                          \
		asm("%[value] = *(" #TYPE " *)(%[context] + %[offset])"                   \
		    : [value] "=r"(value_)                                                \
		    : [context] "r"(CONTEXT), [offset] "i"(OFFSET));                      \
		value_;                                                                   \
	})

#define REGISTER(CONTEXT, NAME) \
	FROM_CONTEXT(CONTEXT, u64, __builtin_offsetof(struct pt_regs, NAME))
#define ARGUMENT_OF_REGISTERS(CONTEXT, NUMBER) \
	FROM_CONTEXT(CONTEXT, u64, __builtin_offsetof(struct pt_regs, REGISTER_##NUMBER))
#define ARGUMENT_OF_TRAMPOLINE(CONTEXT, NUMBER) FROM_CONTEXT(CONTEXT, u64, 8 * (NUMBER))

/* A system call is given the registers of the program that makes it. */
#define OF_PROGRAM_BY_REGISTERS(CONTEXT, NAME)                                            \
	({                                                                                \
		const struct pt_regs *of_program_ =                                       \
			(void *)ARGUMENT_OF_REGISTERS(CONTEXT, 0);                        \
		u64 value_ = 0;                                                           \
                                                                                          \
		bpf_probe_read_kernel(&value_, sizeof(value_), &of_program_->NAME);       \
		value_;                                                                   \
	})
#define OF_PROGRAM_BY_TRAMPOLINE(CONTEXT, NAME) \
	(((const struct pt_regs *)ARGUMENT_OF_TRAMPOLINE(CONTEXT, 0))->NAME)

#define SYSCALL_OF_REGISTERS(CONTEXT, NUMBER) OF_PROGRAM_BY_REGISTERS(CONTEXT, SYSCALL_##NUMBER)
#define SYSCALL_OF_TRAMPOLINE(CONTEXT, NUMBER) OF_PROGRAM_BY_TRAMPOLINE(CONTEXT, SYSCALL_##NUMBER)
#define NARROW_SYSCALL_OF_REGISTERS(CONTEXT, NUMBER) \
	((u32)OF_PROGRAM_BY_REGISTERS(CONTEXT, NARROW_SYSCALL_##NUMBER))
#define NARROW_SYSCALL_OF_TRAMPOLINE(CONTEXT, NUMBER) \
	((u32)OF_PROGRAM_BY_TRAMPOLINE(CONTEXT, NARROW_SYSCALL_##NUMBER))

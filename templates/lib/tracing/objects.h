/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Objects of the kernel that have a name and a few numbers: BPF programs and maps, events of
 * perf, modules.  Each is shown as its numbers, and its name behind them.
 */
#pragma once

#include "event.h"
#include "kernel.h"
#include "walk.h"

#define BPF_NAME_SIZE 16
#define SYMBOL_SIZE 128
#define MODULE_NAME_SIZE 64

/* What bpf(2) is given for BPF_PROG_LOAD; other commands have other members in its place. */
union bpf_attr {
	struct {
		u32 prog_type;
		u32 insn_cnt;
		char prog_name[BPF_NAME_SIZE];
	};
} __of_kernel;

struct bpf_prog_aux {
	char name[BPF_NAME_SIZE];
} __of_kernel;

struct bpf_prog {
	enum bpf_prog_type { BPF_PROG_TYPE_NONE } type;
	u32 len;
	struct bpf_prog_aux *aux;
} __of_kernel;

struct bpf_map {
	enum bpf_map_type map_type;
	u32 key_size;
	u32 value_size;
	u32 max_entries;
	char name[BPF_NAME_SIZE];
} __of_kernel;

struct perf_event_attr {
	u32 type;
	u64 config;
	u64 kprobe_func;
	u64 probe_offset;
} __of_kernel;

struct perf_event {
	struct perf_event_attr attr;
} __of_kernel;

struct module {
	char name[MODULE_NAME_SIZE];
	unsigned long taints;
	bool sig_ok;
} __of_kernel;

struct load_info {
	const char *name;
	struct module *mod;
	bool sig_ok;
} __of_kernel;

struct net_device {
	char name[16];
} __of_kernel;

struct filename {
	const char *name;
} __of_kernel;

/* The bytes of a value of type bpf_program and bpf_attr. */
struct program_value {
	u32 type;
	u32 instructions;
	char name[BPF_NAME_SIZE];
};

/* The like of type bpf_map. */
struct map_value {
	u32 type;
	u32 key_size;
	u32 value_size;
	u32 entries;
	char name[BPF_NAME_SIZE];
};

/* The like of type perf_event. */
struct perf_event_value {
	u32 type;
	u32 pad;
	u64 config;
	u64 offset;
	char symbol[SYMBOL_SIZE];
};

/* The like of type module; whether the signature is right only load_info says. */
struct module_value {
	u64 taints;
	u32 is_signed;
	u32 is_signature_known;
	char name[MODULE_NAME_SIZE];
};

static __noinline __maybe_unused int add_bpf_attr(struct event_room *event, u16 place, u64 at)
{
	const union bpf_attr *attr = (void *)at;
	struct program_value *bytes = event ? open_value(event, TRACING_TYPE_BPF_ATTR, place) : NULL;

	if (!bytes)
		return 0;
	/* Of the kernel or, where a system call is watched, of the program that makes it. */
	if ((s64)at < 0) {
		bytes->type = PROBE(attr->prog_type);
		bytes->instructions = PROBE(attr->insn_cnt);
		bpf_probe_read_kernel_str(bytes->name, BPF_NAME_SIZE, &attr->prog_name);
	} else {
		bpf_probe_read_user(&bytes->type, 4, &attr->prog_type);
		bpf_probe_read_user(&bytes->instructions, 4, &attr->insn_cnt);
		bpf_probe_read_user_str(bytes->name, BPF_NAME_SIZE, &attr->prog_name);
	}
	close_value(event, sizeof(*bytes), 0);
	return 0;
}

static __noinline __maybe_unused int add_bpf_prog(struct event_room *event, u16 place, u64 at)
{
	const struct bpf_prog *program = (void *)at;
	struct program_value *bytes =
		event ? open_value(event, TRACING_TYPE_BPF_PROGRAM, place) : NULL;

	if (!bytes)
		return 0;
	bytes->type = PROBE(program->type);
	bytes->instructions = PROBE(program->len);
	bpf_probe_read_kernel_str(bytes->name, BPF_NAME_SIZE, PROBE(program->aux)->name);
	close_value(event, sizeof(*bytes), 0);
	return 0;
}

static __noinline __maybe_unused int add_bpf_map(struct event_room *event, u16 place, u64 at)
{
	const struct bpf_map *map = (void *)at;
	struct map_value *bytes = event ? open_value(event, TRACING_TYPE_BPF_MAP, place) : NULL;

	if (!bytes)
		return 0;
	bytes->type = PROBE(map->map_type);
	bytes->key_size = PROBE(map->key_size);
	bytes->value_size = PROBE(map->value_size);
	bytes->entries = PROBE(map->max_entries);
	bpf_probe_read_kernel_str(bytes->name, BPF_NAME_SIZE, &map->name);
	close_value(event, sizeof(*bytes), 0);
	return 0;
}

static __noinline __maybe_unused int add_perf_event(struct event_room *event, u16 place, u64 at)
{
	const struct perf_event *perf = (void *)at;
	struct perf_event_value *bytes =
		event ? open_value(event, TRACING_TYPE_PERF_EVENT, place) : NULL;
	u64 symbol;

	if (!bytes)
		return 0;
	bytes->type = PROBE(perf->attr.type);
	bytes->pad = 0;
	bytes->config = PROBE(perf->attr.config);
	bytes->offset = PROBE(perf->attr.probe_offset);
	bytes->symbol[0] = 0;
	/* Of other kinds of events the same bytes say something else, and no name is there. */
	symbol = PROBE(perf->attr.kprobe_func);
	if ((s64)symbol < 0)
		bpf_probe_read_kernel_str(bytes->symbol, SYMBOL_SIZE, (void *)symbol);
	else
		bpf_probe_read_user_str(bytes->symbol, SYMBOL_SIZE, (void *)symbol);
	close_value(event, sizeof(*bytes), 0);
	return 0;
}

static __noinline __maybe_unused int add_module(struct event_room *event, u16 place, u64 at)
{
	const struct module *module = (void *)at;
	struct module_value *bytes = event ? open_value(event, TRACING_TYPE_MODULE, place) : NULL;

	if (!bytes)
		return 0;
	bytes->taints = PROBE(module->taints);
	bytes->is_signed = bytes->is_signature_known = 0;
	bpf_probe_read_kernel_str(bytes->name, MODULE_NAME_SIZE, &module->name);
	close_value(event, sizeof(*bytes), 0);
	return 0;
}

/* A module while it is loaded: its name is known when its ELF headers have been looked at. */
static __noinline __maybe_unused int add_load_info(struct event_room *event, u16 place, u64 at)
{
	const struct load_info *info = (void *)at;
	struct module_value *bytes = event ? open_value(event, TRACING_TYPE_MODULE, place) : NULL;

	if (!bytes)
		return 0;
	bytes->taints = PROBE(PROBE(info->mod)->taints);
	bytes->is_signature_known = 1;
	bytes->is_signed = kernel_has(load_info, sig_ok) ? PROBE(info->sig_ok) : 0;
	bytes->name[0] = 0;
	bpf_probe_read_kernel_str(bytes->name, MODULE_NAME_SIZE, PROBE(info->name));
	close_value(event, sizeof(*bytes), 0);
	return 0;
}

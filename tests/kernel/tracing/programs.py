"""Small programs, written here, that count what this process does."""

from __future__ import annotations

import os
import struct
from functools import cache
from typing import TYPE_CHECKING

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.toolchain.clang import compile_c
from lockgate_runtime.bpf_object import Object
from lockgate_runtime.environment import is_in_first_pid_namespace
from lockgate_runtime.target.hooks import try_hooks
from tests.kernel.e2e.bundles import CACHE

if TYPE_CHECKING:
    from lockgate_runtime.bpf import Map

HEAD = """
typedef unsigned int u32;
typedef unsigned long long u64;
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static u64 (*bpf_get_current_pid_tgid)(void) = (void *)14;
static __attribute__((unused)) inline u64 cookie(void *context)
{
	u64 (*bpf_get_attach_cookie)(void *context) = (void *)174;

	return bpf_get_attach_cookie(context);
}

char licence[] SEC("license") = "GPL";
const volatile u32 whose = 0;

struct {
	__uint(type, 2);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, 4);
} hits SEC(".maps");

static inline int count(u32 which)
{
	u64 *value;

	if (whose && bpf_get_current_pid_tgid() >> 32 != whose)
		return 0;
	value = bpf_map_lookup_elem(&hits, &which);
	if (value)
		__sync_fetch_and_add(value, 1);
	return 1;
}
"""

COUNTING = """
SEC("{section}")
int probe(void *context)
{{
	{body}
}}
"""

EPERM = 1


@cache
def hooks() -> dict[str, bool]:
    """Return what the running kernel can attach."""
    return try_hooks()


def require(*names: str) -> None:
    """Skip a test that needs a hook which this kernel does not have."""
    for name in names:
        if not hooks()[name]:
            pytest.skip(f"needs a kernel that attaches programs by {name}")


def compile_one(text: str, name: str = "probe") -> bytes:
    """Compile one C file without headers."""
    diagnostics = Diagnostics()
    objects = compile_c({f"{name}.c": text}, diagnostics, cache_folder=CACHE)
    assert diagnostics.ok, [d.message for d in diagnostics.found]
    return objects[f"{name}.o"]


def counting(
    section: str, body: str = "count(0);\n\treturn 0;", *, anybody: bool = False
) -> Object:
    """Open an object with the one program ``probe``, which counts our hits (or all)."""
    if not anybody and not is_in_first_pid_namespace():
        pytest.skip("needs the first PID namespace")
    text = HEAD + COUNTING.format(section=section, body=body)
    target = Object("probe", compile_one(text), is_tracing=True)
    target.set_constant("whose", struct.pack("=I", 0 if anybody else os.getpid()))
    return target


def hit_counts(hits: Map) -> list[int]:
    """Return how often each counter was hit."""
    return list(struct.unpack("=4Q", hits.read_array()))

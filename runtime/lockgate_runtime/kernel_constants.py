"""Numbers of include/uapi/linux/bpf.h, as far as we use them."""

from __future__ import annotations

from enum import IntEnum


class Command(IntEnum):
    """Enum bpf_cmd, what we use of it."""

    MAP_CREATE = 0
    MAP_LOOKUP = 1
    MAP_UPDATE = 2
    MAP_DELETE = 3
    MAP_NEXT_KEY = 4
    PROG_LOAD = 5
    OBJ_PIN = 6
    OBJ_GET = 7
    PROG_TEST_RUN = 10
    MAP_GET_FD_BY_ID = 14
    OBJ_INFO = 15
    PROG_QUERY = 16
    RAW_TRACEPOINT_OPEN = 17
    MAP_LOOKUP_AND_DELETE = 21
    MAP_FREEZE = 22
    MAP_LOOKUP_BATCH = 24
    MAP_LOOKUP_AND_DELETE_BATCH = 25
    MAP_UPDATE_BATCH = 26
    MAP_DELETE_BATCH = 27
    LINK_CREATE = 28
    LINK_UPDATE = 29
    LINK_GET_FD_BY_ID = 30
    LINK_GET_NEXT_ID = 31
    LINK_DETACH = 34


class MapType(IntEnum):
    """Enum bpf_map_type, what we use of it."""

    HASH = 1
    ARRAY = 2
    PROG_ARRAY = 3
    PERCPU_HASH = 5
    PERCPU_ARRAY = 6
    STACK_TRACE = 7
    LRU_HASH = 9
    LRU_PERCPU_HASH = 10
    LPM_TRIE = 11
    ARRAY_OF_MAPS = 12
    RINGBUF = 27


class ProgramType(IntEnum):
    """Enum bpf_prog_type, what we use of it."""

    SCHED_CLS = 3
    TRACEPOINT = 5
    CGROUP_SKB = 8
    RAW_TRACEPOINT = 17
    TRACING = 26
    LSM = 29
    SYSCALL = 31


class AttachType(IntEnum):
    """Enum bpf_attach_type, what we use of it."""

    CGROUP_INGRESS = 0
    CGROUP_EGRESS = 1
    FENTRY = 24
    FMOD_RET = 26
    LSM_MAC = 27
    PERF_EVENT = 41
    KPROBE_MULTI = 42
    TCX_INGRESS = 46
    TCX_EGRESS = 47
    UPROBE_MULTI = 48


F_BEFORE = 1 << 3
"""Flag of a tcx link: run before the others; alone, before all of them."""

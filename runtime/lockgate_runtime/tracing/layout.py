"""Structures of the tracing plane that kernel programs share with Python, written once.

The manner is that of :mod:`lockgate_runtime.layout`: C header, packing and asserts come from
here.  Everything is little-endian; times are nanoseconds of boot time (CLOCK_BOOTTIME); a
``start`` is the time at which a process was forked or executed its program, and with the tgid it
names that process for ever (the reference's ``exec_id``).
"""

from __future__ import annotations

from lockgate_runtime.structure import Field, Structure

PATH_ROOM = 256
"""Bytes of a binary's path in a process record, with its terminating zero."""

NAMESPACES = (
    "uts",
    "ipc",
    "mnt",
    "pid",
    "pid_for_children",
    "net",
    "time",
    "time_for_children",
    "cgroup",
    "user",
)
"""Order of namespace inodes wherever there are ten of them."""

CREDENTIALS = ("uid", "gid", "euid", "egid", "suid", "sgid", "fsuid", "fsgid")
"""Order of ids in ``struct process``, that of the first members of ``struct cred``'s pairs."""

UNKNOWN_CLASS = 0
"""Class of a binary or cgroup that nothing is known of; no rule may take it for a stranger."""

PROCESS = Structure(
    "process",
    "Value of the map processes; the key is the tgid (u32).",
    (
        Field("start", "u64", "of this image: fork, or the last exec"),
        Field("parent_start", "u64", "the same of the parent, when it forked"),
        Field("cgroup", "u64", "id of the cgroup (version 2) at fork or exec"),
        Field("permitted", "u64", "capabilities as they are now"),
        Field("effective", "u64", ""),
        Field("inheritable", "u64", ""),
        Field("first_permitted", "u64", "capabilities at fork or exec"),
        Field("first_effective", "u64", ""),
        Field("first_inheritable", "u64", ""),
        Field("born", "u64", "when it was forked, whatever it executed since"),
        Field("followed", "u64", "by place: rules that follow this process", 2),
        Field("binary", "u32", "by place: class of the path; 0 is unknown", 2),
        Field("parent_binary", "u32", "by place: the parent's, when it forked", 2),
        Field(
            "classified",
            "u32",
            "by place: the epoch of who filled these; of another one they say nothing",
            2,
        ),
        Field("tgid", "u32", ""),
        Field("parent", "u32", "tgid of the parent, when it forked"),
        Field("login_uid", "u32", "2^32 - 1 where nobody logged in (auid)"),
        Field("flags", "u32", "PROCESS_IS_..."),
        Field("credentials", "u32", "ids in the order of CREDENTIALS, now", 8),
        Field(
            "namespaces",
            "u32",
            "inodes in the order of NAMESPACES, at fork or exec",
            10,
        ),
        Field("user_namespace", "u32", "inode of that of the credentials, now"),
        Field("secure_bits", "u32", "of the credentials, now"),
        Field("number", "u32", "tgid in its own pid namespace; 0 in the first one"),
        Field("path_length", "u32", "bytes of path, without the zero"),
        Field("path", "u8", "what was executed, from the task's root", PATH_ROOM),
    ),
)

PROCESS_IS_EXECUTED = 1 << 0
PROCESS_IS_SEEDED = 1 << 1
PROCESS_IS_PATH_CUT = 1 << 2
PROCESS_IS_SETUID = 1 << 3
PROCESS_IS_SETGID = 1 << 4
PROCESS_IS_FILE_CAPABLE = 1 << 5
PROCESS_IS_UNLINKED = 1 << 6
PROCESS_IS_IN_MEMORY = 1 << 7
PROCESS_IS_FIRST_IMAGE = 1 << 8
PROCESS_IS_IN_INIT_TREE = 1 << 9
PROCESS_HAS_NO_PATH = 1 << 10
"""Flags of a process.  Executed: it ran exec since its fork; seeded: it ran before us and was
read from /proc; path cut: longer than PATH_ROOM; privileges gained at exec by the set-user-id
or set-group-id bit or by capabilities of the file; unlinked: the binary has no link (nlink 0);
in memory: a memfd; first image: the first program since its fork; in init tree: it descends from
the first process of a container's pid namespace; no path: there is no binary (a kernel thread),
or nobody knows it."""

TICK = 10_000_000
"""Nanoseconds: so coarse are starts in /proc, and so early may seeded processes seem."""

VALUE_PROCESS, VALUE_FILENAME, VALUE_ARGUMENTS, VALUE_DIRECTORY, VALUE_INODE = range(5)
"""Places of the values of exec and fork events: struct process (a fork's ends before path), what
was given to exec, the arguments with their zeros from the program's own name on, the working
directory, the number of the binary's inode (only where it has no link left)."""

VALUE_NEW_CREDENTIALS = 0
"""Place of the value of an event of credentials: those that the process has from now on."""

CREDENTIALS_VALUE = Structure(
    "credentials_value",
    "The bytes of a value of type credentials.",
    (
        Field("ids", "u32", "in the order of CREDENTIALS", 8),
        Field("permitted", "u64", "capabilities"),
        Field("effective", "u64", ""),
        Field("inheritable", "u64", ""),
        Field("inode", "u32", "of the user namespace"),
        Field("level", "u32", "of the user namespace, as s32: 0 is the first"),
        Field("owner", "u32", "uid of who made the user namespace"),
        Field("group", "u32", ""),
        Field("secure_bits", "u32", ""),
        Field("pad", "u32", ""),
    ),
)

USER_NAMESPACE_VALUE = Structure(
    "user_namespace_value",
    "The bytes of a value of type user_namespace.",
    (
        Field("level", "u32", "as s32: 0 is the first"),
        Field("owner", "u32", "uid of who made it"),
        Field("group", "u32", ""),
        Field("inode", "u32", ""),
    ),
)

CGROUP = Structure(
    "cgroup_class",
    "Value of the map cgroups; the key is the cgroup's id (u64).",
    (
        Field("workload", "u32", "by place: class of the workload; 0 is unknown", 2),
        Field("parent", "u64", "id of the parent cgroup; 0 is none"),
        Field("flags", "u32", "CGROUP_IS_INHERITED"),
        Field("pad", "u32", ""),
    ),
)

CGROUP_IS_INHERITED = 1 << 0
"""The kernel took over the parent's class; user space has not looked yet."""

TRACING_CONFIG = Structure(
    "tracing_config",
    "Constants of a loaded program (.rodata), set by the runtime before loading.",
    (
        Field("place", "u32", "0 or 1: which column of the records a classifier fills"),
        Field("self", "u32", "tgid that no action may hit (apply's own); 0 is none"),
        Field("is_newest_first", "u32", "whether what is attached last runs first"),
        Field("way", "u32", "how the program is attached: the same in each generation"),
    ),
)

TRACING_SERVICE = Structure(
    "tracing_service",
    "Whom a loaded program serves (.data.service); the runtime changes it while it runs.",
    (
        Field("places", "u32", "a bit for each place whose generation has it; 0: none"),
        Field("generation", "u32", "by place: the generation, rising on this node", 2),
    ),
)

CLASS_ROOM = 256
"""Classes of each place, the unknown one among them, that rows of sites have room for: rows of
those with higher numbers stand in the list."""

FOLLOW_RULES = 64
"""Rules that follow processes, at most; the bits of ``process.followed``."""

FORMER_GENERATION = Structure(
    "former_generation",
    "What classifiers are told of the generation in the other place (map former).",
    (
        Field(
            "epoch", "u32", "when this generation was armed last: no other one has it"
        ),
        Field("former_epoch", "u32", "the other's; 0: nothing is known of it"),
        Field(
            "same_rule",
            "u8",
            "by rule: which one of the other's is the same, and 1; 0 is none",
            FOLLOW_RULES,
        ),
        Field("classes", "u32", "where the list has the class here of each one there"),
        Field("class_count", "u32", "of how many; of others nothing is known"),
    ),
)

LIST_INDEX = Structure(
    "list_index",
    "What stands where in the list of a place: numbers of words, 0 where there is nothing.",
    (
        Field("states", "u32", "of the automaton that reads paths of binaries"),
        Field("state_words", "u32", "how many words each of them has"),
        Field("pairs", "u32", "by known prefix and postfix: the number of the class"),
        Field("postfixes", "u32", "in a row of pairs: one each, and none"),
        Field("followers", "u32", "by number of the class: rules that follow, as bits"),
        Field("numbers", "u32", "of processes that are followed, and their rules"),
        Field("number_count", "u32", "how many there are"),
        Field(
            "rows", "u32", "by table: where rows of classes from CLASS_ROOM on begin"
        ),
        Field("byte_class", "u8", "by byte: its class", 256),
    ),
)

MODE_COLUMNS = 4
"""Generations that are there at once differ in their numbers modulo this, or share no modes."""

POLICY_MODE = Structure(
    "policy_mode",
    "Value of the map modes; the key is the policy's number.",
    (
        Field(
            "enforces",
            "u32",
            "by generation, modulo 4: 1 where it enforces, 0 where it watches",
            MODE_COLUMNS,
        ),
    ),
)

TRACING_EVENT = Structure(
    "tracing_event",
    "Head of every tracing record in the ring; values follow (struct tracing_value).",
    (
        # The first two stand where struct event has them: one ring, one way to tell kinds.
        Field("version", "u8", "TRACING_EVENT_VERSION"),
        Field("kind", "u8", "enum event_kind"),
        Field("flags", "u16", "EVENT_IS_..."),
        Field("size", "u32", "bytes of the record, head included"),
        Field("time", "u64", ""),
        Field("start", "u64", "of the process; 0 where it has no record"),
        Field("tgid", "u32", ""),
        Field("tid", "u32", ""),
        Field("generation", "u32", ""),
        Field(
            "hook", "u32", "number of the hook in the generation's hooks; exit: status"
        ),
        Field("selectors", "u64", "selectors that matched, first 64 by number"),
        Field("cgroup", "u64", "id of the task's cgroup now"),
        Field("function", "u64", "address of the function, where a list has many"),
        Field("value_count", "u16", "values behind this head"),
        Field("action", "u8", "enum tracing_action: the heaviest that was taken"),
        Field("withheld", "u8", "the heaviest that monitor mode held back"),
        Field("error", "u32", "errno that was returned to the caller, as s32"),
    ),
)
TRACING_EVENT_VERSION = 1

EVENT_IS_RETURN = 1 << 0
EVENT_HAS_LOST_VALUES = 1 << 1
EVENT_PROCESS_IS_UNKNOWN = 1 << 2
EVENT_IS_UNDECIDED = 1 << 3
EVENT_WORKLOAD_IS_UNKNOWN = 1 << 4
"""Flags of an event: made at the return; some values did not fit and are left out; there is no
record of the process; what was judged could not be read whole, so that a denial was done to be
safe, and nothing else; it is not known whether the pod or container is one of those that are
meant, and the policy takes such for selected."""

TRACING_VALUE = Structure(
    "tracing_value",
    "One value of an event, padded to 8 bytes with what follows it.",
    (
        Field("type", "u8", "enum tracing_type: what the bytes are"),
        Field("flags", "u8", "VALUE_IS_..."),
        Field(
            "place", "u16", "place among arguments (0..), data (256..), return (512)"
        ),
        Field("size", "u32", "bytes that follow, without padding"),
    ),
)

VALUE_IS_CUT = 1 << 0
VALUE_IS_UNREADABLE = 1 << 1
"""Flags of a value: longer than what is here; the memory could not be read (size 0)."""

LONGEST_VALUE = 327_360
"""Bytes of the longest value that events can show ('maxData'), as in the reference."""

TRACING_CONTINUATION = Structure(
    "tracing_continuation",
    "Head of a record with more bytes of a value than its event has; it is before the event's.",
    (
        # The first five stand where struct tracing_event has them, time being that of the event.
        Field("version", "u8", "TRACING_EVENT_VERSION"),
        Field("kind", "u8", "EVENT_KIND_CONTINUATION"),
        Field("place", "u16", "of the value"),
        Field("size", "u32", "bytes of the record, head included"),
        Field("time", "u64", ""),
        Field("tid", "u32", ""),
        Field("room", "u32", "tells events apart that one thread builds at a time"),
        Field("offset", "u32", "where its bytes are among all that are continued"),
        Field("pad", "u32", ""),
    ),
)

TRACING_REST = Structure(
    "tracing_rest",
    "The bytes of a value of type rest: what of the value at its place is in continuations.",
    (
        Field("size", "u32", "bytes in continuations"),
        Field("room", "u16", "of the continuations"),
        Field("flags", "u16", "REST_IS_..."),
    ),
)

REST_IS_WHOLE = 1 << 0
REST_IS_UNREADABLE = 1 << 1
REST_IS_LOST = 1 << 2
"""Why a rest ends: so does the value; the memory behind cannot be read; the ring had no room for
more.  Without any of them, the value is longer than LONGEST_VALUE."""

VALUE_DATA, VALUE_RETURN = 256, 512
"""Where the places of 'data' and of what is returned begin."""

VALUE_SELECTORS = 768
"""Place of the selectors that matched beyond the first 64 of the head, 64 to a word."""

SITE_SHIFT = 32
"""Where an event's ``function`` is in a program of user space: the site's number above, the
number of its place among the site's below."""

TRACING_COUNTERS = Structure(
    "tracing_counters",
    "Per-CPU counters that outlive generations (map tracing_counters, one entry).",
    (
        Field("events", "u64", "records that were put into the ring"),
        Field("lost", "u64", "records for which the ring had no room"),
        Field("limited", "u64", "events that a rate limit held back"),
        Field("unknown", "u64", "hits whose binary no record told: judged on the spot"),
        Field("full", "u64", "processes for which the map had no room"),
        Field("nested", "u64", "events lost because the CPU was building too many"),
        Field("calls", "u64", "calls that were kept until they return"),
        Field("returns", "u64", "of those, that returned; a kernel misses some"),
        Field("missed", "u64", "returns whose call was not kept, for want of room"),
        Field("unclassified", "u64", "hits that count though their pod is not known"),
    ),
)

TRACING_STRUCTURES = (
    PROCESS,
    CGROUP,
    TRACING_CONFIG,
    TRACING_SERVICE,
    FORMER_GENERATION,
    LIST_INDEX,
    POLICY_MODE,
    TRACING_EVENT,
    TRACING_VALUE,
    TRACING_COUNTERS,
    CREDENTIALS_VALUE,
    USER_NAMESPACE_VALUE,
    TRACING_CONTINUATION,
    TRACING_REST,
)

TRACING_ENUMERATIONS: dict[str, tuple[str, ...]] = {
    "tracing_action": (
        "none",
        "no_post",
        "post",
        "get_url",
        "dns_lookup",
        "track_sock",
        "untrack_sock",
        "set",
        "cleanup_enforcer",
        "notify_enforcer",
        "signal",
        "kill",
        "deny",
    ),
    "tracing_type": (
        "none",
        "signed",
        "unsigned",
        "string",
        "bytes",
        "path",
        "socket",
        "socket_address",
        "skb",
        "credentials",
        "capability",
        "capabilities",
        "user_namespace",
        "module",
        "bpf_map",
        "bpf_program",
        "bpf_attr",
        "bpf_command",
        "perf_event",
        "net_device",
        "system_call",
        "binary_program",
        "hash",
        "process",
        "kernel_stack",
        "user_stack",
        "request",
        "whole_size",
        "rest",
    ),
}
"""Enumerations; a value is its place.  New values are added at the end."""

SUPPLEMENTS = frozenset(
    {"hash", "kernel_stack", "user_stack", "request", "whole_size", "rest"}
)
"""Types of values that an event has besides arguments, data and returns; they have no place.

A stack is its addresses (u64), the innermost first; it is unreadable where there is none.  A
hash is a s64, the number of its algorithm (enum hash_algo) or minus an errno, and 64 bytes with
the digest at their beginning.  A request (u64) names the selector whose GetUrl and DnsLookup are
asked for: the number of its site times 65,536 and its own.  A whole size (u64) is how many bytes
there were of a value that is cut, whose place it has; so has a rest (struct tracing_rest)."""

EVENT_KINDS = (
    "exec",
    "fork",
    "exit",
    "credentials",
    "hook",
    "library",
    "throttle",
    "continuation",
)
"""Kinds of tracing records: they follow the kinds of :mod:`lockgate_runtime.layout`, in order."""

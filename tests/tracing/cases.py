"""Every type, operator and action as one row: a hook, what fires it, what must not.

A workload is Python that runs in a child of its own as root, with the words of
:mod:`tests.tracing.deeds`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Case:
    """One row.

    ``hook`` is an entry of ``list`` (kprobes, ...), ``selector`` one of its selectors.
    ``fires`` and ``silent`` are workloads; ``shows`` is in the values of an event of the first.
    ``ends`` is how the child ends when it fires: an exit status, or minus a signal.
    ``kernels`` are those that can do it; ``many`` is how many events there are, 0 for any
    number but none.
    """

    name: str
    hook: str
    selector: str
    fires: str
    silent: str
    list: str = "kprobes"
    shows: str = ""
    ends: int = 0
    many: int = 0
    kernels: tuple[str, ...] = ("6.1", "6.12")
    rest: str = ""

    @property
    def policy(self) -> str:
        """The policy, as YAML."""
        selector = f"    selectors:\n    - {self.selector}\n" if self.selector else ""
        return (
            "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\n"
            f"metadata: {{name: {self.name}}}\nspec:\n  {self.list}:\n  - {self.hook}\n"
            f"{selector}{self.rest}"
        )


def _file(name: str, match: str, fires: str, silent: str, **more: object) -> Case:
    """Return a row about files that are read."""
    hook = "call: security_file_permission\n    syscall: false\n"
    hook += "    args: [{index: 0, type: file}, {index: 1, type: int}]"
    return Case(name, hook, f"matchArgs: [{match}]", fires, silent, **more)  # type: ignore[arg-type]  # a row has what it says


def _number(name: str, match: str, fires: str, silent: str, **more: object) -> Case:
    """Return a row about the numbers that a system call is given."""
    hook = "call: sys_getpriority\n    syscall: true\n"
    hook += "    args: [{index: 0, type: int}, {index: 1, type: int}]"
    return Case(name, hook, f"matchArgs: [{match}]", fires, silent, **more)  # type: ignore[arg-type]  # a row has what it says


FILES = (
    _file(
        "path-prefix",
        "{index: 0, operator: Prefix, values: [/lg/one/]}",
        "read('/lg/one/x')",
        "read('/lg/two/x')",
        shows="/lg/one/x",
    ),
    _file(
        "path-prefix-elsewhere",
        "{index: 0, operator: Prefix, values: [/opt/]}",
        "chroot('/lg/root'); read('/opt/x')",
        "read('/lg/root/opt/x')",
        shows="/opt/x",
    ),
    _file(
        "path-equal",
        "{index: 0, operator: Equal, values: [/lg/one/equal, /nowhere]}",
        "read('/lg/one/equal')",
        "read('/lg/one/equal2')",
        shows="/lg/one/equal",
    ),
    _file(
        "path-postfix",
        "{index: 0, operator: Postfix, values: [.secret]}",
        "read('/lg/a.secret')",
        "read('/lg/a.secret2')",
        shows="a.secret",
    ),
    _file(
        "path-not-prefix",
        "{index: 0, operator: NotPrefix, values: [/lg, /usr, /proc, /root, /etc, /lib, /dev]}",
        "read('/var/lgnot')",
        "read('/lg/one/x')",
        shows="/var/lgnot",
    ),
    _file(
        "path-not-equal",
        "{index: 0, operator: Prefix, values: [/lg/ne/]}\n"
        "      , {index: 0, operator: NotEqual, values: [/lg/ne/x]}",
        "read('/lg/ne/y')",
        "read('/lg/ne/x')",
        shows="/lg/ne/y",
    ),
    _file(
        "path-not-postfix",
        "{index: 0, operator: Prefix, values: [/lg/np/]}\n"
        "      , {index: 0, operator: NotPostfix, values: [.txt]}",
        "read('/lg/np/y')",
        "read('/lg/np/y.txt')",
        shows="/lg/np/y",
    ),
    _file(
        "path-mounted",
        "{index: 0, operator: Prefix, values: [/lg/mnt/deep/]}",
        "read('/lg/mnt/deep/er/x')",
        "read('/lg/mnt/x')",
        shows="/lg/mnt/deep/er/x",
    ),
    _file(
        "path-bound",
        "{index: 0, operator: Prefix, values: [/lg/bound/]}",
        "read('/lg/bound/x')",
        "read('/lg/source/x')",
        shows="/lg/bound/x",
    ),
    _file(
        "path-unlinked",
        "{index: 0, operator: Equal, values: [/lg/unlinked]}",
        "read_unlinked('/lg/unlinked')",
        "read_unlinked('/lg/unlinked2')",
        shows="/lg/unlinked (deleted)",
    ),
    _file(
        "path-renamed",
        "{index: 0, operator: Equal, values: [/lg/after]}",
        "read_renamed('/lg/before', '/lg/after')",
        "read_renamed('/lg/after', '/lg/before')",
        shows="/lg/after",
    ),
    _file(
        "path-deep",
        "{index: 0, operator: Prefix, values: [/lg/deep/]}",
        "read('/lg/deep/' + 'd/' * 100 + 'x')",
        "read('/lg/shallow/' + 'd/' * 100 + 'x')",
        shows="/lg/deep/d/d/d",
    ),
    _file(
        "path-substring",
        "{index: 0, operator: SubString, values: [needle]}",
        "read('/lg/one/aneedleb')",
        "read('/lg/one/aneedbleb')",
        shows="aneedleb",
    ),
    _file(
        "path-substring-case",
        "{index: 0, operator: SubStringIgnCase, values: [hayStack]}",
        "read('/lg/one/aHAYSTACKb')",
        "read('/lg/one/aHAYSTAKb')",
        shows="aHAYSTACKb",
    ),
    _file(
        "path-and-mask",
        "{index: 0, operator: Equal, values: [/lg/one/mask]}\n"
        "      , {index: 1, operator: Mask, values: ['2']}",
        "write('/lg/one/mask')",
        "read('/lg/one/mask')",
        shows="/lg/one/mask",
    ),
)

DENIALS = (
    Case(
        "deny-fmod-ret",
        "call: security_file_permission\n    syscall: false\n"
        "    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Prefix, values: [/lg/denied/]}]\n"
        "      matchActions: [{action: Override, argError: -13}]",
        "read('/lg/denied/x')",
        "read('/lg/one/x')",
        ends=13,
        shows="/lg/denied/x",
    ),
    Case(
        "deny-lsm",
        "hook: file_open\n    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/denied/lsm]}]\n"
        "      matchActions: [{action: Override, argError: -1}]",
        "read('/lg/denied/lsm')",
        "read('/lg/one/lsm')",
        list="lsmhooks",
        ends=1,
        shows="/lg/denied/lsm",
    ),
    Case(
        "monitor-deny",
        "hook: file_open\n    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/monitored]}]\n"
        "      matchActions: [{action: Override, argError: -1}]",
        "read('/lg/one/monitored')",
        "read('/lg/one/x')",
        list="lsmhooks",
        shows="monitored",
        rest="  options: [{name: policy-mode, value: monitor}]\n",
    ),
    Case(
        "sigkill",
        "call: sys_getpriority\n    syscall: true\n    args: [{index: 1, type: int}]",
        "matchArgs: [{index: 1, operator: Equal, values: ['-77']}]\n"
        "      matchActions: [{action: Sigkill}]",
        "getpriority(0, -77)",
        "getpriority(0, -78)",
        ends=-9,
    ),
    Case(
        "signal",
        "call: sys_getpriority\n    syscall: true\n    args: [{index: 1, type: int}]",
        "matchArgs: [{index: 1, operator: Equal, values: ['-79']}]\n"
        "      matchActions: [{action: Signal, argSig: 12}]",
        "getpriority(0, -79)",
        "getpriority(0, -78)",
        ends=-12,
    ),
)

NUMBERS = tuple(
    _number(
        f"int-{name.lower()}",
        f"{{index: 1, operator: {name}, values: [{values}]}}\n"
        "      , {index: 0, operator: Equal, values: ['9']}",
        f"getpriority(9, {fires})",
        f"getpriority(9, {silent})",
    )
    for name, values, fires, silent in (
        ("Equal", "'5', '-6'", "-6", "6"),
        ("NotEqual", "'5'", "6", "5"),
        ("GreaterThan", "'-3'", "-2", "-3"),
        ("GT", "'30'", "31", "-31"),
        ("LessThan", "'-30'", "-31", "-30"),
        ("LT", "'-30'", "-31", "31"),
        ("InRange", "'-20:-10'", "-20", "-9"),
        ("NotInRange", "'-20:10'", "11", "-20"),
        ("InMap", "'40', '50:60'", "55", "61"),
        ("NotInMap", "'40', '50:60'", "61", "60"),
        ("Mask", "'0x40'", "0x41", "0x81"),
    )
)

PROCESSES = (
    Case(
        "binary-in",
        "call: security_file_permission\n    syscall: false\n"
        "    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/binary]}]\n"
        "      matchBinaries: [{operator: In, values: [/lg/bin/reader]}]",
        "run('/lg/bin/reader', '/lg/one/binary')",
        "run('/lg/bin/other', '/lg/one/binary')",
        shows="/lg/one/binary",
    ),
    Case(
        "binary-not-in",
        "call: security_file_permission\n    syscall: false\n"
        "    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/notbinary]}]\n"
        "      matchBinaries: [{operator: NotIn, values: [/lg/bin/reader]}]",
        "run('/lg/bin/other', '/lg/one/notbinary')",
        "run('/lg/bin/reader', '/lg/one/notbinary')",
    ),
    Case(
        "binary-prefix",
        "call: security_file_permission\n    syscall: false\n"
        "    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/binprefix]}]\n"
        "      matchBinaries: [{operator: Prefix, values: [/lg/bin/re]}]",
        "run('/lg/bin/reader', '/lg/one/binprefix')",
        "run('/lg/bin/other', '/lg/one/binprefix')",
    ),
    Case(
        "binary-not-prefix",
        "call: security_file_permission\n    syscall: false\n"
        "    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/binnotprefix]}]\n"
        "      matchBinaries: [{operator: NotPrefix, values: [/lg/bin/re]}]",
        "run('/lg/bin/other', '/lg/one/binnotprefix')",
        "run('/lg/bin/reader', '/lg/one/binnotprefix')",
    ),
    Case(
        "binary-postfix",
        "call: security_file_permission\n    syscall: false\n"
        "    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/binpostfix]}]\n"
        "      matchBinaries: [{operator: Postfix, values: [bin/reader]}]",
        "run('/lg/bin/reader', '/lg/one/binpostfix')",
        "run('/lg/bin/other', '/lg/one/binpostfix')",
    ),
    Case(
        "binary-follow",
        "call: security_file_permission\n    syscall: false\n"
        "    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/follow]}]\n"
        "      matchBinaries: [{operator: In, values: [/lg/bin/starter], "
        "followChildren: true}]",
        "run('/lg/bin/starter', '/lg/bin/other', '/lg/one/follow')",
        "run('/lg/bin/env', '/lg/bin/other', '/lg/one/follow')",
    ),
    Case(
        "pid-not-in",
        "call: sys_getpriority\n    syscall: true\n"
        "    args: [{index: 0, type: int}, {index: 1, type: int}]",
        "matchPIDs: [{operator: NotIn, values: [1, 2]}]\n"
        "      matchArgs: [{index: 0, operator: Equal, values: ['11']}]",
        "getpriority(11, 0)",
        "getpriority(12, 0)",
        many=1,
    ),
    Case(
        "pid-in",
        "call: sys_getpriority\n    syscall: true\n    args: [{index: 0, type: int}]",
        "matchPIDs: [{operator: In, values: [4000]}]\n"
        "      matchArgs: [{index: 0, operator: Equal, values: ['13']}]",
        "be(4000); getpriority(13, 0)",
        "getpriority(13, 0)",
        many=1,
    ),
)

TASKS = (
    *(
        Case(
            f"namespace-{space.lower()}",
            "call: sys_getpriority\n    syscall: true\n    args: [{index: 0, type: int}]",
            f"matchNamespaces: [{{namespace: {space}, operator: {word}, values: [host_ns]}}]\n"
            f"      matchArgs: [{{index: 0, operator: Equal, values: ['{number}']}}]",
            *(inside if word == "NotIn" else inside[::-1]),
        )
        for number, space, word, inside in (
            (
                30,
                "Uts",
                "NotIn",
                ("leave('uts'); getpriority(30, 0)", "getpriority(30, 0)"),
            ),
            (
                31,
                "Ipc",
                "NotIn",
                ("leave('ipc'); getpriority(31, 0)", "getpriority(31, 0)"),
            ),
            (
                32,
                "Mnt",
                "In",
                ("leave('mnt'); getpriority(32, 0)", "getpriority(32, 0)"),
            ),
            (
                33,
                "Pid",
                "NotIn",
                ("leave('pid'); getpriority(33, 0)", "getpriority(33, 0)"),
            ),
            (
                34,
                "Net",
                "In",
                ("leave('net'); getpriority(34, 0)", "getpriority(34, 0)"),
            ),
            (
                35,
                "User",
                "NotIn",
                ("leave('user'); getpriority(35, 0)", "getpriority(35, 0)"),
            ),
            (
                36,
                "Cgroup",
                "NotIn",
                ("leave('cgroup'); getpriority(36, 0)", "getpriority(36, 0)"),
            ),
        )
    ),
    Case(
        "capability",
        "call: sys_getpriority\n    syscall: true\n    args: [{index: 0, type: int}]",
        "matchCapabilities: [{type: Effective, operator: In, values: [CAP_SYS_ADMIN]}]\n"
        "      matchArgs: [{index: 0, operator: Equal, values: ['40']}]",
        "getpriority(40, 0)",
        "drop(); getpriority(40, 0)",
    ),
    Case(
        "capability-not-in",
        "call: sys_getpriority\n    syscall: true\n    args: [{index: 0, type: int}]",
        "matchCapabilities: [{type: Permitted, operator: NotIn, values: [CAP_SYS_ADMIN]}]\n"
        "      matchArgs: [{index: 0, operator: Equal, values: ['41']}]",
        "drop(); getpriority(41, 0)",
        "getpriority(41, 0)",
    ),
    Case(
        "pid-in-namespace",
        "call: sys_getpriority\n    syscall: true\n    args: [{index: 0, type: int}]",
        "matchPIDs: [{operator: In, values: [1], isNamespacePID: true}]\n"
        "      matchArgs: [{index: 0, operator: Equal, values: ['42']}]",
        "leave('pid'); getpriority(42, 0)",
        "getpriority(42, 0)",
    ),
    Case(
        "rate-limit",
        "call: sys_getpriority\n    syscall: true\n"
        "    args: [{index: 0, type: int}, {index: 1, type: int}]",
        "matchArgs: [{index: 0, operator: Equal, values: ['43']}]\n"
        "      matchActions: [{action: Post, rateLimit: 1m, rateLimitScope: process}]",
        "[getpriority(43, each % 2) for each in range(10)]",
        "getpriority(44, 0)",
        many=2,
    ),
    Case(
        "no-post",
        "call: sys_getpriority\n    syscall: true\n    args: [{index: 0, type: int}]",
        "matchArgs: [{index: 0, operator: Equal, values: ['45', '46']}]\n"
        "    - matchArgs: [{index: 0, operator: Equal, values: ['47']}]\n"
        "      matchActions: [{action: NoPost}]",
        "getpriority(45, 0)",
        "getpriority(47, 0)",
        many=1,
    ),
)

PLACES = (
    Case(
        "tracepoint",
        "subsystem: syscalls\n    event: sys_enter_getpriority\n"
        "    args: [{index: 5, type: int64}, {index: 6, type: int64}]",
        "matchArgs: [{index: 5, operator: Equal, values: ['21']}]",
        "getpriority(21, 7)",
        "getpriority(22, 7)",
        list="tracepoints",
        many=1,
    ),
    Case(
        "fexit-return",
        "call: security_file_open\n    syscall: false\n    return: true\n"
        "    args: [{index: 0, type: file}]\n    returnArg: {index: 0, type: int}",
        "matchArgs: [{index: 0, operator: Prefix, values: [/lg/returned]}]\n"
        "      matchReturnArgs: [{operator: Equal, values: ['0']}]",
        "read('/lg/returned')",
        "read('/lg/one/x')",
        shows="/lg/returned",
    ),
    Case(
        "string",
        "call: security_inode_getxattr\n    syscall: false\n"
        "    args: [{index: 1, type: string}]",
        "matchArgs: [{index: 1, operator: Postfix, values: [.lockgate]}]",
        "getxattr('/tmp', 'user.a.lockgate')",
        "getxattr('/tmp', 'user.a.lockgat')",
        shows="user.a.lockgate",
    ),
    Case(
        "char-buf",
        "call: sys_write\n    syscall: true\n"
        "    args: [{index: 1, type: char_buf, sizeArgIndex: 3}]",
        "matchArgs: [{index: 1, operator: Prefix, values: [buffered]}]",
        "put(b'buffered\\0bytes')",
        "put(b'bufferee')",
        shows="buffered\0bytes",
    ),
    Case(
        "resolve",
        "call: security_file_permission\n    syscall: false\n"
        "    args: [{index: 0, type: file}, "
        "{index: 0, type: uint32, resolve: f_flags, label: flags}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/resolved]}]",
        "read('/lg/one/resolved')",
        "read('/lg/one/x')",
        shows="resolved",
    ),
)


def _connect(name: str, match: str, fires: str, silent: str) -> Case:
    """Return a row about connections over TCP that begin."""
    hook = "call: tcp_connect\n    syscall: false\n    args: [{index: 0, type: sock}]"
    return Case(name, hook, f"matchArgs: [{match}]", fires, silent)


def _address(name: str, match: str, fires: str, silent: str) -> Case:
    """Return a row about the address that a program connects to."""
    hook = "call: security_socket_connect\n    syscall: false\n"
    hook += "    args: [{index: 0, type: socket}, {index: 1, type: sockaddr}]"
    return Case(name, hook, f"matchArgs: [{match}]", fires, silent)


SOCKETS = (
    *(
        _connect(
            f"sock-{name.lower()}",
            f"{{index: 0, operator: {name}{values}}}\n"
            f"      , {{index: 0, operator: {other}}}",
            fires,
            silent,
        )
        for name, values, other, fires, silent in (
            (
                "DAddr",
                ", values: [127.1.0.0/16, '::1']",
                "DPort, values: ['81']",
                "connect('127.1.2.3', 81)",
                "connect('127.2.2.3', 81)",
            ),
            (
                "NotDAddr",
                ", values: [127.1.0.0/16]",
                "DPort, values: ['82']",
                "connect('127.2.2.3', 82)",
                "connect('127.1.2.3', 82)",
            ),
            (
                "SAddr",
                ", values: [127.3.0.1]",
                "DPort, values: ['83']",
                "connect('127.0.0.1', 83, '127.3.0.1')",
                "connect('127.0.0.1', 83)",
            ),
            (
                "NotSAddr",
                ", values: [127.3.0.1]",
                "DPort, values: ['84']",
                "connect('127.0.0.1', 84)",
                "connect('127.0.0.1', 84, '127.3.0.1')",
            ),
            (
                "DPort",
                ", values: ['90:95']",
                "Protocol, values: [IPPROTO_TCP]",
                "connect('::1', 95)",
                "connect('127.0.0.1', 96)",
            ),
            (
                "NotDPort",
                ", values: ['90:95', '1:80']",
                "DPort, values: ['80', '97']",
                "connect('127.0.0.1', 97)",
                "connect('127.0.0.1', 80)",
            ),
            (
                "DPortPriv",
                "",
                "DAddr, values: [127.9.9.9]",
                "connect('127.9.9.9', 1023)",
                "connect('127.9.9.9', 1024)",
            ),
            (
                "NotDPortPriv",
                "",
                "DAddr, values: [127.9.9.8]",
                "connect('127.9.9.8', 1024)",
                "connect('127.9.9.8', 1023)",
            ),
            (
                "SPort",
                ", values: ['5555']",
                "DPort, values: ['98']",
                "connect('127.0.0.1', 98, '127.0.0.1', 5555)",
                "connect('127.0.0.1', 98, '127.0.0.1', 5556)",
            ),
            (
                "NotSPort",
                ", values: ['5555']",
                "DPort, values: ['99']",
                "connect('127.0.0.1', 99, '127.0.0.1', 5557)",
                "connect('127.0.0.1', 99, '127.0.0.1', 5555)",
            ),
            (
                "SPortPriv",
                "",
                "DPort, values: ['100']",
                "connect('127.0.0.1', 100, '127.0.0.1', 555)",
                "connect('127.0.0.1', 100)",
            ),
            (
                "NotSportPriv",
                "",
                "DPort, values: ['101']",
                "connect('127.0.0.1', 101)",
                "connect('127.0.0.1', 101, '127.0.0.1', 556)",
            ),
            (
                "Protocol",
                ", values: [IPPROTO_TCP]",
                "DPort, values: ['102']",
                "connect('127.0.0.1', 102)",
                "connect('127.0.0.1', 103)",
            ),
            (
                "Family",
                ", values: [AF_INET6]",
                "DPort, values: ['104']",
                "connect('::1', 104)",
                "connect('127.0.0.1', 104)",
            ),
            (
                "State",
                ", values: [TCP_SYN_SENT]",
                "DPort, values: ['105']",
                "connect('127.0.0.1', 105)",
                "connect('127.0.0.1', 106)",
            ),
        )
    ),
    _address(
        "sockaddr-saddr",
        "{index: 1, operator: SAddr, values: [127.7.0.0/16, '2001:db8::/32']}",
        "connect('127.7.1.1', 1)",
        "connect('127.8.1.1', 1)",
    ),
    _address(
        "sockaddr-sport",
        "{index: 1, operator: SPort, values: ['4444']}",
        "connect('::1', 4444)",
        "connect('::1', 4445)",
    ),
    _address(
        "sockaddr-family",
        "{index: 1, operator: Family, values: [AF_INET6]}\n"
        "      , {index: 1, operator: SPort, values: ['4446']}",
        "connect('::1', 4446)",
        "connect('127.0.0.1', 4446)",
    ),
    Case(
        "skb-dport",
        "call: __dev_queue_xmit\n    syscall: false\n    args: [{index: 0, type: skb}]",
        "matchArgs: [{index: 0, operator: DPort, values: ['4447']}\n"
        "      , {index: 0, operator: Protocol, values: [IPPROTO_UDP]}]",
        "send('127.0.0.1', 4447)",
        "send('127.0.0.1', 4448)",
    ),
)

PROBES = tuple(replace(case, name=f"probe-{case.name}") for case in (*FILES, *NUMBERS))

GROUPS: dict[str, tuple[Case, ...]] = {
    "files": FILES,
    "probes": PROBES,
    "denials": DENIALS,
    "numbers": NUMBERS,
    "processes": PROCESSES,
    "sockets": SOCKETS,
    "tasks": TASKS,
    "places": PLACES,
}
"""Cases whose policies are one generation together, so that they are merged at their hooks."""

BY_PROBES = frozenset({"probes"})
"""Groups that are compiled for a kernel without trampolines, so that they stand at kprobes."""

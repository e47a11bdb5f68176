"""Who does it: process numbers, namespaces, capabilities; what data says of them."""

from __future__ import annotations

from tests.tracing.cases.case import Case

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
    Case(
        "capability-type",
        "call: cap_capable\n    syscall: false\n    args: [{index: 2, type: capability}]",
        "matchPIDs: [{operator: In, values: [31654]}]",
        "be(31654); chroot('/lg')",
        "be(30655); chroot('/lg')",
    ),
)

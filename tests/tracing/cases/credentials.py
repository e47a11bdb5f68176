"""Credentials: what functions are given of them, what a process has, had, and who follows it."""

from __future__ import annotations

from tests.tracing.cases.case import Case

_CALL = "call: sys_getpriority\n    syscall: true\n    args: [{index: 0, type: int}]"


def _asking(
    name: str, number: int, selector: str, fires: str, silent: str, **more: object
) -> Case:
    """Return a row about who makes a call; ``{n}`` in its workloads is the call with a number."""
    call = f"getpriority({number}, 0)"
    match = f"matchArgs: [{{index: 0, operator: Equal, values: ['{number}']}}]"
    return Case(
        name,
        _CALL,
        f"{selector}\n      {match}",
        fires.format(n=call),
        silent.format(n=call),
        **more,  # type: ignore[arg-type]  # a row has what it says
    )


def _capset(name: str, arguments: str, match: str, fires: str, silent: str) -> Case:
    """Return a row about what capset(2) is asked for."""
    hook = f"call: security_capset\n    syscall: false\n    args: [{arguments}]"
    return Case(name, hook, f"matchArgs: [{match}]", fires, silent)


_GAINED = "{args: [0, 1], operator: CapabilitiesGained}"
_OLD_AND_NEW = (
    "{index: 1, type: cap_effective, resolve: cap_effective},\n"
    "    {index: 2, type: cap_effective}"
)

CREDENTIALS = (
    Case(
        "cred",
        "call: commit_creds\n    syscall: false\n    args: [{index: 0, type: cred}, "
        "{index: 0, type: uint32, resolve: euid.val}]",
        "matchArgs: [{args: [1], operator: Equal, values: ['1094861636']}]",
        "be_user(1094861636)",
        "be_user(1235)",
        shows="DCBA\0\0\0\0DCBA",
    ),
    Case(
        "user-namespace",
        "call: security_create_user_ns\n    syscall: false\n    args: [{index: 0, type: cred},\n"
        "    {index: 0, type: user_namespace, resolve: user_ns},\n"
        "    {index: 0, type: uint32, resolve: uid.val}]",
        "matchArgs: [{args: [2], operator: Equal, values: ['1236']}]",
        "be_user(1236); leave('user')",
        "be_user(1237); leave('user')",
    ),
    Case(
        "capability-by-name",
        "call: cap_capable\n    syscall: false\n    args: [{index: 1, type: user_namespace}, "
        "{index: 2, type: capability}]",
        "matchArgs: [{args: [1], operator: Equal, values: [CAP_SYS_CHROOT]}]",
        "chroot('/lg/root')",
        "getpriority(69, 0)",
    ),
    _capset(
        "cap-effective",
        "{index: 2, type: cap_effective}",
        "{index: 2, operator: Equal, values: [CAP_CHOWN]}",
        "hold(1, 1, 0)",
        "hold(2, 3, 0)",
    ),
    _capset(
        "cap-inheritable",
        "{index: 3, type: cap_inheritable}",
        "{index: 3, operator: NotEqual, values: ['0']}",
        "hold(0, 2, 2)",
        "hold(0, 2, 0)",
    ),
    _capset(
        "cap-permitted",
        "{index: 4, type: cap_permitted}",
        "{index: 4, operator: Mask, values: ['CAP_DAC_OVERRIDE,CAP_KILL']}",
        "hold(0, 2, 0)",
        "hold(0, 1, 0)",
    ),
    _capset(
        "kernel-cap-t",
        "{index: 0, type: kernel_cap_t, resolve: cap_permitted}",
        "{index: 0, operator: Equal, values: [CAP_FOWNER]}",
        "hold(0, 8, 0); hold(0, 0, 0)",
        "hold(0, 16, 0); hold(0, 0, 0)",
    ),
    _capset(
        "cap-of-cred",
        "{index: 1, type: cap_permitted}",
        "{index: 1, operator: Equal, values: [CAP_FSETID]}",
        "hold(0, 16, 0); hold(0, 0, 0)",
        "hold(0, 32, 0); hold(0, 0, 0)",
    ),
    _capset(
        "capabilities-gained",
        _OLD_AND_NEW,
        _GAINED,
        "hold(1, 3, 0); hold(3, 3, 0)",
        "hold(3, 3, 0); hold(1, 1, 0)",
    ),
    _asking(
        "changed-capabilities",
        70,
        "matchCapabilityChanges: [{type: Effective, operator: In, values: [CAP_SYS_ADMIN]}]",
        "drop(); {n}",
        "hold(1 << 21, 1 << 21 | 1, 0); {n}",
    ),
    _asking(
        "changed-other-capabilities",
        71,
        "matchCapabilityChanges: [{type: Permitted, operator: NotIn, values: [CAP_SYS_ADMIN]}]",
        "hold(0, 1 << 21, 0); {n}",
        "{n}; drop(); {n}",
    ),
    _asking(
        "changed-capabilities-in-namespace",
        72,
        "matchCapabilityChanges: [{type: Effective, operator: In, values: [CAP_SYS_ADMIN],\n"
        "        isNamespaceCapability: true}]",
        "leave('user'); drop_capabilities(); {n}",
        "drop_capabilities(); {n}",
    ),
    _asking(
        "capability-in-namespace",
        73,
        "matchCapabilities: [{type: Effective, operator: In, values: [CAP_SYS_ADMIN],\n"
        "        isNamespaceCapability: true}]",
        "be_user(1238); leave('user'); {n}",
        "{n}; be_user(1238); {n}; leave('user'); drop_capabilities(); {n}",
    ),
    _asking(
        "capability-not-in-namespace",
        74,
        "matchCapabilities: [{type: Permitted, operator: NotIn, values: [CAP_SYS_ADMIN],\n"
        "        isNamespaceCapability: true}]",
        "leave('user'); drop_capabilities(); {n}",
        "drop_capabilities(); {n}",
    ),
    _asking(
        "capability-inheritable",
        75,
        "matchCapabilities: [{type: Inheritable, operator: In, values: [CAP_KILL]}]",
        "hold(0, 32, 32); {n}",
        "{n}; hold(0, 32, 0); {n}",
    ),
    *(
        _asking(
            f"changed-namespace-{space.lower()}",
            80 + place,
            f"matchNamespaceChanges: [{{operator: In, values: [{space}]}}]",
            f"{change}; {{n}}",
            "{n}; " + ("leave('uts'); {n}" if space != "Uts" else "leave('net'); {n}"),
        )
        for place, (space, change) in enumerate(
            {
                "Uts": "leave('uts')",
                "Ipc": "leave('ipc')",
                "Mnt": "leave('mnt')",
                "PidForChildren": "leave_for_children('pid')",
                "Net": "leave('net')",
                "TimeForChildren": "leave_for_children('time')",
                "Cgroup": "leave('cgroup')",
                "User": "leave('user')",
            }.items()
        )
    ),
    _asking(
        "changed-other-namespace",
        90,
        "matchNamespaceChanges: [{operator: NotIn, values: [Uts, Net]}]",
        "leave('uts'); leave('ipc'); {n}",
        "{n}; leave('uts'); leave('net'); {n}",
    ),
    _asking(
        "namespace-of-children-pid",
        91,
        "matchNamespaces: [{namespace: PidForChildren, operator: NotIn, values: [host_ns]}]",
        "leave_for_children('pid'); {n}",
        "{n}",
    ),
    _asking(
        "namespace-of-children-time",
        92,
        "matchNamespaces: [{namespace: TimeForChildren, operator: NotIn, values: [host_ns]}]",
        "leave_for_children('time'); {n}",
        "{n}",
    ),
    _asking(
        "namespace-time",
        93,
        "matchNamespaces: [{namespace: Time, operator: NotIn, values: [host_ns]}]",
        "leave('time'); {n}",
        "leave_for_children('time'); {n}",
    ),
    _asking(
        "namespace-by-inode",
        94,
        "matchNamespaces: [{namespace: Uts, operator: In, values: ['4026531838']}]",
        "{n}",
        "leave('uts'); {n}",
    ),
    _asking(
        "forks-followed",
        95,
        "matchPIDs: [{operator: In, values: [4100], followForks: true}]",
        "be(4100); begin(); begin(); {n}",
        "be(5101); begin(); {n}",
        many=1,
    ),
    _asking(
        "forks-followed-through-orphans",
        96,
        "matchPIDs: [{operator: In, values: [6102], followForks: true}]",
        "be(6102); begin_apart(lambda: {n})",
        "be(7103); begin_apart(lambda: {n})",
        many=1,
    ),
    _asking(
        "forks-not-followed",
        97,
        "matchPIDs: [{operator: NotIn, values: [9104], followForks: true}]",
        "be(8105); begin(); {n}",
        "be(9104); {n}; begin(); {n}",
        many=1,
    ),
    _asking(
        "forks-followed-in-namespace",
        98,
        "matchPIDs: [{operator: In, values: [1], followForks: true, isNamespacePID: true}]",
        "leave('pid'); begin(); {n}",
        "{n}; begin(); {n}",
        many=1,
    ),
    _asking(
        "forks-not-followed-in-namespace",
        99,
        "matchPIDs: [{operator: NotIn, values: [1], followForks: true, isNamespacePID: true}]",
        "enter_beside(lambda: {n})",
        "{n}; leave('pid'); begin(); {n}",
        many=1,
    ),
)

"""E1100-W1116: what tracing policies refuse; E3101, E3180: their targets."""

from __future__ import annotations

from lockgate.codes.explanation import Explanation


def _example(hooks: str) -> str:
    indented = "".join(f"  {line}\n" for line in hooks.strip("\n").split("\n"))
    return (
        "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: example}\n"
        f"spec:\n{indented}"
    )


def _hook(lines: str) -> str:
    indented = "".join(f"  {line}\n" for line in lines.strip("\n").split("\n"))
    return _example(
        "kprobes:\n- call: security_file_open\n  syscall: false\n"
        "  args: [{index: 0, type: file}]\n" + indented
    )


def _action(action: str) -> str:
    return _hook(f"selectors:\n- matchActions: [{action}]")


def _match(match: str) -> str:
    return _hook(f"selectors:\n- matchArgs: [{match}]")


EXPLANATIONS = (
    Explanation(
        "E1100",
        "argument-not-read",
        "a filter or an action is about an argument that the hook does not read",
        "'matchArgs' names an argument by its position in the function, 'matchData' by its "
        "place in 'data', and an argument is read only if 'args' (or 'data') has it with its "
        "type.",
        "Add the argument, or correct the index.",
        _match("{index: 1, operator: Equal, values: [/etc/shadow]}"),
    ),
    Explanation(
        "E1101",
        "operator-of-another-type",
        "an operator that cannot judge this type",
        "Each operator judges some types: ports and addresses are those of sockets, "
        "Prefix and Postfix are for paths and strings, GreaterThan is for numbers.",
        "Correct the operator or the type; the message lists what goes together.",
        _match('{index: 0, operator: DPort, values: ["80"]}'),
    ),
    Explanation(
        "E1102",
        "bad-match-value",
        "a value that cannot be compared",
        "Numbers are decimal or begin with 0x; ranges have a ':' between two numbers; "
        "addresses may have a prefix length; protocols, families, states, capabilities and "
        "file types have names.  A filter without values matches nothing.",
        "Correct the value.",
        _hook(
            "selectors:\n- matchCapabilities:\n"
            "  - {operator: In, values: [CAP_SYS_ADMINISTRATOR]}"
        ),
    ),
    Explanation(
        "E1103",
        "unknown-list-or-macro",
        "a list or a macro that is not defined",
        "'list:NAME' refers to 'spec.lists', an item of 'macros' to 'spec.selectorsMacros' "
        "of the same policy.",
        "Define it, or correct the name.",
        _example("kprobes:\n- call: list:opens"),
    ),
    Explanation(
        "E1104",
        "malformed-hook",
        "a hook, or a part of it, that contradicts itself",
        "Some fields exclude each other, and some mean something beside others only: a "
        "uprobe has symbols or offsets or addresses, 'sizeArgIndex' belongs to a buffer, an "
        "item of 'data' needs its source.",
        "Do what the message says.",
        _example("uprobes:\n- path: /bin/bash\n  symbols: [main]\n  offsets: [4096]"),
    ),
    Explanation(
        "W1104",
        "malformed-hook",
        "a field that means nothing beside this type",
        "'sizeArgIndex', 'returnCopy' and 'maxData' are for buffers (char_buf, char_iovec, ...); "
        "the reference ignores them elsewhere.",
        "Take the field away.",
        _example(
            "kprobes:\n- call: security_file_open\n  syscall: false\n"
            "  args: [{index: 0, type: file, maxData: true}]"
        ),
    ),
    Explanation(
        "E1105",
        "bad-error-number",
        "an error number that no hook may return",
        "What a hook returns is 0 or a negative error number down to -4095 (MAX_ERRNO); the "
        "kernel's verifier refuses anything else.",
        "Write a negative number, such as -1 (EPERM) or -13 (EACCES).",
        _action("{action: Override, argError: 1}"),
    ),
    Explanation(
        "W1105",
        "override-without-error",
        "an Override that denies nothing",
        "Denials stand at LSM hooks and at security_* functions, where 0 says that there is no "
        "objection: with 'argError: 0', or without 'argError', the operation goes on as if the "
        "action were not there.  (The reference can skip a system call that returns 0 then, "
        "where the kernel has error injection: its caller believes that it was done.)",
        "Write 'argError: -1' to deny, or 'action: Post' to be told of it.",
        _action("{action: Override, argError: 0}"),
    ),
    Explanation(
        "E1106",
        "removed-action",
        "an action that was removed from the API",
        "FollowFD, UnfollowFD and CopyFD are gone, since arguments of type fd are resolved "
        "without them; NotifyKiller is called NotifyEnforcer now.",
        "Take the action away, or use its new name.",
        _action("{action: FollowFD}"),
    ),
    Explanation(
        "E1107",
        "contradictory-action",
        "an action whose fields contradict each other, or the hook",
        "An Override has an error, or registers, or a new place to go; the last two are for "
        "uprobes.  A scope of a rate limit needs a rate limit.",
        "Keep one of the fields.",
        _action("{action: Override, argError: -1, argRegs: [rax=1]}"),
    ),
    Explanation(
        "W1107",
        "contradictory-action",
        "a field beside an action that does not know it",
        "'rateLimit' and stack traces belong to Post, 'argError' to Override and "
        "NotifyEnforcer, 'argSig' to Signal; beside another action they mean nothing, and "
        "the reference ignores them.  An 'argError' beside Sigkill denies nothing.",
        "Move the field, or take it away.",
        _action("{action: Sigkill, argError: -1}"),
    ),
    Explanation(
        "E1108",
        "return-not-read",
        "the returned value is wanted, and not read",
        "'return: true' needs 'returnArg' with the type of what is returned, and filters or "
        "actions on the return need both.",
        "Add 'return: true' and 'returnArg: {index: 0, type: int}'.",
        _hook("return: true"),
    ),
    Explanation(
        "W1108",
        "return-not-asked",
        "'returnArg' without 'return: true'",
        "The type of the returned value is given, but the hook does not wait for the return.",
        "Add 'return: true', or take 'returnArg' away.",
        _hook("returnArg: {index: 0, type: int}"),
    ),
    Explanation(
        "E1109",
        "text-too-long",
        "a message or a list of tags that events cannot carry",
        "A message has at most 256 characters, and a hook at most 16 tags.  The reference "
        "cuts a message off; here it is refused, so that nobody misses its end.",
        "Shorten it.",
        _hook(f"message: {'m' * 257}"),
    ),
    Explanation(
        "E1110",
        "bad-option-value",
        "an option with a value that it cannot have",
        "The options are disable-kprobe-multi and disable-uprobe-multi (true, false), "
        "override-method (fmod-ret, override-return), policy-mode (enforce, monitor) and "
        "sleepable-preload-size (bytes).  Each may stand once: of two modes one would be obeyed.",
        "Correct the value.",
        _hook("") + "  options: [{name: policy-mode, value: permissive}]\n",
    ),
    Explanation(
        "E1111",
        "bad-workload-selector",
        "a selector of workloads that says nothing",
        "'hostSelector' is {} or absent, and a namespaced policy has none; containers are "
        "selected by the fields 'name' and 'repo'; other selectors are by labels.",
        "Correct the selector; nodes are chosen with 'nodeSelector'.",
        _hook("") + "  hostSelector: {matchLabels: {os: linux}}\n",
    ),
    Explanation(
        "E1112",
        "bad-list",
        "a list that cannot be made",
        "A list has 'values', or a type that generates them: generated_syscalls, or "
        "generated_ftrace with a 'pattern'.",
        "Add values, or take them away from a generated list.",
        _hook("") + "  lists: [{name: opens, type: generated_ftrace}]\n",
    ),
    Explanation(
        "E1113",
        "enforcer-missing",
        "NotifyEnforcer without an enforcer",
        "The action leaves the enforcement to the calls of 'enforcers', and the policy has "
        "none: nothing would be enforced.",
        "Add 'enforcers', or use Override or Signal at this hook.",
        _action("{action: NotifyEnforcer, argSig: 9}"),
    ),
    Explanation(
        "W1114",
        "action-without-filter",
        "an action that hits everyone",
        "Selectors of a hook are alternatives: the first one that matches acts.  A selector "
        "that has actions and no filter matches every call that the others leave, which is "
        "what a '-' too many before 'matchActions' makes of a filter and its action.",
        "Write filters and actions into one selector.",
        _hook(
            "selectors:\n- matchBinaries: [{operator: In, values: [/bin/nc]}]\n"
            "- matchActions: [{action: Sigkill}]"
        ),
    ),
    Explanation(
        "E1115",
        "racy-argument",
        "an enforcing decision upon memory that another thread can rewrite",
        "Where a system call begins, paths and addresses are still in the memory of the "
        "program that is judged.  A second thread can rewrite them after they were judged and "
        "before the kernel copies them, so that the decision is about something else than "
        "what is done.",
        "Judge the kernel's own copy: a hook of the security modules (lsmhooks) or a function "
        "security_*; or only report: {name: policy-mode, value: monitor}.",
        _example(
            "kprobes:\n- call: sys_openat\n  args: [{index: 1, type: string}]\n  selectors:\n"
            "  - matchArgs: [{index: 1, operator: Equal, values: [/etc/shadow]}]\n"
            "    matchActions: [{action: Sigkill}]"
        ),
    ),
    Explanation(
        "W1116",
        "shortened-buffer",
        "a filter that judges less of a buffer than is shown",
        "'maxData' shows up to 327,360 bytes of a buffer in events.  Filters judge its first 4,096 "
        "bytes, as they do without it: what stands behind, they cannot find.  A longer buffer "
        "counts as one that may match: its event is shown, and a denial denies it to be safe.",
        "Compare the beginning of the buffer (Prefix, Equal), or search the events, which have "
        "all of it (bytes_arg, in base64).",
        _example(
            "kprobes:\n- call: sys_write\n"
            "  args: [{index: 1, type: char_buf, sizeArgIndex: 3, maxData: true}]\n  selectors:\n"
            "  - matchArgs: [{index: 1, operator: SubString, values: [secret]}]"
        ),
    ),
    Explanation(
        "W1115",
        "racy-argument",
        "a filter on memory that another thread can rewrite",
        "Where a system call begins, paths and addresses are still in the memory of the "
        "program that is watched: what is reported need not be what is done.",
        "Watch a place where the kernel has its own copy: a function security_*, or a hook "
        "of the security modules.",
        _example(
            "kprobes:\n- call: sys_openat\n  args: [{index: 1, type: string}]\n  selectors:\n"
            "  - matchArgs: [{index: 1, operator: Equal, values: [/etc/shadow]}]"
        ),
    ),
    Explanation(
        "E3101",
        "bad-target",
        "a folder that holds no recorded kernel",
        "'--target NAME=DIR' takes a folder that `lockgate target record DIR` wrote on the "
        "kernel to compile for; this one has no target.json, is damaged, or is of another "
        "version.",
        "Record it again: sudo lockgate target record DIR.",
    ),
    Explanation(
        "E3109",
        "hook-unavailable",
        "this target has no such way to attach",
        "What works on a kernel is tried out when it is recorded: a hypervisor may forbid probes, "
        "a configuration may lack them.",
        "Use one of the hooks that the message names.",
    ),
    Explanation(
        "E3110",
        "no-such-place",
        "this target has no such function, tracepoint or hook",
        "Functions come and go, are renamed and inlined between versions of the kernel; each "
        "target has a list of its own.",
        "Take the suggestion, or say 'ignore: {callNotFound: true}' to go on without the hook.",
    ),
    Explanation(
        "N3110",
        "no-such-place",
        "a function that is not there, as the policy allows",
        "The policy says 'ignore: {callNotFound: true}', and this target lacks the function: the "
        "hook is left out there.",
        "Nothing: that is what the policy asks.",
    ),
    Explanation(
        "E3111",
        "ambiguous-function",
        "several functions have this name",
        "Static functions of different files may share a name; a probe would stand at one of them "
        "by chance.",
        "Watch a function that calls it.",
    ),
    Explanation(
        "E3112",
        "not-traceable",
        "a function that cannot be watched",
        "It is inlined where it is called, or marked as not to be traced, or has no types that a "
        "trampoline needs.",
        "Take the suggestion, or watch a function that calls it.",
    ),
    Explanation(
        "E3113",
        "no-such-argument",
        "a function with fewer arguments on this target",
        "The index is that of an argument which the function has not on this kernel, or it returns "
        "nothing.",
        "Correct the index; the types of the target say how many there are.",
    ),
    Explanation(
        "E3114",
        "argument-of-another-type",
        "an argument that is something else on this target",
        "The type that the policy names is not what the function takes on this kernel: reading it "
        "would give nonsense, and a decision upon nonsense is none.",
        "Write the type that the message suggests.",
    ),
    Explanation(
        "E3115",
        "no-such-member",
        "'resolve' names a member that this target does not have",
        "Members move between versions of the kernel; each target has types of its own.  Those of "
        "a module ('btfTypeModule') are in it if the module was loaded when it was recorded, and "
        "those of a program are in the file that 'btfPath' names.",
        "Take the suggestion.",
    ),
    Explanation(
        "E3120",
        "not-deniable",
        "nothing can be denied at this place",
        "Only some functions have a return value that the kernel lets a program replace: those of "
        "the security modules (security_*).  Kernels of distributions let no program replace "
        "what system calls return.",
        "Deny it at the hook that the message names; Sigkill needs no such place, and does not "
        "stop the operation.",
    ),
    Explanation(
        "E3121",
        "lsm-not-asked",
        "programs at hooks of security modules do not run on this target",
        "Such a program attaches, and never runs where the kernel's lsm= list lacks 'bpf'.",
        "Boot with lsm=...,bpf, or use a target that has it.",
    ),
    Explanation(
        "E3122",
        "enforcer-cannot-deny",
        "NotifyEnforcer with an error, or without a signal",
        "The enforcer would have to replace what a system call returns, and no program may; "
        "without a signal it would do nothing.",
        "Leave 'argError' out: the signal alone works; to deny, use 'lsmhooks'.",
    ),
    Explanation(
        "W3123",
        "operation-may-complete",
        "a signal where nothing is denied",
        "A signal promises that the process runs no further instruction of its own; the operation "
        "that is under way may complete: a file is truncated, a connection is made.",
        "Use the hook that the message names to stop the operation itself.",
    ),
    Explanation(
        "W3124",
        "lowered-around-lsm",
        "a hook moved to the function around it",
        "Programs at hooks are not asked on this target, since 'bpf' is not in its lsm= list; the "
        "function security_* that asks the hooks can be made to return the error instead.",
        "Nothing, or boot with lsm=...,bpf.",
    ),
    Explanation(
        "E3125",
        "user-override",
        "an Override of another program",
        "No program may change what another program calls or returns on these kernels.",
        "Send a signal instead.",
    ),
    Explanation(
        "W3126",
        "never-returns",
        "the return of a function that does not return",
        "A hook with 'return: true' tells of an operation when its function returns, with what it "
        "was called with and what it returned.  This one ends the task instead.",
        "Take 'return' and 'returnArg' away: the event is then made at the call.",
    ),
    Explanation(
        "E3130",
        "no-such-program",
        "the binary of a uprobe is not here",
        "Where a program has its functions and probes is read from the file.  A policy for the "
        "running kernel needs it here, and a static probe (usdt) always: its notes say where the "
        "arguments are.",
        "Correct the path, or bring the file here.  For a recorded node ('--target') symbols and "
        "addresses are looked up there when the bundle is applied; 'offsets' need no look.",
    ),
    Explanation(
        "N3164",
        "looked-up-on-the-node",
        "the binary of a uprobe is not here, but may be on the node",
        "A target is a recording of a kernel, not of programs.  The symbols and addresses of the "
        "uprobe are looked up when the bundle is applied on the node.",
        "Nothing; 'apply' refuses (E5146), and changes nothing, where the file or a symbol is "
        "missing.",
    ),
    Explanation(
        "E3180",
        "no-target",
        "there is no kernel that tracing policies could be compiled for",
        "Hooks and types differ from kernel to kernel, so that tracing policies are compiled for "
        "targets.  None was named, and the running kernel could not be recorded, which needs "
        "root.",
        "Name a kernel that `sudo lockgate target record DIR` wrote down on a node: "
        "--target NAME=DIR, several times for several kernels.",
    ),
)

"""E514x: what can go wrong with the tracing plane on a node."""

from __future__ import annotations

from lockgate.codes.explanation import Explanation

EXPLANATIONS = (
    Explanation(
        "E5140",
        "no-tracing-for-kernel",
        "the bundle's tracing programs are for other kernels",
        cause="Tracing policies are compiled for targets: kernels that were recorded, each with "
        "its own places and types. None of those in the bundle has this kernel's types, its "
        "release, or at least its series (major.minor) on the same machine.",
        cure="Record this kernel (sudo lockgate target record DIR), and compile again with "
        "--target NAME=DIR beside the others.",
    ),
    Explanation(
        "E5141",
        "plane-would-end",
        "the bundle has nothing in a plane that is in force",
        cause="What is in force judges packets, or traces, and the bundle was compiled from "
        "sources without policies of that kind: applied, it would end that enforcement "
        "silently.",
        cure="Compile both kinds of policies into one bundle; or say that it shall end: "
        "--drop-plane network, --drop-plane tracing.",
    ),
    Explanation(
        "E5142",
        "security-modules-without-bpf",
        "this kernel asks no BPF program at its security hooks",
        cause="The bundle denies at hooks of the security modules (LSM). Where `bpf` is missing "
        "from the kernel's list (lsm= of its command line, /sys/kernel/security/lsm), such a "
        "program loads, attaches, and never runs.",
        cure="Boot with bpf in lsm= (append it to what /sys/kernel/security/lsm shows), or record "
        "this kernel as it is and compile for it: denials then stand at security_* "
        "functions (fmod_ret).",
    ),
    Explanation(
        "E5143",
        "cannot-trace",
        "attaching a tracing program failed",
        cause="The function, tracepoint or place is not there, may not be probed, or has no room "
        "for another program (38 trampolines a function). What had been attached was "
        "detached again; the policy in force stayed.",
        cure="Compare with `lockgate attach-report` for a recording of this very kernel.",
    ),
    Explanation(
        "E5144",
        "enforcement-does-not-work",
        "a way to enforce was tried, and had no effect",
        cause="Before tracing policies that enforce come in force, each way that they use (a "
        "denial by an LSM hook or by fmod_ret, a signal) is tried on a call of our own. This "
        "one passed as if nobody had objected, or could not be tried: in a PID namespace of its "
        "own (a container without `hostPID: true`) our process has another number.",
        cure="See /sys/kernel/security/lsm for bpf, and the kernel's log; `lockgate set-mode` or "
        "the option policy-mode of the policy make it a monitor.",
    ),
    Explanation(
        "E5145",
        "would-hit-protected-process",
        "an enforcing selector would hit a process that the node needs",
        cause="Every process filter of a selector that kills, signals or denies holds for one of "
        "these, and no filter of values spares it: init, sshd and other doors, the kubelet, a "
        "container runtime, D-Bus and logind (running, or installed), the process that applies it, "
        "a login shell, or sudo, su and what checks their passwords. Small numbers and usual sizes "
        "at functions that everybody calls spare nobody, nor do expressions there (CelExpr), "
        "libraries that everybody maps, files that everybody reads (/etc/passwd, /dev/null) or "
        "that one of them cannot do without (/etc/shadow, /etc/sudoers, the kubelet's "
        "configuration), programs that it executes (a login shell, runc), addresses and ports of a "
        "connection that it has or of the API server, half of the Internet, or what a filter "
        "excludes.",
        cure="Spare those that the message names (matchBinaries with NotIn), narrow the selector "
        "(matchPIDs, matchWorkloads, matchArgs), try it in monitor mode, or apply with "
        "--unguarded.",
    ),
    Explanation(
        "E5146",
        "no-place-in-binary",
        "a binary has no such function or probe",
        cause="A uprobe names a symbol, or a usdt a probe, and the file on this node has none of "
        "this name, or is no ELF file, or is not there.",
        cure="Install the binary that the policy was written for, or correct the policy "
        "(readelf -Ws FILE shows symbols, readelf -n FILE probes).",
    ),
    Explanation(
        "E5147",
        "processes-not-classified",
        "the running processes could not be classified",
        cause="A program of the new generation sorts the processes that already run, before its "
        "hooks are attached; it did not come to an end. Nothing was changed.",
        cure="lockgate unload, then apply again; if it stays so, please report it with the "
        "kernel's version.",
    ),
    Explanation(
        "E5148",
        "lost-sites",
        "it is not known any more what a generation attached where",
        cause="Going back to a generation that traced attaches its programs again. Where, and "
        "which processes are whose, is written in the state folder (--state, /run/lockgate), and "
        "that is gone or damaged; or somebody removed programs or maps below --root. What is in "
        "force stays, and nothing of the other generation is left attached. Whom its policies "
        "would hit is written there, too, which set-mode asks before one enforces.",
        cure="Apply its bundle again instead.",
    ),
    Explanation(
        "E5150",
        "another-binary",
        "a binary is not the one that a policy names",
        cause="The policy names the binary by 'binaryDigests', and the file on this node has none "
        "of them: it was replaced, or updated.",
        cure="Install that binary, or write the digest of this one (sha256sum, or readelf -n for a "
        "build-id); `ignore: {digestVerificationFailure: true}` passes over others.",
    ),
    Explanation(
        "E5155",
        "no-cgroups",
        "a node whose processes cannot be told apart by pods",
        cause="Which pod a process is of is known by its cgroup of version 2. There is no such "
        "hierarchy here, or the kubelet keeps its pods in those of version 1.",
        cure="Boot with systemd.unified_cgroup_hierarchy=1 and let the kubelet use cgroup v2, or "
        "apply policies that choose no pods and no host.",
    ),
    Explanation(
        "E5151",
        "no-room-at-function",
        "a function has no room for another program",
        cause="A kernel takes 38 programs at one function: those at its entry (fentry), at its "
        "return (fexit), those that deny (fmod_ret, lsm), of all owners together. Those that are "
        "there and those that would be attached are more; while a generation is exchanged, both "
        "stand.",
        cure="`bpftool prog show id NUMBER` tells whose the programs are: ours are at most "
        "four at one function, whatever the number of policies. Detach some of the others.",
    ),
    Explanation(
        "E5149",
        "unknown-tracing-policy",
        "no tracing policy in force has this name",
        cause="Modes are changed of policies that are in force on this node, by their name or by "
        "KIND/NAMESPACE/NAME.",
        cure="See `lockgate status`; apply a bundle with the policy first.",
    ),
)

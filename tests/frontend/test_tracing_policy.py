"""lockgate.frontend.tracing: TracingPolicy to hooks, and everything that can be wrong."""

from __future__ import annotations

from ipaddress import IPv4Network
from textwrap import dedent, indent

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.ir.tracing import (
    Attachment,
    KernelFunction,
    KernelFunctions,
    LsmHook,
    Mode,
    Tracepoint,
    TracingPolicy,
    UserFunction,
)
from lockgate.ir.tracing_actions import ActionKind, RateLimitScope
from lockgate.ir.tracing_arguments import ArgumentType, Source
from lockgate.ir.tracing_selectors import Comparison, HookSelector, Namespace, Range
from lockgate.options import Options


def read(
    spec: str, kind: str = "TracingPolicy"
) -> tuple[TracingPolicy | None, Diagnostics]:
    """Read one policy."""
    text = (
        f"apiVersion: cilium.io/v1alpha1\nkind: {kind}\nmetadata: {{name: example}}\n"
        f"spec:\n{indent(dedent(spec), '  ')}"
    )
    diagnostics = Diagnostics()
    documents = documents_from_text({"policy.yaml": text})
    parsed = parse_documents(documents, Options(), diagnostics)
    return next(iter(parsed.tracing_policies), None), diagnostics


def good(spec: str, kind: str = "TracingPolicy") -> TracingPolicy:
    """Read one policy without a mistake."""
    policy, diagnostics = read(spec, kind)
    assert [d.message for d in diagnostics.found] == []
    assert policy is not None
    return policy


def codes(spec: str, kind: str = "TracingPolicy") -> list[str]:
    """Return the codes that a policy earns, each with the text at fault."""
    found = read(spec, kind)[1].found
    spans = [(d.code, d.span) for d in found if d.span is not None]
    return [f"{code} {s.source.text[s.start : s.end]}" for code, s in spans]


def selector(text: str, arguments: str = "{index: 0, type: file}") -> HookSelector:
    """Read one selector of a hook."""
    policy = good(
        f"kprobes:\n- call: fd_install\n  syscall: false\n  args: [{arguments}]\n"
        f"  selectors:\n  - {text}\n"
    )
    return policy.hooks[0].selectors[0]


def selector_codes(text: str, arguments: str = "{index: 0, type: file}") -> list[str]:
    """Return the codes that one selector of a hook earns."""
    return codes(
        f"kprobes:\n- call: fd_install\n  syscall: false\n  args: [{arguments}]\n"
        f"  selectors:\n  - {text}\n"
    )


# ---------------------------------------------------------------- hooks


def test_every_kind_of_hook() -> None:
    """Each list of the spec makes hooks of its own attachment, in one stable order."""
    policy = good("""
        usdts: [{path: /bin/x, provider: p, name: n}]
        uprobes: [{path: /bin/bash, symbols: [main, "main+8"]}]
        lsmhooks: [{hook: file_open, message: opened, tags: [one, two]}]
        tracepoints: [{subsystem: raw_syscalls, event: sys_exit, raw: true}]
        fentries: [{call: do_exit, syscall: false}]
        kprobes: [{call: sys_openat}, {call: __x64_sys_close}]
        loader: true
    """)
    assert [hook.attachment for hook in policy.hooks] == [
        Attachment.KPROBE,
        Attachment.KPROBE,
        Attachment.FENTRY,
        Attachment.TRACEPOINT,
        Attachment.LSM,
        Attachment.UPROBE,
        Attachment.USDT,
        Attachment.LOADER,
    ]
    places = [hook.place for hook in policy.hooks]
    assert places[:5] == [
        KernelFunction("sys_openat", True),
        KernelFunction("sys_close", True),
        KernelFunction("do_exit"),
        Tracepoint("raw_syscalls", "sys_exit", True),
        LsmHook("file_open"),
    ]
    assert places[5] == UserFunction("/bin/bash", ("main", "main+8"))
    assert policy.hooks[1].path == "spec.kprobes[1]"
    assert policy.hooks[4].message == "opened"
    assert policy.hooks[4].tags == ("one", "two")
    assert policy.key == "TracingPolicy/example"
    assert policy.mode is Mode.ENFORCE


def test_arguments_and_data() -> None:
    """Positions, spellings of types, sizes that count from 1, members to follow."""
    policy, diagnostics = read("""
        kprobes:
        - call: sys_write
          return: true
          returnArg: {index: 0, type: size_t}
          args:
          - {index: 0, type: sint32, label: descriptor}
          - {index: 1, type: char_buf, sizeArgIndex: 3, returnCopy: true, maxData: true}
          data: [{type: string, source: current_task, resolve: mm.owner.comm}]
    """)
    assert diagnostics.found == []
    assert policy is not None
    (hook,) = policy.hooks
    number, buffer = hook.arguments
    assert (number.type, number.label) == (ArgumentType.INT, "descriptor")
    assert (buffer.size_index, buffer.is_copied_at_return, buffer.is_long) == (
        2,
        True,
        True,
    )
    assert hook.data[0].source is Source.CURRENT_TASK
    assert hook.data[0].resolve == ("mm", "owner", "comm")
    assert hook.has_return
    assert hook.returned is not None
    assert hook.returned.type is ArgumentType.SIZE_T


def test_lists_options_and_enforcers() -> None:
    """A list stands by its name; options are read; enforcers know system calls."""
    policy = good("""
        lists: [{name: dups, type: syscalls, values: [sys_dup, sys_dup2]}]
        options: [{name: policy-mode, value: monitor}, {name: disable-kprobe-multi, value: "1"}]
        enforcers: [{calls: [list:dups, security_file_open]}]
        tracepoints:
        - subsystem: raw_syscalls
          event: sys_enter
          args: [{index: 4, type: syscall64}]
          selectors:
          - matchArgs: [{index: 0, operator: InMap, values: [list:dups, "3:5"]}]
            matchActions: [{action: NotifyEnforcer, argSig: 9, argError: -1}]
    """)
    assert policy.mode is Mode.MONITOR
    assert policy.is_multi_disabled
    assert policy.enforcers[0].calls == (
        KernelFunctions("dups", True),
        KernelFunction("security_file_open", False),
    )
    (match,) = policy.hooks[0].selectors[0].arguments
    assert match.arguments == (0,), "the place, since no argument is field 0"
    assert match.lists[0].name == "dups"
    assert match.ranges == (Range(3, 5),)
    (action,) = policy.hooks[0].selectors[0].actions
    assert (action.kind, action.signal, action.error) == (
        ActionKind.NOTIFY_ENFORCER,
        9,
        -1,
    )


def test_macros_are_put_in_place() -> None:
    """Their filters are appended to those of the selector, for the hook at hand."""
    policy = good("""
        selectorsMacros:
          shells: {matchBinaries: [{operator: Postfix, values: [sh]}]}
        kprobes:
        - call: sys_openat
          selectors:
          - macros: [shells]
            matchPIDs: [{operator: NotIn, values: [1], followForks: true}]
    """)
    (found,) = policy.hooks[0].selectors
    assert found.binaries[0].comparison is Comparison.POSTFIX
    assert (found.pids[0].is_negated, found.pids[0].follows_forks) == (True, True)
    assert not found.is_unconditional
    assert found.span.place == "policy.yaml:11:7"


@pytest.mark.parametrize(
    ("macro", "wanted"),
    [
        ("{matchPIDs: -1}", "E1005 -1"),
        ("{matchBinaries: {operator: In}}", "E1005 {operator: In}"),
        ("{matchPIDs: [{operator: in, values: [5]}]}", "E1007 in"),
        ("{}", "E1104 {}"),
        ("{label: x}", "E1104 {label: x}"),
    ],
)
@pytest.mark.parametrize("use", ["", ", selectors: [{macros: [m]}]"])
def test_a_mistaken_filter_of_a_macro_is_told(
    macro: str, wanted: str, use: str
) -> None:
    """Once, and not left out: the selector would hit everybody."""
    hook = f"kprobes: [{{call: tcp_connect, syscall: false{use}}}]\n"
    found = codes(f"selectorsMacros: {{m: {macro}}}\n{hook}")
    # What an item says is read for the hook that uses it.
    assert found == ([] if "in, values" in macro and not use else [wanted])


@pytest.mark.parametrize(
    "hook",
    [
        "kprobes: [{call: '', ignore: {callNotFound: true}}]",
        "fentries: [{call: ''}]",
        "lsmhooks: [{hook: ''}]",
        "tracepoints: [{subsystem: '', event: x}]",
        "uprobes: [{path: '', symbols: [a]}]",
        "usdts: [{path: /bin/sh, provider: '', name: a}]",
        "usdts: [{path: /bin/sh, provider: a, name: ''}]",
    ],
)
def test_a_hook_without_a_name_is_not_left_out(hook: str) -> None:
    """A template that filled in nothing is a mistake, and no policy with fewer hooks."""
    (found,) = codes(f"loader: true\n{hook}\n")
    assert found.startswith("E11")
    assert found.endswith("''")


# ---------------------------------------------------------------- filters


@pytest.mark.parametrize(
    ("argument", "operator", "values", "wanted"),
    [
        ("int", "Equal", "['-1', '0x10', '010']", [-1, 16, 8]),
        ("uint64", "Mask", "['0xffffffffffffffff']", [(1 << 64) - 1]),
        ("sock", "Protocol", "[IPPROTO_TCP, '17']", [6, 17]),
        ("sock", "Family", "[AF_INET6]", [10]),
        ("sock", "State", "[TCP_LISTEN]", [10]),
        ("file", "FileType", "[dir]", [0o040000]),
        ("cap_effective", "Equal", "['cap_chown,DAC_OVERRIDE']", [3]),
    ],
)
def test_values_are_numbers(
    argument: str, operator: str, values: str, wanted: list[int]
) -> None:
    """By their digits or by the name that Linux has for them."""
    text = f"matchArgs: [{{index: 0, operator: {operator}, values: {values}}}]"
    (match,) = selector(text, f"{{index: 0, type: {argument}}}").arguments
    assert match.ranges == tuple(Range(number, number) for number in wanted)


@pytest.mark.parametrize(
    ("argument", "operator", "value", "wanted"),
    [
        ("string", "Equal", r"/a\0\0", ("/a",)),
        ("file", "Postfix", r"/a\0", ("/a",)),
        ("char_buf", "Equal", r"a\0", ("a\0",)),
        ("sockaddr_un", "Prefix", "name", ("name", "@name")),
        ("sockaddr_un", "Equal", r"name\0\0", ("name", "@name")),
        ("sockaddr_un", "Equal", r"\0name", ("@name",)),
        ("sockaddr_un", "Equal", "/run/s", ("/run/s",)),
        ("sockaddr_un", "Postfix", "name", ("name",)),
    ],
)
def test_texts_are_what_they_are_compared_with(
    argument: str, operator: str, value: str, wanted: tuple[str, ...]
) -> None:
    """A string ends before its byte 0; an abstract socket's name has a mark before it."""
    text = f'matchArgs: [{{index: 0, operator: {operator}, values: ["{value}"]}}]'
    (match,) = selector(text, f"{{index: 0, type: {argument}}}").arguments
    assert match.texts == wanted


def test_numbers_of_sets_are_decimal_and_ranges_may_go_on() -> None:
    """Where the reference reads decimal numbers; what no value can be is left out of a range."""
    found = selector(
        "matchArgs: [{index: 0, operator: InMap, values: ['010']}, "
        "{index: 0, operator: InRange, values: ['010:4294967295']}]",
        "{index: 0, type: int}",
    )
    assert [match.ranges for match in found.arguments] == [
        (Range(10, 10),),
        (Range(8, 0x7FFFFFFF),),
    ]


def test_names_that_are_empty() -> None:
    """A hook without a place is a mistake: it would stand nowhere without a word."""
    assert codes("lsmhooks: [{hook: ''}]\n") == ["E1104 ''"]
    assert codes("kprobes: [{call: ''}]\n") == ["E1104 ''"]
    probe = "usdts: [{path: /bin/sh, provider: '', name: x}]\n"
    assert codes(probe) == ["E1104 ''"]


def test_addresses_ports_and_ranges() -> None:
    """Prefixes lose their host bits, ports are ranges, negation stands apart."""
    found = selector(
        "matchArgs: [{index: 0, operator: NotDAddr, values: [10.1.2.3/8, 127.0.0.1]}, "
        "{index: 0, operator: SPort, values: ['1024:2048']}, "
        "{index: 0, operator: DPortPriv}]",
        "{index: 0, type: sock}",
    )
    address, port, privileged = found.arguments
    assert address.networks == (IPv4Network("10.0.0.0/8"), IPv4Network("127.0.0.1"))
    assert (address.comparison, address.is_negated) == (
        Comparison.DESTINATION_ADDRESS,
        True,
    )
    assert port.ranges == (Range(1024, 2048),)
    assert privileged.ranges == ()


def test_filters_on_the_process() -> None:
    """Namespaces by number or as the host's, capabilities as a mask."""
    found = selector(
        "matchNamespaces: [{namespace: Pid, operator: NotIn, values: [host_ns, '4026531836']}]\n"
        "    matchNamespaceChanges: [{operator: In, values: [Mnt, Uts]}]\n"
        "    matchCapabilities: [{operator: In, values: [CAP_BPF, CAP_CHOWN]}]\n"
        "    matchCapabilityChanges: [{type: Permitted, operator: NotIn, values: [CAP_KILL]}]"
    )
    (namespace,) = found.namespaces
    assert (namespace.is_host, namespace.inodes) == (True, (4026531836,))
    assert found.namespace_changes[0].namespaces == (Namespace.MNT, Namespace.UTS)
    assert found.capabilities[0].capabilities == 1 << 39 | 1
    assert found.capability_changes[0].is_negated


def test_actions() -> None:
    """Sigkill is signal 9; a rate limit is in seconds, for a scope."""
    found = selector(
        "matchActions: [{action: Sigkill}, {action: Post, rateLimit: 5m, "
        "rateLimitScope: process, kernelStackTrace: true}, {action: GetUrl, argUrl: 'http://x/'}]"
    )
    kill, post, url = found.actions
    assert (kill.kind, kill.signal) == (ActionKind.SIGNAL, 9)
    assert (post.rate_limit, post.rate_limit_scope) == (300, RateLimitScope.PROCESS)
    assert post.has_kernel_stack
    assert url.text == "http://x/"


def test_workloads() -> None:
    """Pods mean all their containers; everything together means everything."""
    policy = good("""
        podSelector: {matchLabels: {app: web}}
        kprobes: [{call: sys_openat}]
    """)
    assert str(policy.workloads.pods) == "k8s:app=web"
    assert str(policy.workloads.containers) == "*"
    everything = good("""
        podSelector: {}
        containerSelector: {}
        hostSelector: {}
        kprobes: [{call: sys_openat}]
    """)
    assert everything.workloads.is_everything


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("matchArgs: [{index: 3, operator: Equal, values: [x]}]", ["E1100 3"]),
        ("matchArgs: [{index: 0, operator: equal, values: [x]}]", ["E1007 equal"]),
        ("matchArgs: [{index: 0, operator: SAddr, values: [x]}]", ["E1101 SAddr"]),
        ("matchArgs: [{index: 0, operator: FileType, values: [dirs]}]", ["E1102 dirs"]),
        ("matchBinaries: [{operator: In, values: [bash]}]", ["E1102 bash"]),
        (
            'matchArgs: [{index: 0, operator: Equal, values: ["a\\0b"]}]',
            ['E1102 "a\\0b"'],
        ),
        (
            "matchCapabilities: [{operator: In, values: [CAP_ROOT]}]",
            ["E1102 CAP_ROOT"],
        ),
        ("macros: [none]", ["E1103 none"]),
        ("matchActions: [{action: FollowFD}]", ["E1106 FollowFD"]),
        ("matchActions: [{action: Override, argError: 1}]", ["E1105 1"]),
        ("matchActions: [{action: Override, argError: 0}]", ["W1105 0"]),
        (
            "matchActions: [{action: Override}]",
            ["W1105 {action: Override}"],
        ),
        ("matchActions: [{action: Signal}]", ["E1006 {action: Signal}"]),
        ("matchReturnActions: [{action: Post}]", ["E1108 matchReturnActions"]),
        (
            "matchPIDs: [{operator: In, values: []}]",
            ["E1102 {operator: In, values: []}"],
        ),
    ],
)
def test_mistakes_of_a_selector(text: str, wanted: list[str]) -> None:
    """Each is found where it stands."""
    assert selector_codes(text) == wanted


@pytest.mark.parametrize("value", ["", "x", "1:2", "0x", "99999999999", "-2147483649"])
def test_numbers_that_are_none(value: str) -> None:
    """Equal takes one number that the type can hold."""
    text = f"matchArgs: [{{index: 0, operator: Equal, values: ['{value}']}}]"
    assert selector_codes(text, "{index: 0, type: int}") == [f"E1102 '{value}'"]


def test_namespaced_policies_have_no_host() -> None:
    """And both kinds refuse labels of hosts."""
    spec = "hostSelector: {}\nkprobes: [{call: sys_openat}]\n"
    assert codes(spec, "TracingPolicyNamespaced") == ["E1111 hostSelector"]
    assert codes(spec) == []


def test_an_option_that_stands_twice() -> None:
    """Of two modes nobody says which is meant; two ways to switch the same off agree."""
    twice = "{name: policy-mode, value: monitor}, {name: policy-mode, value: enforce}"
    hook = "kprobes: [{call: tcp_connect, syscall: false}]"
    assert codes(f"options: [{twice}]\n{hook}\n") == ["E1110 policy-mode"]
    both = "{name: disable-kprobe-multi, value: '1'}, {name: disable-uprobe-multi, value: '0'}"
    assert good(f"options: [{both}]\n{hook}\n").is_multi_disabled


def test_a_policy_without_hooks() -> None:
    """It would do nothing, and says so."""
    assert read("podSelector: {}\n")[1].found[0].code == "E1104"
    assert read("lists: []\n")[1].found[0].code == "E1104"


# ---------------------------------------------------------------- classic mistakes


FILTER = "{matchBinaries: [{operator: In, values: [/bin/nc]}]}"
KILL = "{matchActions: [{action: Sigkill}]}"


def test_an_action_beside_its_filter_hits_everyone() -> None:
    """The '-' too many; one selector with both, or no filter at all, is meant so."""
    hook = "kprobes:\n- call: tcp_connect\n  syscall: false\n  selectors: "
    assert codes(f"{hook}[{FILTER}, {KILL}]\n") == [f"W1114 {KILL}"]
    both = FILTER[:-1] + ", " + KILL[1:]
    assert codes(f"{hook}[{both}]\n") == []
    assert codes(f"{hook}[{KILL}]\n") == []
    assert codes(f"{hook}[{FILTER}, {{matchActions: [{{action: NoPost}}]}}]\n") == []


PATHS = "{index: 1, operator: Prefix, values: [/etc/]}"


@pytest.mark.parametrize(
    ("call", "action", "mode", "wanted"),
    [
        ("sys_openat", "Sigkill", "enforce", [f"E1115 {PATHS}"]),
        ("sys_openat", "Post", "enforce", [f"W1115 {PATHS}"]),
        ("sys_openat", "Sigkill", "monitor", [f"W1115 {PATHS}"]),
    ],
)
def test_memory_of_the_program_is_no_ground_for_a_decision(
    call: str, action: str, mode: str, wanted: list[str]
) -> None:
    """An error where it enforces; the cure names the hook with the kernel's copy."""
    spec = (
        f"options: [{{name: policy-mode, value: {mode}}}]\n"
        f"kprobes:\n- call: {call}\n  args: [{{index: 1, type: string}}]\n"
        f"  selectors: [{{matchArgs: [{PATHS}], matchActions: [{{action: {action}}}]}}]\n"
    )
    assert codes(spec) == wanted
    assert "file_open" in (read(spec)[1].found[0].help or "")
    kernel = spec.replace(f"call: {call}", "call: do_filp_open\n  syscall: false")
    assert codes(kernel) == []

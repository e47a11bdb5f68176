"""Operations that are denied, and programs that are ended."""

from __future__ import annotations

from tests.tracing.cases.case import Case

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
        told=(
            '"function_name": "security_file_permission"',
            '"action": "KPROBE_ACTION_OVERRIDE"',
        ),
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
        told=('"process_lsm"', '"function_name": "file_open"'),
    ),
    # W1105 says so: 0 is no objection, neither to an LSM hook nor to fmod_ret.
    Case(
        "deny-by-0",
        "hook: file_open\n    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/by-0]}]\n"
        "      matchActions: [{action: Override, argError: 0}]",
        "read('/lg/one/by-0')",
        "read('/lg/one/x')",
        list="lsmhooks",
        ends=0,
        shows="/lg/one/by-0",
    ),
    Case(
        "deny-fmod-ret-by-0",
        "call: security_file_open\n    syscall: false\n"
        "    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/fmod-by-0]}]\n"
        "      matchActions: [{action: Override, argError: 0}]",
        "read('/lg/one/fmod-by-0')",
        "read('/lg/one/x')",
        ends=0,
        shows="/lg/one/fmod-by-0",
    ),
    # Hooks that are given no file, for anonymous memory, although the verifier trusts them to.
    Case(
        "deny-map-lsm",
        "hook: mmap_file\n    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Prefix, values: [/lg/two/]}]\n"
        "      matchActions: [{action: Override, argError: -1}]",
        "map_file('/lg/two/x', 1)",
        "map_file('', 3); map_file('/lg/one/x', 1)",
        list="lsmhooks",
        ends=1,
        shows="/lg/two/x",
    ),
    Case(
        "deny-map-lsm-by-end",
        "hook: mmap_file\n    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Postfix, values: [.mapped]}]\n"
        "      matchActions: [{action: Override, argError: -1}]",
        "map_file('/lg/one/file.mapped', 1)",
        "map_file('', 3); map_file('/lg/one/x', 1)",
        list="lsmhooks",
        ends=1,
        shows="/lg/one/file.mapped",
    ),
    Case(
        "deny-map-fmod-ret",
        "call: security_mmap_file\n    syscall: false\n"
        "    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/ne/y]}]\n"
        "      matchActions: [{action: Override, argError: -1}]",
        "map_file('/lg/ne/y', 1)",
        "map_file('', 3); map_file('/lg/one/x', 1)",
        ends=1,
        shows="/lg/ne/y",
    ),
    Case(
        "map-of-no-file",
        "hook: mmap_file\n    args: [{index: 0, type: file}, {index: 1, type: uint64}]",
        "matchBinaries: [{operator: In, values: [/lg/bin/reader]}]\n"
        "      matchArgs: [{index: 0, operator: NotPrefix, values: [/]}]",
        "run('/lg/bin/reader', '/dev/null')",
        "run('/lg/bin/other', '/dev/null')",
        list="lsmhooks",
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

"""Files: what their paths are compared with, and how."""

from __future__ import annotations

from tests.tracing.cases.case import file_case

FILES = (
    file_case(
        "path-prefix",
        "{index: 0, operator: Prefix, values: [/lg/one/]}",
        "read('/lg/one/x')",
        "read('/lg/two/x')",
        shows="/lg/one/x",
    ),
    file_case(
        "path-prefix-elsewhere",
        "{index: 0, operator: Prefix, values: [/opt/]}",
        "chroot('/lg/root'); read('/opt/x')",
        "read('/lg/root/opt/x')",
        shows="/opt/x",
    ),
    file_case(
        "path-equal",
        "{index: 0, operator: Equal, values: [/lg/one/equal, /nowhere]}",
        "read('/lg/one/equal')",
        "read('/lg/one/equal2')",
        shows="/lg/one/equal",
    ),
    file_case(
        "path-postfix",
        "{index: 0, operator: Postfix, values: [.secret]}",
        "read('/lg/a.secret')",
        "read('/lg/a.secret2')",
        shows="a.secret",
    ),
    file_case(
        "path-not-prefix",
        "{index: 0, operator: NotPrefix, values: [/lg, /usr, /proc, /root, /etc, /lib, /dev]}",
        "read('/var/lgnot')",
        "read('/lg/one/x')",
        shows="/var/lgnot",
    ),
    file_case(
        "path-not-equal",
        "{index: 0, operator: Prefix, values: [/lg/ne/]}\n"
        "      , {index: 0, operator: NotEqual, values: [/lg/ne/x]}",
        "read('/lg/ne/y')",
        "read('/lg/ne/x')",
        shows="/lg/ne/y",
    ),
    file_case(
        "path-not-postfix",
        "{index: 0, operator: Prefix, values: [/lg/np/]}\n"
        "      , {index: 0, operator: NotPostfix, values: [.txt]}",
        "read('/lg/np/y')",
        "read('/lg/np/y.txt')",
        shows="/lg/np/y",
    ),
    file_case(
        "path-mounted",
        "{index: 0, operator: Prefix, values: [/lg/mnt/deep/]}",
        "read('/lg/mnt/deep/er/x')",
        "read('/lg/mnt/x')",
        shows="/lg/mnt/deep/er/x",
    ),
    file_case(
        "path-bound",
        "{index: 0, operator: Prefix, values: [/lg/bound/]}",
        "read('/lg/bound/x')",
        "read('/lg/source/x')",
        shows="/lg/bound/x",
    ),
    file_case(
        "path-unlinked",
        "{index: 0, operator: Equal, values: [/lg/unlinked]}",
        "read_unlinked('/lg/unlinked')",
        "read_unlinked('/lg/unlinked2')",
        shows="/lg/unlinked (deleted)",
    ),
    file_case(
        "path-renamed",
        "{index: 0, operator: Equal, values: [/lg/after]}",
        "read_renamed('/lg/before', '/lg/after')",
        "read_renamed('/lg/after', '/lg/before')",
        shows="/lg/after",
    ),
    file_case(
        "path-deep",
        "{index: 0, operator: Prefix, values: [/lg/deep/]}",
        "read('/lg/deep/' + 'd/' * 100 + 'x')",
        "read('/lg/shallow/' + 'd/' * 100 + 'x')",
        shows="/lg/deep/d/d/d",
    ),
    file_case(
        "path-substring",
        "{index: 0, operator: SubString, values: [needle]}",
        "read('/lg/one/aneedleb')",
        "read('/lg/one/aneedbleb')",
        shows="aneedleb",
    ),
    file_case(
        "path-substring-case",
        "{index: 0, operator: SubStringIgnCase, values: [hayStack]}",
        "read('/lg/one/aHAYSTACKb')",
        "read('/lg/one/aHAYSTAKb')",
        shows="aHAYSTACKb",
    ),
    file_case(
        "path-and-mask",
        "{index: 0, operator: Equal, values: [/lg/one/mask]}\n"
        "      , {index: 1, operator: Mask, values: ['2']}",
        "write('/lg/one/mask')",
        "read('/lg/one/mask')",
        shows="/lg/one/mask",
    ),
)

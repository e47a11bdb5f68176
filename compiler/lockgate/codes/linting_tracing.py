"""6040-6049: what ``lockgate lint`` finds in tracing policies."""

from __future__ import annotations

from lockgate.codes.explanation import Explanation


def _policy(name: str, hook: str) -> str:
    return (
        "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\n"
        f"metadata: {{name: {name}}}\nspec:\n  {hook}\n"
    )


def _open(selector: str, name: str = "example") -> str:
    return _policy(
        name,
        "lsmhooks: [{hook: file_open, args: [{index: 0, type: file}], "
        f"selectors: [{selector}]}}]",
    )


def _path(operator: str, path: str) -> str:
    return f"{{matchArgs: [{{index: 0, operator: {operator}, values: [{path}]}}]}}"


_NOT = "{{matchBinaries: [{{operator: NotIn, values: [{}]}}]}}"
_ACT = (
    "{{matchArgs: [{{index: 0, operator: Prefix, values: [/srv/]}}], "
    "matchActions: [{{{}}}]}}"
)

EXPLANATIONS = (
    Explanation(
        "W6040",
        "tracing-decides-differently",
        "two tracing policies that decide differently on one operation",
        "All policies on a hook act: a denial wins, and of signals the most severe.  Where "
        "one policy provably matches what another does, and they deny or kill differently, "
        "one of the two does not get what it asks for.",
        "Let one policy decide, or narrow one of them.",
        _open(_ACT.format("action: Override, argError: -1"), "one")
        + "---\n"
        + _open(_ACT.format("action: Sigkill"), "other"),
    ),
    Explanation(
        "W6041",
        "tracing-kills-shells",
        "whoever starts a shell, or becomes root, is stopped, the administrator included",
        "A policy without a filter on the process, and for the host, takes shells from "
        "logins, ssh, probes of the kubelet and every script; one about sudo or su keeps the "
        "administrator from becoming root.  `lockgate apply` refuses it (E5145).",
        "Say by whom they may not be started: matchBinaries, matchParentBinaries, pods.",
        _policy(
            "example",
            "lsmhooks: [{hook: bprm_check_security, args: [{index: 0, type: linux_binprm}], "
            "selectors: [{matchArgs: [{index: 0, operator: Equal, values: [/usr/bin/bash]}], "
            "matchActions: [{action: Sigkill}]}]}]",
        ),
    ),
    Explanation(
        "W6042",
        "tracing-floods",
        "an event for every hit of a hook that is hit all the time",
        "Some operations, such as file_permission, happen hundreds of thousands of times a "
        "second on a busy host.  Without a filter and without a rate limit events are lost, "
        "those of other policies with them.",
        "Add a filter or a rateLimit.",
        _policy(
            "example",
            "kprobes: [{call: security_file_permission, syscall: false, "
            "args: [{index: 0, type: file}]}]",
        ),
    ),
    Explanation(
        "W6043",
        "tracing-prefix-without-slash",
        "a prefix that is a folder's name without the slash",
        "A prefix is a prefix of the text: /etc is one of /etcetera as well.",
        "End it with a slash.",
        _open(_path("Prefix", "/etc")),
    ),
    Explanation(
        "W6044",
        "tracing-path-of-link",
        "a path that is a symbolic link where the policy runs",
        "Hooks on files see the file that was found, by its own path.  With a merged /usr, "
        "/bin is a link to /usr/bin, and /bin/sh one to dash or bash: nothing ever has the "
        "path of the link, so the filter never matches.",
        "Add the path that the kernel sees (`readlink -f`).",
        _open(_path("Equal", "/bin/sh")),
    ),
    Explanation(
        "W6045",
        "tracing-postfix-without-slash",
        "the end of a binary's path without a slash",
        "A postfix is the end of the text: bash is that of /tmp/notbash as well.",
        "Begin it with a slash: /bash.",
        _open("{matchBinaries: [{operator: Postfix, values: [bash]}]}"),
    ),
    Explanation(
        "W6046",
        "tracing-excludes-nobody",
        "exceptions in selectors of their own, which cancel each other",
        "Selectors are alternatives.  'Not a' in one and 'not b' in another matches "
        "everybody: a is not b.",
        "Write both values into one filter.",
        _open(f"{_NOT.format('/usr/bin/a')}, {_NOT.format('/usr/bin/b')}"),
    ),
    Explanation(
        "W6047",
        "tracing-path-of-nothing",
        "a path that the kernel never makes",
        "Hooks on files see the path of the file that was found: absolute, without . and .. "
        "and double slashes, and without a slash at its end, for folders, too.  A filter on "
        "another text never matches, and a policy that denies by it denies nothing.",
        "Write the path as `readlink -f` does; Prefix may end with a slash.",
        _open(_path("Equal", "/etc/ssh/")),
    ),
    Explanation(
        "N6048",
        "tracing-other-names",
        "a file that is denied by one of its names",
        "A path is the name by which a file was opened.  A hard link is another name of the same "
        "file, a folder above it that is renamed gives all below it others, and so does a bind "
        "mount: none of these has the path that the policy denies.  At file_open a file that "
        "O_CREAT makes is there, and empty, when the denial comes.  (On an overlay of "
        "Linux 6.12 the file below it is seen, too, by the name that it had first.)",
        "Stand at what gives a file another name as well: path_link, path_rename, sb_mount, "
        "move_mount; at inode_create for what must not be made.  Or see to it that who is denied "
        "cannot write to the folder.",
        _open(
            "{matchArgs: [{index: 0, operator: Equal, values: [/etc/shadow]}], "
            "matchActions: [{action: Override, argError: -13}]}"
        ),
    ),
    Explanation(
        "N6049",
        "tracing-sees-part",
        "a hook that sees one way of several to do the same",
        "The kernel has several ways to the same end, and some hooks stand at one of them: "
        "path_truncate is not asked of ftruncate and O_TRUNC (since Linux 6.2), file_permission "
        "not of mapped files, socket_connect not of what is sent without a connection, sys_openat "
        "not of openat2.",
        "Stand at the hook that the note names as well, or instead.",
        _policy(
            "example",
            "kprobes: [{call: security_path_truncate, syscall: false, "
            "args: [{index: 0, type: path}]}]",
        ),
    ),
)

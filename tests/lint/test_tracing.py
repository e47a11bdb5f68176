"""Findings about tracing policies: what fires, its neighbour that is fine, and the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockgate.codes.linting_tracing import EXPLANATIONS
from lockgate.findings import Level
from tests.lint.judging import find, lint

if TYPE_CHECKING:
    from lockgate.codes import Explanation

HEAD = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: {}}}\nspec:\n"


def policy(spec: str, name: str = "a") -> str:
    """Return a policy."""
    return f"{HEAD.format(name)}  {{{spec}}}\n"


def opened(*selectors: str, kind: str = "file", name: str = "a", more: str = "") -> str:
    """Return a policy on file_open."""
    return policy(
        f"lsmhooks: [{{hook: file_open, args: [{{index: 0, type: {kind}}}], "
        f"selectors: [{', '.join(selectors)}]}}]{more}",
        name,
    )


def path(operator: str, value: str, action: str = "action: Post") -> str:
    """Return a selector on the path."""
    return (
        f"{{matchArgs: [{{index: 0, operator: {operator}, values: [{value}]}}], "
        f"matchActions: [{{{action}}}]}}"
    )


def binary(operator: str, value: str) -> str:
    """Return a selector on the binary."""
    return f"{{matchBinaries: [{{operator: {operator}, values: [{value}]}}]}}"


def shell(rest: str = "", more: str = "") -> str:
    """Return a policy that kills who starts bash."""
    return policy(
        "lsmhooks: [{hook: bprm_check_security, args: [{index: 0, type: linux_binprm}], "
        "selectors: [{matchArgs: [{index: 0, operator: Equal, values: [/usr/bin/bash]}]"
        f"{rest}, matchActions: [{{action: Sigkill}}]}}]}}]{more}"
    )


def hooks(*names: str) -> str:
    """Return a policy that watches hooks."""
    listed = ", ".join(f"{{hook: {name}}}" for name in names)
    return policy(f"lsmhooks: [{listed}]", "watching")


RENAMES = ("path_link", "path_rename", "sb_mount", "move_mount")
DENY, KILL = "action: Override, argError: -1", "action: Sigkill"
HOT = "kprobes: [{{call: {}, syscall: false, args: [{{index: 0, type: file}}]{}}}]"
LIMITED = ", selectors: [{matchActions: [{action: Post, rateLimit: 1m}]}]"
BY = ", matchParentBinaries: [{operator: In, values: [/usr/sbin/nginx]}]"
CASES = {
    "W6040": (
        f"{opened(path('Prefix', '/srv/', DENY))}---\n"
        f"{opened(path('Equal', '/srv/a', KILL), name='b')}",
        f"{opened(path('Prefix', '/srv/', DENY))}---\n"
        f"{opened(path('Equal', '/opt/a', KILL), name='b')}",
    ),
    "W6040 with events": (
        f"{opened(path('Equal', '/srv/a', KILL))}---\n"
        f"{opened(path('Equal', '/srv/a', DENY), name='b')}",
        f"{opened(path('Equal', '/srv/a', KILL))}---\n"
        f"{opened(path('Equal', '/srv/a'), name='b')}",
    ),
    "W6041": (shell(), shell(BY)),
    "W6041 of who becomes root": (
        shell().replace("/usr/bin/bash", "/usr/bin/sudo"),
        shell().replace("/usr/bin/bash", "/usr/bin/wget"),
    ),
    "W6041 for pods": (
        shell(more=", hostSelector: {}"),
        shell(more=", podSelector: {}"),
    ),
    "W6041 in monitor mode": (
        shell(),
        shell(more=", options: [{name: policy-mode, value: monitor}]"),
    ),
    "W6042": (
        policy(HOT.format("security_file_permission", "")),
        policy(HOT.format("security_file_permission", LIMITED)),
    ),
    "W6042 elsewhere": (
        policy(HOT.format("vfs_read", "")),
        policy(HOT.format("security_file_open", "")),
    ),
    "W6043": (opened(path("Prefix", "/etc")), opened(path("Prefix", "/etc/"))),
    "W6043 of a binary": (
        opened(binary("Prefix", "/usr/bin")),
        opened(binary("Prefix", "/usr/bin/")),
    ),
    "W6044": (opened(path("Equal", "/bin/sh")), opened(path("Equal", "/usr/bin/dash"))),
    "W6044 with both": (
        opened(path("Equal", "/bin/cat")),
        opened(path("Equal", "/bin/cat, /usr/bin/cat")),
    ),
    "W6045": (opened(binary("Postfix", "bash")), opened(binary("Postfix", "/bash"))),
    "W6047": (opened(path("Equal", "/etc/x/")), opened(path("Prefix", "/etc/x/"))),
    "W6047 by dots": (
        opened(path("Prefix", "/etc/../srv/")),
        opened(path("Prefix", "/srv/..a/.b")),
    ),
    "W6047 by slashes": (
        opened(binary("In", "/usr/local//x")),
        opened(binary("In", "/usr/local/x")),
    ),
    "W6047 without one": (
        opened(path("Equal", "etc/x")),
        opened(path("Equal", "'pipe:[81]'")),
    ),
    "W6046": (
        opened(binary("NotIn", "/usr/bin/a"), binary("NotIn", "/usr/bin/b")),
        opened(binary("NotIn", "/usr/bin/a, /usr/bin/b")),
    ),
    "W6046 of one value": (
        opened(path("NotEqual", "/a"), path("NotEqual", "/b")),
        opened(path("NotEqual", "/a"), binary("NotIn", "/b")),
    ),
    "W6046 of what is matched": (
        opened(path("NotEqual", "/a"), path("NotEqual", "/b")),
        opened(path("Equal", "/a"), path("Equal", "/b")),
    ),
    "N6048": (opened(path("Prefix", "/srv/", DENY)), opened(path("Prefix", "/srv/"))),
    "N6048 but for some": (
        opened(path("Equal", "/srv/a", KILL)),
        opened(path("NotEqual", "/srv/a", KILL)),
    ),
    "N6048 of who stands there": (
        f"{opened(path('Equal', '/srv/a', DENY))}---\n{hooks(*RENAMES[1:])}",
        f"{opened(path('Equal', '/srv/a', DENY))}---\n{hooks(*RENAMES)}",
    ),
    "N6049": (
        policy(HOT.format("security_path_truncate", "")),
        policy(HOT.format("security_path_rename", "")),
    ),
    "N6049 of who stands there": (
        hooks("file_permission"),
        hooks("file_permission", "mmap_file"),
    ),
    "N6049 of programs": (shell(), shell().replace(KILL, "action: Post")),
    "N6049 of calls": (
        policy("kprobes: [{call: sys_unlinkat}]"),
        policy("kprobes: [{call: sys_unlinkat}], lsmhooks: [{hook: path_unlink}]"),
    ),
    "W1114": (
        opened(path("Equal", "/a"), f"{{matchActions: [{{{KILL}}}]}}"),
        opened(path("Equal", "/a", KILL)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_fires_and_misses(name: str) -> None:
    """What is wrong is found, and what is nearly the same and fine is not."""
    code = name[:5]
    fires, misses = CASES[name]
    assert len(find(fires, code)) == 1
    assert find(misses, code) == []


@pytest.mark.parametrize("page", EXPLANATIONS, ids=lambda page: page.code)
def test_example_yields_its_code(page: Explanation) -> None:
    """What a page shows is found, and nothing else of its severity."""
    level = Level.NOTE if page.code.startswith("N") else Level.WARNING
    found = [f for f in lint(page.example).findings if f.severity is level]
    assert [f.code for f in found] == [page.code]
    assert found[0].name == page.name


def test_a_comment_ignores_a_finding() -> None:
    """A finding about a tracing policy can be ignored at its line, with a reason."""
    text = opened(path("Prefix", "/etc"))
    above = f"# lockgate: ignore[tracing-prefix-without-slash]: it is meant\n{text}"
    assert find(above, "W6043") == []
    assert lint(above).ignored == 1


RETURN = "kprobes: [{call: sys_read, returnArg: {index: 0, type: long}}]"
RACY = (
    "kprobes: [{{call: sys_openat, args: [{{index: 1, type: string}}], selectors: [{{matchArgs: "
    "[{{index: 1, operator: Equal, values: [/etc/shadow]}}], matchActions: [{{action: {}}}]}}]}}]"
)


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        (RETURN, "W1108"),
        (RACY.format("Post"), "W1115"),
        (RACY.format("Sigkill"), "E1115"),
    ],
)
def test_classic_mistakes_reach_lint(spec: str, code: str) -> None:
    """What the front end says of tracing policies is a finding, too."""
    assert [f.code for f in lint(policy(spec)).findings if f.code[1:3] == "11"] == [
        code
    ]


def test_what_is_not_enforced_is_unsupported_in_gate() -> None:
    """A block of the native language that nothing carries out is nobody's mistake."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from lockgate.driver import compile_tables
    from lockgate.lint.config import Config
    from lockgate.lint.judgement import judge_policies
    from lockgate.options import Options
    from tests.lint.judging import TODAY

    with TemporaryDirectory() as folder:
        file = Path(folder) / "p.gate"
        file.write_text(
            "service db in shop { listen 10.96.0.1/32 on tcp/80 backends app=db on tcp/80 }\n"
        )
        made = compile_tables([file], Options(allow_unenforced=True))
        found = judge_policies(made, Config(), TODAY).findings
    assert [(f.code, f.severity) for f in found] == [("E1820", Level.UNSUPPORTED)]

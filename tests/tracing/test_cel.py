"""Expressions of CEL over events: what holds, what does not, what is refused and where."""

from __future__ import annotations

from typing import Any

import pytest

from lockgate_runtime.tracing.cel import CelError, compile_filter

EXEC: dict[str, Any] = {
    "process_exec": {
        "process": {
            "binary": "/usr/bin/mysql",
            "pid": 7,
            "cap": {"effective": ["CAP_KILL"]},
            "start_time": "2026-01-01T00:00:00.500Z",
            "pod": {"pod_labels": {"app": "web"}},
        }
    },
    "node_name": "node",
}
KPROBE: dict[str, Any] = {
    "process_kprobe": {
        "action": "KPROBE_ACTION_SIGKILL",
        "args": [
            {"sock_arg": {"daddr": "10.1.2.3", "dport": 443, "cookie": "99"}},
            {"size_arg": "18446744073709551615"},
            {"bytes_arg": "aGk="},
        ],
    }
}


@pytest.mark.parametrize(
    ("text", "event", "holds"),
    [
        ('process_exec.process.binary == "/usr/bin/mysql"', EXEC, True),
        ('process_exec.process.binary != "/usr/bin/mysql"', EXEC, False),
        ("process_exec.process.pid == 7u && !false", EXEC, True),
        ("process_exec.process.pid > 7 || process_exec.process.pid < 7", EXEC, False),
        ("process_exec.process.pid in [1, 7]", EXEC, True),
        ("process_exec.process.pid in []", EXEC, False),
        ('process_exec.process.binary.endsWith("sql")', EXEC, True),
        ('process_exec.process.binary.startsWith("sql")', EXEC, False),
        ("process_exec.process.binary.contains('/bin/')", EXEC, True),
        (r'process_exec.process.binary.matches(r"^/usr/(s?)bin/\w+$")', EXEC, True),
        ("CapabilitiesType.CAP_KILL in process_exec.process.cap.effective", EXEC, True),
        ("CapabilitiesType.CAP_BPF in process_exec.process.cap.effective", EXEC, False),
        ("process_exec.process.pod.pod_labels['app'] == 'web'", EXEC, True),
        ("'app' in process_exec.process.pod.pod_labels", EXEC, True),
        ("process_exec.process.pod.pod_labels['none'] == 'web'", EXEC, False),
        ("has(process_exec.process.pod)", EXEC, True),
        ("has(process_exec.process.docker)", EXEC, False),
        ("process_exec.process.docker == ''", EXEC, True),
        (
            "process_exec.parent.binary == '' && process_exec.parent.pid == 0",
            EXEC,
            True,
        ),
        ("process_exec.process.pid == 7 ? true : false", EXEC, True),
        ("size(process_exec.process.binary) == 14", EXEC, True),
        (
            "-7 / 2 == -3 && 7 % -2 == 1 && process_exec.process.pid * 2u == 14u",
            EXEC,
            True,
        ),
        (
            "process_exec.process.start_time < timestamp('2026-01-01T00:00:01Z')",
            EXEC,
            True,
        ),
        ("process_exit.process.pid == 7", EXEC, False),
        ("process_exit.process.pid == 0 || process_exec.process.pid == 7", EXEC, True),
        (
            "process_kprobe.action == tetragon.KprobeAction.KPROBE_ACTION_SIGKILL",
            KPROBE,
            True,
        ),
        ("process_kprobe.action == KprobeAction.KPROBE_ACTION_POST", KPROBE, False),
        ("process_kprobe.args[0].sock_arg.cookie == 99u", KPROBE, True),
        ("process_kprobe.args[1].size_arg == 18446744073709551615u", KPROBE, True),
        ("process_kprobe.args[2].bytes_arg == b'hi'", KPROBE, True),
        (
            "cidr('10.0.0.0/8').containsIP(process_kprobe.args[0].sock_arg.daddr)",
            KPROBE,
            True,
        ),
        (
            "cidr('10.2.0.0/16').containsIP(process_kprobe.args[0].sock_arg.daddr)",
            KPROBE,
            False,
        ),
        ("ip(process_kprobe.args[0].sock_arg.daddr).family() == 4", KPROBE, True),
        ("process_kprobe.args.exists(a, a.sock_arg.dport == 443)", KPROBE, True),
        ("process_kprobe.args.all(a, a.sock_arg.dport == 443)", KPROBE, False),
        ("process_kprobe.args.exists_one(a, has(a.size_arg))", KPROBE, True),
        ("process_kprobe.args.filter(a, has(a.size_arg)).size() == 1", KPROBE, True),
        ("443u in process_kprobe.args.map(a, a.sock_arg.dport)", KPROBE, True),
        ("process_kprobe.args[9].int_arg == 0", KPROBE, False),
        ("process_kprobe.args[9].int_arg == 0 || true", KPROBE, True),
        (
            "ip('nonsense').family() == 4 || process_kprobe.args.size() > 0",
            KPROBE,
            True,
        ),
        ("process_kprobe.args.size() / 0 == 1", KPROBE, False),
        ("process_kprobe.message == '' // nothing is said", KPROBE, True),
    ],
)
def test_expressions(text: str, event: dict[str, Any], holds: bool) -> None:
    """Of the event that they name; what an event does not have is zero or empty."""
    assert compile_filter(text)(event) is holds


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("process_exec.process.binry == ''", 21),
        ("process_exec.process.pid == '7'", 25),
        ("processes.pid == 7", 0),
        ("process_exec.process.binary", 0),
        ("true", 0),
        ("1 +", 3),
        ("process_exec.process.pid == 7 7", 30),
        ("process_exec.process.binary.lowerCase() == ''", 28),
        ("process_exec.process.binary.matches('(')", 36),
        ("process_exec.process.pid.startsWith('7')", 21),
        ("process_exec.process.binary.startsWith()", 28),
        ("process_kprobe.action == KprobeAction.KILL", 38),
        ("process_kprobe.action == 3", 22),
        ("process_kprobe.args.exists(a, a.size_arg)", 32),
        ("process_kprobe.args.exists(1, true)", 20),
        ("[1, 'a'] == [1]", 4),
        ("process_exec.process.pid && true", 21),
        ("has(process_exec)", 0),
        ("'open", 0),
        (r"process_exec.process.binary == '\w'", 31),
        ("(" * 50 + "true", 24),
        ("process_exec.process.pid == 7" + " || true" * 5000, 0),
    ],
)
def test_mistakes_are_refused_with_their_place(text: str, at: int) -> None:
    """Before any event is seen."""
    with pytest.raises(CelError) as found:
        compile_filter(text)
    assert found.value.at == at, str(found.value)

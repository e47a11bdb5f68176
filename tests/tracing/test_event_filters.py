"""Filters, fields, redaction, expressions, rotation and rate of events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.language import event_filters
from lockgate.source import Source
from lockgate_runtime.tracing.event_predicates import FIELDS, read_predicate
from lockgate_runtime.tracing.export_filters import FilterError, read_filters
from lockgate_runtime.tracing.field_filters import read_field_filter
from lockgate_runtime.tracing.redaction import read_redaction
from lockgate_runtime.tracing.sink import RateLimit, RotatingFile
from lockgate_runtime.verbs import events

if TYPE_CHECKING:
    from pathlib import Path

EVENT: dict[str, Any] = {
    "process_exec": {
        "process": {
            "pid": 7,
            "uid": 0,
            "binary": "/usr/bin/mysql",
            "arguments": "--password=secret -u root",
            "cap": {"effective": ["CAP_KILL", "CAP_SYS_ADMIN"]},
            "docker": "abc123",
            "in_init_tree": True,
        },
        "parent": {"pid": 6, "binary": "/bin/sh", "arguments": "-c x"},
        "ancestors": [{"pid": 1, "binary": "/sbin/init"}],
    },
    "node_name": "node",
    "time": "2026-01-01T00:00:00.000000000Z",
}
KPROBE: dict[str, Any] = {
    "process_kprobe": {
        "process": {"pid": 8, "binary": "/bin/cat"},
        "policy_name": "files",
        "function_name": "security_file_open",
        "action": "KPROBE_ACTION_SIGKILL",
        "args": [{"file_arg": {"path": "/etc/shadow"}}],
    }
}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"binary_regex": ["sql$"]}, True),
        ({"binary_regex": ["^sql"]}, False),
        ({"event_set": ["PROCESS_EXEC"]}, True),
        ({"event_set": ["PROCESS_EXIT"]}, False),
        ({"pid": [7]}, True),
        ({"pid": [1]}, False),
        ({"pid_set": [1]}, True),
        ({"pid_set": [2]}, False),
        ({"arguments_regex": ["-u root"]}, True),
        ({"parent_binary_regex": ["sh$"]}, True),
        ({"parent_arguments_regex": ["y"]}, False),
        ({"ancestor_binary_regex": ["init$"]}, True),
        ({"in_init_tree": False}, False),
        ({"health_check": True}, False),
        ({"container_id": ["^abc"]}, True),
        ({"namespace": ["shop"]}, False),
        ({"policy_names": ["files"]}, False),
        ({"capabilities": {"effective": {"any": ["CAP_KILL", "CAP_BPF"]}}}, True),
        ({"capabilities": {"effective": {"all": ["CAP_KILL", "CAP_BPF"]}}}, False),
        ({"capabilities": {"effective": {"none": ["CAP_BPF"]}}}, True),
        ({"capabilities": {"effective": {"exactly": ["CAP_KILL"]}}}, False),
        ({"capabilities": {"effective": {"any": ["CAP_DAC_OVERRIDE"]}}}, False),
        ({"binary_regex": ["sql$"], "pid": [8]}, False),
        ({"binaryRegex": ["sql$"], "eventSet": [1]}, True),
        ({"ancestor_binary_regex": ["sh$"]}, False),
        ({"namespace_regex": [".*"]}, False),
        ({"cel_expression": ["process_exec.process.pid == 7"]}, True),
        ({"cel_expression": ["process_exit.process.pid == 7"]}, False),
        ({"labels": ["app=web"]}, False),
        ({}, True),
    ],
)
def test_filters_of_the_reference(condition: dict[str, Any], holds: bool) -> None:
    """Each condition, holding and not."""
    assert read_filters([json.dumps(condition)])(EVENT) is holds


def test_a_list_of_filters_is_a_choice() -> None:
    """One that holds is enough; lines of a file are filters too."""
    assert read_filters(['{"pid": [1]}\n{"pid": [7]}'])(EVENT)
    assert not read_filters(['{"pid": [1]}'])(EVENT)


@pytest.mark.parametrize(
    "text",
    [
        '{"binary": ["x"]}',
        '{"cel_expression": ["true"]}',
        '{"cel_expression": ["process_exec.process.pid = 7"]}',
        '{"labels": ["a=b=c"]}',
        '{"labels": "a=b"}',
        '{"event_set": ["PROCESS_FORK"]}',
        '{"event_set": [7]}',
        '{"capabilities": {"effective": {"any": ["CAP_KILL"], "none": []}}}',
        '{"capabilities": {"effective": {"any": ["CAP_KILLED"]}}}',
        '{"binary_regex": ["("]}',
        '{"binary_regex": "x"}',
        '{"in_init_tree": "yes"}',
        '{"capabilities": {"bounding": {}}}',
        "[]",
    ],
)
def test_what_is_not_understood_is_refused(text: str) -> None:
    """A deny list that is passed over would show what it forbids."""
    with pytest.raises(FilterError):
        read_filters([text])


POD: dict[str, Any] = {
    "process_exec": {
        "process": {
            "pod": {
                "namespace": "shop",
                "name": "web-1",
                "container": {"name": "main", "maybe_exec_probe": True},
                "pod_labels": {"app": "web", "tier": "front"},
            }
        }
    }
}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"labels": ["app=web"]}, True),
        ({"labels": ["app==web,tier!=back"]}, True),
        ({"labels": ["app in (web, db), !canary"]}, True),
        ({"labels": ["tier notin (front)"]}, False),
        ({"labels": ["tier"]}, True),
        ({"labels": ["canary", "tier=front"]}, True),
        ({"labels": ["canary"]}, False),
        ({"labels": [""]}, True),
        ({"namespace": ["shop"], "pod_regex": ["^web-"]}, True),
        ({"namespace_regex": ["^sho"], "container_name_regex": ["main"]}, True),
        ({"container_name_regex": ["side"]}, False),
        ({"health_check": True}, True),
    ],
)
def test_filters_of_pods(condition: dict[str, Any], holds: bool) -> None:
    """By what the cluster says of a process."""
    assert read_filters([json.dumps(condition)])(POD) is holds


def test_a_mistaken_expression_is_shown_with_its_place() -> None:
    """A sign under the character."""
    text = 'process_exec.process.binry == "x"'
    with pytest.raises(FilterError) as found:
        read_filters([json.dumps({"cel_expression": [text]})])
    said, shown, sign = str(found.value).splitlines()
    assert said.startswith("cel_expression, character 22: unknown field 'binry'")
    assert shown[sign.index("^")] == "b"


@pytest.mark.parametrize(
    "text",
    [
        '{"fields": "process.binry"}',
        '{"fields": "function_name", "event_set": ["PROCESS_EXEC"]}',
        '{"fields": "process.pid", "event_set": ["EXEC"]}',
        '{"fields": "process.pid", "action": "KEEP"}',
        '{"field": "process.pid"}',
    ],
)
def test_what_is_no_field_is_refused(text: str) -> None:
    """A mask that is misspelt would let through what it should hide."""
    with pytest.raises(FilterError):
        read_field_filter(text)


def test_fields_may_be_spelt_as_the_interface_does() -> None:
    """In camel case, and with values of maps and lists."""
    read = read_field_filter(
        '{"fields": "process.parentExecId,process.pod.podLabels.a"}'
    )
    assert read.paths[0] == ("process", "parent_exec_id")
    read_field_filter(
        '{"fields": "args.bpf_map_arg.MapName", "eventSet": ["PROCESS_KPROBE"]}'
    )


def test_fields_stay_or_go() -> None:
    """Below the event; node and time stay."""
    keep = read_field_filter(
        '{"fields": "process.binary,parent.pid", "action": "INCLUDE"}'
    )
    assert keep.apply(EVENT)["process_exec"] == {
        "process": {"binary": "/usr/bin/mysql"},
        "parent": {"pid": 6},
    }
    assert keep.apply(EVENT)["node_name"] == "node"
    drop = read_field_filter(
        '{"fields": ["process.cap", "ancestors"], "action": "EXCLUDE"}'
    )
    body = drop.apply(EVENT)["process_exec"]
    assert "cap" not in body["process"]
    assert body["process"]["pid"] == 7
    assert "ancestors" not in body
    others = read_field_filter(
        '{"fields": "process.pid", "event_set": ["PROCESS_EXIT"]}'
    )
    assert others.apply(EVENT) == EVENT


def test_groups_are_hidden_for_some_binaries() -> None:
    """In the process and in all above it; a pattern without groups would hide nothing."""
    hidden = read_redaction(
        r'{"redact": ["--password=(\\S+)"], "binary_regex": ["mysql"]}'
    )
    shown = hidden.apply(EVENT)["process_exec"]["process"]["arguments"]
    assert shown == "--password=***** -u root"
    other = read_redaction(
        r'{"redact": ["--password=(\\S+)"], "binary_regex": ["psql"]}'
    )
    assert other.apply(EVENT) == EVENT
    several = read_redaction(r'{"redact": ["(--password)=(\\S+)"]}')
    shown = several.apply(EVENT)["process_exec"]["process"]["arguments"]
    assert shown == "*****=***** -u root"
    with pytest.raises(FilterError, match="group"):
        read_redaction('{"redact": ["secret"]}')


@pytest.mark.parametrize(
    ("text", "of_exec", "of_kprobe"),
    [
        ("event=exec", True, False),
        ("event in {exec, kprobe}", True, True),
        ('binary="/usr/bin/*" & pid=7', True, False),
        ('binary="/usr/*/x"', False, False),
        ('ancestor=~"init$"', True, False),
        ("not pid=7", False, True),
        ("pid!=7 | capability=CAP_SYS_ADMIN", True, True),
        ('policy=files & path="/etc/*" & action=sigkill', False, True),
        ("status=0 & node=node", True, False),
        ("uid not in {0, 1}", False, True),
    ],
)
def test_expressions(text: str, of_exec: bool, of_kprobe: bool) -> None:
    """They are compiled to what the runtime reads."""
    diagnostics = Diagnostics()
    predicate = event_filters.compile_event_filter(
        Source("--filter", text), diagnostics
    )
    assert predicate is not None, diagnostics.found
    holds = read_predicate(json.loads(json.dumps(predicate)))
    assert (holds(EVENT), holds(KPROBE)) == (of_exec, of_kprobe)


@pytest.mark.parametrize(
    "text", ["evnt=exec", "event=exce", "event=", "pid", "(pid=1", ""]
)
def test_mistaken_expressions(text: str) -> None:
    """They are told, with the place."""
    diagnostics = Diagnostics()
    assert event_filters.compile_event_filter(Source("f", text), diagnostics) is None
    assert diagnostics.found


def test_both_sides_know_the_same_fields() -> None:
    """What the compiler takes, the runtime evaluates."""
    assert set(event_filters.FIELDS) == set(FIELDS)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"version": 2, "event": {}},
        {"version": 1, "event": {"field": "nothing", "in": []}},
        {"version": 1, "event": {"field": "pid", "over": 3}},
        {"version": 1, "event": {"some": []}},
        {"version": 1, "event": {"all": {}}},
    ],
)
def test_what_is_no_predicate_is_refused(value: object) -> None:
    """And never passed over."""
    with pytest.raises(FilterError):
        read_predicate(value)


def test_a_file_is_rotated_by_size(tmp_path: Path) -> None:
    """No line is torn, the oldest goes, and only root reads."""
    path = tmp_path / "events.json"
    with RotatingFile(path, most=25, keep=2) as sink:
        sink.write([f"{number:09}" for number in range(9)])
    assert path.read_text().split() == ["000000008"]
    assert (tmp_path / "events.json.1").read_text().split() == [
        "000000006",
        "000000007",
    ]
    assert (tmp_path / "events.json.2").read_text().split() == [
        "000000004",
        "000000005",
    ]
    assert not (tmp_path / "events.json.3").exists()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_rate_counts_what_it_withholds() -> None:
    """So many a minute, and then again."""
    now = [0.0]
    limit = RateLimit(3, clock=lambda: now[0])
    assert limit.admit(["a", "b"]) == ["a", "b"]
    assert limit.admit(["c", "d", "e"]) == ["c"]
    assert limit.withheld == 2
    now[0] = 60.0
    assert limit.admit(["f"]) == ["f"]


def _run(words: list[str]) -> int:
    import argparse

    parser = argparse.ArgumentParser()
    events.configure(parser)
    return events.run(parser.parse_args(words))


def test_the_verb_reads_a_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Filters, redacts and prints; what is no event is refused with its line."""
    path = tmp_path / "recorded.json"
    path.write_text(f"{json.dumps(EVENT)}\n{json.dumps(KPROBE)}\n")
    allow, redact = '{"pid": [7]}', r'{"redact": ["--password=(\\S+)"]}'
    words = ["--from", str(path), "-o", "json", "--allow", allow, "--redact", redact]
    assert _run(words) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "*****" in line
    assert "secret" not in line
    assert _run(["--from", str(path), "-o", "json", "--deny", '{"pid": [7]}']) == 0
    assert json.loads(capsys.readouterr().out) == KPROBE
    path.write_text(f"{json.dumps(EVENT)}\nnothing\n[]\n{json.dumps(KPROBE)}\n")
    assert _run(["--from", str(path), "-o", "json"]) == 2
    said = capsys.readouterr()
    assert f"{path}:2: not an event (2 such lines); the others" in said.err
    *lines, error = map(json.loads, said.out.splitlines())
    assert (lines, error["error"]["code"]) == ([EVENT, KPROBE], "E5100")
    with pytest.raises(SystemExit):  # it would allow nobody
        _run(["--from", str(path), "--allow-requests", "http://ebpf.io/"])
    assert "is no host" in capsys.readouterr().err
    assert _run(["--from", str(path), "--deny", '{"pids": [7]}']) == 2
    assert "E5102" in capsys.readouterr().err
    assert _run(["--from", str(tmp_path / "none")]) == 2
    assert "E5100" in capsys.readouterr().err


def test_no_pictures_where_the_locale_has_no_utf8(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The word alone says it."""
    path = tmp_path / "recorded.json"
    path.write_text(f"{json.dumps(EVENT)}\n")
    for locale, is_plain in (("C", True), ("C.UTF-8", False)):
        monkeypatch.setenv("LC_ALL", locale)
        assert _run(["--from", str(path), "-o", "compact"]) == 0
        assert capsys.readouterr().out.isascii() is is_plain

"""Events from records: fields as the reference's export has them, and lines for people."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from lockgate_runtime.layout import ENUMERATIONS
from lockgate_runtime.tracing import layout, process_cache
from lockgate_runtime.tracing.compact import Style, print_event
from lockgate_runtime.tracing.frames import Hooks
from lockgate_runtime.tracing.process_cache import ProcessCache, join_arguments
from lockgate_runtime.tracing.records import RecordError, decode_record
from lockgate_runtime.tracing.render import Renderer, losses_line

TYPES = layout.TRACING_ENUMERATIONS["tracing_type"]
ACTIONS = layout.TRACING_ENUMERATIONS["tracing_action"]
KINDS = (*ENUMERATIONS["event_kind"], *layout.EVENT_KINDS)
HOST = tuple(range(4026531834, 4026531844))
CLOCK = 1_700_000_000_000_000_000
ADMIN = {"value": 21, "name": "CAP_SYS_ADMIN"}

PROCESS_FIELDS = [
    *("exec_id", "pid", "uid", "cwd", "binary", "arguments", "flags", "start_time"),
    *("auid", "parent_exec_id", "cap", "ns", "tid", "process_credentials"),
    "in_init_tree",
]
"""Fields of a process in the recorded export of the reference, in its order."""


def value(kind: str, place: int, data: bytes, flags: int = 0) -> bytes:
    """Return one value of a record."""
    head = layout.TRACING_VALUE.pack(
        type=TYPES.index(kind), place=place, size=len(data), flags=flags
    )
    return head + data + bytes(-len(data) % 8)


def record(kind: str, *values: bytes, **fields: int) -> bytes:
    """Return one record of the ring."""
    tail = b"".join(values)
    head = layout.TRACING_EVENT.pack(
        version=layout.TRACING_EVENT_VERSION,
        kind=KINDS.index(kind),
        size=layout.TRACING_EVENT.size + len(tail),
        value_count=len(values),
        **fields,
    )
    return head + tail


def process(
    tgid: int, start: int, parent: tuple[int, int] = (0, 0), **fields: int | bytes
) -> bytes:
    """Return the kernel's record of a process."""
    values: dict[str, int | bytes] = {
        "flags": layout.PROCESS_IS_EXECUTED | layout.PROCESS_IS_FIRST_IMAGE,
        "login_uid": (1 << 32) - 1,
        "permitted": 3,
        "effective": 2,
        "namespaces": struct.pack("<10I", *HOST),
        "path": b"/usr/bin/sh",
        **fields,
    }
    return layout.PROCESS.pack(
        tgid=tgid, start=start, parent=parent[0], parent_start=parent[1], **values
    )


def exec_record(
    tgid: int,
    start: int,
    parent: tuple[int, int],
    words: bytes,
    path: bytes = b"/usr/bin/cat",
) -> bytes:
    """Return the record of an exec."""
    return record(
        "exec",
        value("process", layout.VALUE_PROCESS, process(tgid, start, parent)),
        value("string", layout.VALUE_FILENAME, path),
        value("bytes", layout.VALUE_ARGUMENTS, words),
        value("string", layout.VALUE_DIRECTORY, b"/out"),
        start=start,
        tgid=tgid,
        time=start,
    )


def renderer(**fields: Any) -> Renderer:  # noqa: ANN401 - of any member
    """Return a renderer that knows one process, a shell."""
    cache = ProcessCache()
    cache.add_record(process(10, 1000))
    return Renderer(cache, "node", CLOCK, HOST, **fields)


def render(found: Renderer, data: bytes) -> dict[str, Any]:
    """Return the event of a record."""
    line = found.render(decode_record(data))
    assert line is not None
    event: dict[str, Any] = json.loads(line)
    return event


def test_an_exec_has_the_fields_of_the_reference() -> None:
    """In its order, with its spellings."""
    found = renderer()
    event = render(found, exec_record(20, 2000, (10, 1000), b"cat\0/etc/passwd\0a b\0"))
    assert list(event) == ["process_exec", "node_name", "time"]
    body = event["process_exec"]
    assert list(body) == ["process", "parent"]
    shown = body["process"]
    assert list(shown) == PROCESS_FIELDS
    assert shown["exec_id"] == "bm9kZToyMDAwOjIw"
    assert shown["parent_exec_id"] == body["parent"]["exec_id"]
    assert (shown["binary"], shown["arguments"]) == (
        "/usr/bin/cat",
        '/etc/passwd "a b"',
    )
    assert (shown["cwd"], shown["flags"]) == ("/out", "execve clone")
    permitted = ["CAP_CHOWN", "DAC_OVERRIDE"]
    assert shown["cap"] == {"permitted": permitted, "effective": permitted[1:]}
    assert shown["ns"]["uts"] == {"inum": HOST[0], "is_host": True}
    assert event["time"] == shown["start_time"] == "2023-11-14T22:13:20.000002000Z"


def test_a_relative_program_is_found_from_its_directory() -> None:
    """As the reference puts the working directory before it."""
    event = render(renderer(), exec_record(20, 2000, (10, 1000), b"x\0", b"./run"))
    assert event["process_exec"]["process"]["binary"] == "/out/run"


def test_a_hook_shows_function_values_action_and_policy() -> None:
    """By the names of the generation; the line of policy is told."""
    sites = {
        "sites": [{"functions": ["security_file_permission"], "hooks": [4, 5]}],
        "hooks": [
            _hook(4, "files", "files.yaml:9:5", selector=0),
            _hook(5, "others", "others.yaml:3:1", selector=1),
        ],
    }
    found = renderer(
        hooks_of=lambda number: Hooks.of(sites) if number == 7 else Hooks()
    )
    data = record(
        "hook",
        value("path", 0, struct.pack("<II", 0o100644, 0) + b"/etc/passwd"),
        value("signed", 1, struct.pack("<q", 4)),
        value("signed", layout.VALUE_RETURN, struct.pack("<q", -13)),
        start=1000,
        tgid=10,
        hook=4,
        generation=7,
        selectors=0b11,
        action=ACTIONS.index("deny"),
        flags=layout.EVENT_IS_RETURN,
    )
    body = render(found, data)["process_kprobe"]
    assert body["function_name"] == "security_file_permission"
    assert body["args"] == [
        {"file_arg": {"path": "/etc/passwd", "permission": "-rw-r--r--"}},
        {"int_arg": 4, "label": "mask"},
    ]
    assert body["return"] == {"int_arg": -13}
    assert body["action"] == body["return_action"] == "KPROBE_ACTION_OVERRIDE"
    assert body["policy_name"] == "files"
    assert body["policy_names"] == ["files", "others"]
    assert body["because"] == ["files.yaml:9:5", "others.yaml:3:1"]
    nameless = render(found, record("hook", hook=4, generation=8, start=1000, tgid=10))
    assert "names are gone" in nameless["process_kprobe"]["message"]


def _hook(number: int, name: str, span: str, selector: int) -> dict[str, Any]:
    return {
        "number": number,
        "name": name,
        "kind": "kprobe",
        "function": "security_file_permission",
        "arguments": [{"type": "file", "label": ""}, {"type": "int", "label": "mask"}],
        "data": [],
        "returned": {"type": "int", "label": ""},
        "selectors": [{"number": selector, "site": 0, "span": span}],
    }


def test_an_end_says_signal_or_status() -> None:
    """As wait() has them; the process is known a while longer."""
    found = renderer()
    killed = render(found, record("exit", start=1000, tgid=10, hook=9 | 0x80))
    assert killed["process_exit"]["signal"] == "SIGKILL"
    failed = render(found, record("exit", start=1000, tgid=10, hook=3 << 8))
    assert failed["process_exit"]["status"] == 3
    assert failed["process_exit"]["process"]["pid"] == 10
    unknown = render(found, record("exit", start=5, tgid=77))
    assert unknown["process_exit"]["process"]["flags"] == "unknown"


def test_ancestors_are_shown_where_they_are_asked_for() -> None:
    """Those above the parent, up to the first."""
    found = renderer(ancestry=frozenset({"exec"}))
    render(found, exec_record(20, 2000, (10, 1000), b"a\0"))
    body = render(found, exec_record(30, 3000, (20, 2000), b"b\0"))["process_exec"]
    assert body["parent"]["pid"] == 20
    assert [one["pid"] for one in body["ancestors"]] == [10]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what ended and of what lives, and chains of parents are cut."""
    monkeypatch.setattr(process_cache, "ENDED", 10)
    monkeypatch.setattr(process_cache, "LIVING", 20)
    monkeypatch.setattr(process_cache, "DEEPEST", 5)
    found = renderer()
    before = (10, 1000)
    for number in range(100, 200):
        render(found, exec_record(number, number, before, b"x\0"))
        render(found, record("exit", start=before[1], tgid=before[0]))
        before = (number, number)
    assert len(found.cache) <= 31
    last = found.cache.find(*before)
    assert last is not None
    assert len(list(last.ancestors())) <= 6
    for number in range(1000, 1100):
        render(found, exec_record(number, number, (0, 0), b"x\0"))
    assert len(found.cache) <= 31


@pytest.mark.parametrize(
    "data",
    [b"", b"\1\7", record("exec")[:50], record("hook", value("string", 0, b"x"))[:-8]],
)
def test_what_is_no_record_is_refused(data: bytes) -> None:
    """And counted by who reads, not ignored."""
    with pytest.raises(RecordError):
        decode_record(data)


def test_another_version_is_refused() -> None:
    """Its structure is unknown."""
    with pytest.raises(RecordError, match="version 9"):
        decode_record(b"\x09" + record("exit")[1:])


@pytest.mark.parametrize(
    ("kind", "declared", "data", "shown"),
    [
        ("signed", "long", struct.pack("<q", -5), {"long_arg": "-5"}),
        ("unsigned", "uint32", struct.pack("<Q", 5), {"uint_arg": 5}),
        ("unsigned", "size_t", struct.pack("<Q", 5), {"size_arg": "5"}),
        (
            "signed",
            "capability",
            struct.pack("<q", 21),
            {"capability_arg": ADMIN},
        ),
        (
            "unsigned",
            "cap_effective",
            bytes(8),
            {"cap_effective_arg": "0" * 16},
        ),
        ("string", "string", b"hello\0", {"string_arg": "hello"}),
        ("bytes", "char_buf", b"hello", {"bytes_arg": "aGVsbG8="}),
        ("path", "path", bytes(8) + b"/x", {"path_arg": {"path": "/x"}}),
        (
            "socket",
            "sock",
            struct.pack("<HHBBHIIHH", 2, 1, 6, 1, 0, 0, 0, 1000, 443)
            + bytes([10, 0, 0, 1]).ljust(16, b"\0")
            + bytes([10, 0, 0, 2]).ljust(16, b"\0")
            + struct.pack("<Q", 99),
            {
                "sock_arg": {
                    "family": "AF_INET",
                    "type": "SOCK_STREAM",
                    "protocol": "IPPROTO_TCP",
                    "saddr": "10.0.0.1",
                    "daddr": "10.0.0.2",
                    "sport": 1000,
                    "dport": 443,
                    "cookie": "99",
                    "state": "TCP_ESTABLISHED",
                }
            },
        ),
        (
            "socket_address",
            "sockaddr",
            struct.pack("<HHI", 1, 0, 0) + bytes(16) + b"/run/x\0",
            {"sockaddrun_arg": {"family": "AF_UNIX", "path": "/run/x"}},
        ),
    ],
)
def test_values(kind: str, declared: str, data: bytes, shown: dict[str, Any]) -> None:
    """Each under the name that the reference has for it."""
    hook = _hook(0, "p", "p.yaml:1:1", selector=0) | {
        "arguments": [{"type": declared, "label": ""}]
    }
    sites = {"sites": [{"functions": [], "hooks": [0]}], "hooks": [hook]}
    found = renderer(hooks_of=lambda _number: Hooks.of(sites))
    event = render(found, record("hook", value(kind, 0, data), start=1000, tgid=10))
    assert event["process_kprobe"]["args"] == [shown]


def test_short_lines() -> None:
    """With pictures, and without where the terminal has none; nothing obeys an event."""
    event = render(renderer(), exec_record(20, 2000, (10, 1000), b"cat\0\x1b[2Jx\0"))
    assert print_event(event).startswith("🚀 process node /usr/bin/cat \\x1b[2Jx")
    plain = print_event(event, Style(pictures=False))
    assert plain.isascii()
    assert plain.startswith("process node /usr/bin/cat")
    lost = json.loads(losses_line("node", CLOCK, {"lost": 3, "nested": 0}))
    assert print_event(lost) == "lost events: 3 lost"
    assert lost["rate_limit_info"]["number_of_dropped_process_events"] == "3"


def test_arguments_are_joined_as_the_reference_does() -> None:
    """The program's own name is left out; what has spaces stands in quotes."""
    assert join_arguments(b"sh\0-c\0echo hi\0") == '-c "echo hi"'
    assert join_arguments(b"sh\0") == ""

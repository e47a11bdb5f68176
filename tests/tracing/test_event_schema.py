"""Every event and value that we render, against the reference's fields and types."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.ir.tracing_arguments import ArgumentType
from lockgate_runtime.tracing import layout
from lockgate_runtime.tracing.frames import Hooks
from lockgate_runtime.tracing.render import losses_line
from lockgate_runtime.tracing.supplements import Supplements
from lockgate_runtime.tracing.symbols import Symbols
from lockgate_runtime.tracing.values import show_value
from tests.tracing.test_events import (
    ACTIONS,
    CLOCK,
    exec_record,
    process,
    record,
    render,
    renderer,
    value,
)
from tests.tracing.walk_events import faults

if TYPE_CHECKING:
    from pathlib import Path

_SOCKET = struct.pack("<HHBBHIIHH", 2, 1, 6, 1, 0, 3, 4, 1000, 443) + bytes(
    [10, 0, 0, 1, *[0] * 12, 10, 0, 0, 2, *[0] * 12, 9, *[0] * 7]
)
_PATH = struct.pack("<II", 0o100644, 0) + b"/etc/passwd"

SAMPLES: dict[str, list[tuple[str, bytes]]] = {
    "signed": [
        ("int", struct.pack("<q", -5)),
        ("int", struct.pack("<q", 0)),
        ("int", struct.pack("<q", 1 << 40)),
        ("long", struct.pack("<q", -(1 << 40))),
        ("size_t", struct.pack("<q", -1)),
        ("capability", struct.pack("<q", 21)),
        ("capability", struct.pack("<q", 63)),
    ],
    "unsigned": [
        ("uint32", struct.pack("<Q", (1 << 32) - 1)),
        ("uint32", struct.pack("<Q", 1 << 63)),
        ("uint64", struct.pack("<Q", 1 << 63)),
        ("auto", struct.pack("<Q", 0)),
        ("cap_effective", struct.pack("<Q", 0)),
        ("kernel_cap_t", struct.pack("<Q", 5)),
    ],
    "string": [("string", b"hello\0"), ("string", b""), ("string", b"\xff\xfe")],
    "bytes": [("char_buf", b"hello"), ("char_buf", b"")],
    "path": [("file", _PATH), ("path", bytes(8) + b"/x"), ("linux_binprm", _PATH)],
    "socket": [("sock", _SOCKET), ("sock", bytes(len(_SOCKET)))],
    "skb": [("skb", _SOCKET), ("skb", bytes(len(_SOCKET)))],
    "socket_address": [
        ("sockaddr", struct.pack("<HHI", 2, 443, 0) + bytes([10, 0, 0, 1]).ljust(16)),
        ("sockaddr", struct.pack("<HHI", 1, 0, 0) + bytes(16) + b"/run/x\0"),
        ("sockaddr", bytes(24)),
    ],
    "credentials": [("cred", struct.pack("<8I3QII", *[7] * 8, 3, 1, 0, 4026531837, 0))],
    "capability": [("capability", struct.pack("<q", 7))],
    "capabilities": [("cap_inheritable", struct.pack("<Q", 7))],
    "user_namespace": [("user_namespace", struct.pack("<iIII", 0, 0, 0, 4026531837))],
    "module": [("module", b"dummy\0")],
    "net_device": [("net_device", b"eth0\0")],
    "system_call": [("syscall64", struct.pack("<Q", 257))],
    "binary_program": [("linux_binprm", _PATH)],
}
"""What values of each type look like in a record, and what the policy calls them.

Whoever adds a type adds a line: without it the test below says so.
"""

WITHOUT_SAMPLE = {
    "none",
    *layout.SUPPLEMENTS,  # no values among arguments: they are fields of their own
    "process",  # of exec and fork alone
    *("bpf_map", "bpf_program", "bpf_attr", "bpf_command", "perf_event"),
}


def test_every_type_has_a_sample() -> None:
    """So that a new one cannot be forgotten here."""
    types = set(layout.TRACING_ENUMERATIONS["tracing_type"])
    assert SAMPLES.keys() | WITHOUT_SAMPLE == types
    assert not SAMPLES.keys() & WITHOUT_SAMPLE


@pytest.fixture
def symbols(tmp_path: Path) -> Symbols:
    """Return a kernel's names: reading the host's takes long, and it may hide them."""
    path = tmp_path / "kallsyms"
    path.write_text("10 T one\n8000000000000000 t two [some]\n")
    return Symbols(path)


@pytest.mark.parametrize("kind", SAMPLES)
def test_values_are_of_the_interface(kind: str, symbols: Symbols) -> None:
    """Each has the fields and types that the reference's interface says, and no others."""
    cut, unreadable = layout.VALUE_IS_CUT, layout.VALUE_IS_UNREADABLE
    assert {declared for declared, _ in SAMPLES[kind]} <= {
        t.value for t in ArgumentType
    }
    for declared, data in SAMPLES[kind]:
        for flags, bytes_ in ((0, data), (cut, data), (unreadable, b"")):
            body = _hook("kprobe", [(kind, declared, bytes_, flags)], symbols)
            assert faults(body) == [], (declared, flags, body)


def _hook(
    kind: str, values: list[tuple[str, str, bytes, int]], symbols: Symbols
) -> dict[str, Any]:
    """Return the event of a hook of some kind with these values."""
    hook = {
        "number": 0,
        "name": "p",
        "kind": kind,
        "function": {"tracepoint": "sched/sched_switch"}.get(kind, "f"),
        "message": "said",
        "tags": ["a.b"],
        "arguments": [{"type": t, "label": "l"} for _, t, _, _ in values],
        "data": [{"type": "int", "label": ""}],
        "returned": {"type": "int", "label": ""},
        "selectors": [
            {
                "number": 0,
                "site": 0,
                "span": "p.yaml:1:1",
                "actions": [{"kind": "GetUrl", "text": "http://host.example/"}],
            }
        ],
    }
    site = {"functions": ["provider:f" if kind == "usdt" else "f"], "hooks": [0]}
    if kind in ("uprobe", "usdt"):
        site["binary"] = "/bin/sh"
        site["offsets"], site["semaphores"] = [0x10], [0x20]
    sites = {"sites": [site], "hooks": [hook]}
    found = renderer(
        hooks_of=lambda _: Hooks.of(sites),
        ancestry=frozenset({kind}),
        supplements=Supplements(
            lambda _: Hooks.of(sites), symbols, shows_addresses=True
        ).show,
    )
    packed = [value(k, n, data, flags) for n, (k, _, data, flags) in enumerate(values)]
    if kind == "kprobe":
        packed.append(value("signed", layout.VALUE_DATA, bytes(8)))
        packed.append(value("signed", layout.VALUE_RETURN, bytes(8)))
    packed.append(value("kernel_stack", 0, struct.pack("<QQ", 16, 1 << 63)))
    packed.append(value("user_stack", 0, struct.pack("<Q", 32)))
    packed.append(value("hash", 0, struct.pack("<q64x", 4 if kind == "lsm" else -95)))
    packed.append(value("request", 0, bytes(8)))
    render(found, exec_record(20, 2000, (10, 1000), b"a\0"))
    return render(
        found,
        record(
            "hook",
            *packed,
            start=2000,
            tgid=20,
            tid=21,
            selectors=1,
            action=ACTIONS.index("deny"),
            withheld=ACTIONS.index("kill"),
            flags=layout.EVENT_IS_RETURN if kind == "kprobe" else 0,
        ),
    )


@pytest.mark.parametrize(
    "kind", ["kprobe", "tracepoint", "lsm", "uprobe", "usdt", "loader"]
)
def test_events_of_hooks_are_of_the_interface(kind: str, symbols: Symbols) -> None:
    """By the kind of the hook; the thread that acts is named, and who needs the process."""
    event = _hook(kind, [("path", "file", _PATH, 0)], symbols)
    name = f"process_{kind}"
    assert name in event
    assert faults(event) == []
    shown = event[name]["process"]
    assert (shown["pid"], shown["tid"], shown["refcnt"]) == (20, 21, 1)
    assert "refcnt" not in event[name]["parent"]
    stack = event[name]["kernel_stack_trace"]
    assert [entry["symbol"] for entry in stack] == ["one", "two"]


def test_processes_are_of_the_interface() -> None:
    """As they begin and end, with what is special about a binary told once."""
    found = renderer(ancestry=frozenset({"exec", "exit"}))
    special = layout.PROCESS_IS_SETUID | layout.PROCESS_IS_UNLINKED
    data = record(
        "exec",
        value("process", 0, process(20, 2000, (10, 1000), flags=special)),
        value("string", layout.VALUE_FILENAME, b"/usr/bin/\xff"),
        value(
            "bytes",
            layout.VALUE_ARGUMENTS,
            b"x\0\xc3\xa9\0\xff\xfe",
            layout.VALUE_IS_CUT,
        ),
        value("string", layout.VALUE_DIRECTORY, b"/"),
        start=2000,
        tgid=20,
        time=2000,
    )
    begun = render(found, data)
    assert faults(begun) == []
    shown = begun["process_exec"]["process"]
    assert shown["binary"] == "/usr/bin/\ufffd"
    assert shown["arguments"] == "é \ufffd"
    assert shown["flags"] == "truncArgs rootcwd"
    assert shown["binary_properties"]["setuid"] == 0
    ended = render(found, record("exit", start=2000, tgid=20, hook=3 << 8, time=1))
    assert faults(ended) == []
    assert "binary_properties" not in ended["process_exit"]["process"]
    unseen = process(30, 3000, namespaces=bytes(40))
    data = record("exec", value("process", 0, unseen), start=3000, tgid=30)
    assert faults(render(found, data)) == []
    nobody = render(found, record("exit", start=5, tgid=77, hook=9))
    assert faults(nobody) == []


def test_a_process_counts_its_children() -> None:
    """As the reference's counter of who refers to it; ends are counted down."""
    found = renderer()
    for number in (30, 31):
        render(found, exec_record(number, number, (10, 1000), b"x\0"))
    acts = record("hook", start=1000, tgid=10, generation=8)

    def count() -> int:
        return int(render(found, acts)["process_kprobe"]["process"]["refcnt"])

    assert count() == 3
    render(found, record("exit", start=30, tgid=30))
    assert count() == 2
    render(found, exec_record(31, 3100, (10, 1000), b"y\0"))
    assert count() == 2


def test_what_was_lost_is_of_the_interface() -> None:
    """As an event of its own."""
    assert faults(json.loads(losses_line("node", CLOCK, {"lost": 3}))) == []


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        ({"process_exec": {}, "x": 1}, ".x is unknown"),
        ({"process_exec": {"process": {"pid": "7"}}}, "is no uint32"),
        ({"process_exec": {"process": {"cwd": ""}}}, "though it is empty"),
        ({"process_kprobe": {"args": [{"size_arg": 7}]}}, "is no uint64"),
        ({"process_kprobe": {"args": []}}, "or an empty one"),
        ({"process_kprobe": {"args": [{"label": "x"}]}}, "not one value"),
        ({"process_kprobe": {"action": "POST"}}, "is no action"),
        ({"process_exit": {"time": "yesterday"}}, "is no time"),
        ({"process_exit": {}, "process_exec": {}}, "has 2 events"),
        ({"process_lsm": {"args": [{"bytes_arg": "Zm9v="}]}}, "is no bytes"),
    ],
)
def test_the_walk_finds_faults(event: dict[str, Any], fault: str) -> None:
    """Else it would prove nothing."""
    try:
        found = faults(event)
    except ValueError:
        found = ["is no bytes"]
    assert any(fault in one for one in found), found


def test_values_of_wrong_size_are_bytes() -> None:
    """Rather than nothing, or a traceback."""
    from lockgate_runtime.tracing.records import Value

    for kind in SAMPLES:
        shown = show_value(Value(kind, 0, 0, b"\1"), "")
        assert len(shown) == 1

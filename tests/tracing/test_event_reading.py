"""Where events come from and go to: followed files, full disks, rates, windows, signals."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime.errors import NodeError
from lockgate_runtime.tracing.aggregation import Aggregator
from lockgate_runtime.tracing.reader_state import (
    ReaderState,
    read_state,
    write_state,
)
from lockgate_runtime.tracing.recording import Recording
from lockgate_runtime.tracing.sink import RateLimit, RotatingFile, Sink
from tests.tracing.walk_events import faults

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KPROBE = {
    "process_kprobe": {"process": {"pid": 8}, "function_name": "f", "because": ["x"]},
    "time": "2026-01-01T00:00:00.000000001Z",
}
COMMAND = [sys.executable, "-m", "lockgate_runtime", "events"]


def with_small_files(test: Callable[[], None]) -> None:
    """Run in a child that may let no file grow past 64 bytes, as on a disk that is full.

    The limit is the process's, and would end who writes what the tests print.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (64, most))
            test()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_full_disk_tears_no_line(tmp_path: Path) -> None:
    """What does not fit is counted, what fits later is written."""
    path = tmp_path / "events.json"

    def write() -> None:
        with RotatingFile(path) as sink:
            sink.write([f"{number:029}" for number in range(4)])
            assert sink.unwritten == 2
            assert "large" in sink.fault
            sink.write(["x"])

    with_small_files(write)
    assert [line[-1:] for line in path.read_text().splitlines()] == ["0", "1", "x"]


def test_a_rotated_file_goes_on_after_a_line_that_is_too_long(tmp_path: Path) -> None:
    """Each line is written whole, or counted."""
    path = tmp_path / "events.json"

    def write() -> None:
        with RotatingFile(path, most=60, keep=9) as sink:
            sink.write(["a" * 29, "b" * 100, "c" * 29, "d" * 29, "e" * 29])
            assert sink.unwritten == 1

    with_small_files(write)
    written = [file.read_text() for file in tmp_path.iterdir()]
    assert sorted("".join(written).split()) == [letter * 29 for letter in "acde"]


def test_a_line_that_is_no_text_is_written(tmp_path: Path) -> None:
    """Half a pair of UTF-16 is in no encoding; nothing is thrown over it."""
    path, plain = tmp_path / "events.json", tmp_path / "plain"
    with RotatingFile(path) as sink, plain.open("w", encoding="ascii") as stream:
        sink.write(["\ud800"])
        Sink(stream).write(["\ud800é"])
    assert (path.read_text(), plain.read_text()) == ("?\n", "??\n")


def test_a_file_is_followed_over_its_rotation(tmp_path: Path) -> None:
    """The end of the old one first; a line that is being written only when it is whole."""
    path = tmp_path / "events.json"
    path.write_text('{"a": 1}\n{"b"')
    older = tmp_path / "events.json.1"

    def append(file: Path, text: str) -> None:
        with file.open("a") as more:
            more.write(text)

    def rotate() -> None:
        path.rename(older)
        append(older, '{"c": 3}\n')
        append(path, '{"d": 4}\n')

    steps = iter([lambda: append(path, ": 2}\n"), rotate])
    found: list[str] = []
    recording = Recording(path, follow=True, pause=lambda _: next(steps)())
    for batch in recording.batches():
        found += batch
        if len(found) == 4:
            break
    assert [next(iter(json.loads(line))) for line in found] == list("abcd")
    assert recording.place == f"{path}:1"


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        "[]",
        "[" * 100_000,
        '{"process_exec": 5}',
        '{"process_exec": {"process": 7}}',
    ],
    ids=["word", "list", "deep", "number", "process"],
)
def test_what_is_no_event_is_refused(text: str, tmp_path: Path) -> None:
    """With the line, and no traceback."""
    path = tmp_path / "events.json"
    path.write_text(f"{json.dumps(KPROBE)}\n{text}\n")
    done = _run("--from", str(path), "-o", "compact")
    assert done.returncode == 2
    assert f"{path}:2: not an event" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_gone_is_refused(tmp_path: Path) -> None:
    """As a fault of the environment."""
    with pytest.raises(NodeError, match="cannot read"):
        list(Recording(tmp_path / "none", follow=False).batches())


def test_a_rate_is_told_when_its_minute_is_over() -> None:
    """Once, and at the end what is left."""
    now = [0.0]
    limit = RateLimit(1, clock=lambda: now[0])
    assert limit.admit(["a", "b", "c"]) == ["a"]
    assert limit.tell() == 0
    now[0] = 60.0
    assert (limit.tell(), limit.tell()) == (2, 0)
    limit.admit(["d", "e"])
    assert limit.tell(at_end=True) == 1


def test_events_that_are_alike_are_told_once_in_a_window() -> None:
    """With their count and the time of the first; processes' beginnings are not joined."""
    now = [0.0]
    aggregator = Aggregator(15, clock=lambda: now[0])
    first = '{"process_kprobe":{"x":1},"node_name":"n","time":"T1"}'
    second = first.replace("T1", "T2")
    begun = '{"process_exec":{"x":1},"node_name":"n","time":"T1"}'
    assert aggregator.add([first, begun, second, begun]) == [begun, begun]
    now[0] = 15.0
    (told,) = aggregator.add([])
    assert json.loads(told)["aggregation_info"] == {"count": "2"}
    assert json.loads(told)["time"] == "T1"
    assert aggregator.flush() == []


def test_a_reader_leaves_what_it_knows(tmp_path: Path) -> None:
    """To the next of the same counters; others begin anew."""
    told = {"lost": 1, "nested": 0, "flows": 0}
    state = ReaderState(7, is_known=True, read=5, told=told, cut=3)
    state.count(("process_exec", "", ""))
    write_state(tmp_path, state)
    assert read_state(tmp_path, 7) == state
    assert read_state(tmp_path, 8) == ReaderState(8)
    (tmp_path / "events.json").write_text("[1]")
    assert read_state(tmp_path, 7) == ReaderState(7)


def test_strict_lines_have_the_fields_of_the_interface_alone(tmp_path: Path) -> None:
    """What is ours is left out, and flows are no events of it."""
    path = tmp_path / "events.json"
    path.write_text(f'{json.dumps(KPROBE)}\n{{"flow": {{}}}}\n')
    assert faults(KPROBE, additions=False)
    done = _run("--from", str(path), "-o", "json", "--strict")
    (line,) = done.stdout.splitlines()
    assert faults(json.loads(line), additions=False) == []
    assert "because" not in line


def test_a_signal_ends_it_with_what_waits_written(tmp_path: Path) -> None:
    """SIGTERM is how services are stopped."""
    path, out = tmp_path / "events.json", tmp_path / "out.json"
    path.write_text(f"{json.dumps(KPROBE)}\n" * 3)
    words = ["--from", str(path), "--follow", "--out", str(out), "-o", "json"]
    with subprocess.Popen([*COMMAND, *words, "--aggregate", "1000"]) as reader:  # noqa: S603 - ours
        while not out.exists():
            time.sleep(0.05)
        time.sleep(0.5)
        reader.send_signal(signal.SIGTERM)
        assert reader.wait(20) == 0
    assert json.loads(out.read_text())["aggregation_info"] == {"count": "3"}


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    return subprocess.run(  # noqa: S603 - ours
        [*COMMAND, *words], capture_output=True, text=True, check=False, env=environment
    )

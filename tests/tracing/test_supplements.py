"""What events show besides values: stacks with names, hashes, requests and what came of them."""

from __future__ import annotations

import ctypes
import http.server
import os
import struct
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from lockgate_runtime.tracing import requests
from lockgate_runtime.tracing.build_ids import BuildIds
from lockgate_runtime.tracing.compact import print_event
from lockgate_runtime.tracing.frames import Hooks
from lockgate_runtime.tracing.requests import ASKED, NOT_ALLOWED, TOO_MANY, Request
from lockgate_runtime.tracing.supplements import Supplements, show_hash
from lockgate_runtime.tracing.symbols import Symbols
from lockgate_runtime.tracing.user_symbols import UserSymbols
from tests.tracing.test_events import exec_record, record, render, renderer, value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def address_of(function: str) -> int:
    """Return where a function of the C library is in this process."""
    place = ctypes.cast(getattr(ctypes.CDLL(None), function), ctypes.c_void_p).value
    assert place is not None
    return place


# ---------------------------------------------------------------- stacks


def test_functions_of_a_running_program_have_names() -> None:
    """With the file, and the place in it: one's own C library; not between functions."""
    symbols = UserSymbols()
    found = symbols.find(os.getpid(), 1, address_of("getppid") + 2)
    assert found is not None
    assert found.name in ("getppid", "__getppid")
    assert "/" in found.module
    assert found.offset > 0
    assert symbols.find(os.getpid(), 1, 16) is None


def test_programs_that_came_after_are_not_taken_for_it() -> None:
    """Numbers of processes are used again, and a program executes another one."""
    address = address_of("getppid")
    assert UserSymbols(lambda _, __: False).find(os.getpid(), 1, address) is None


def test_programs_are_remembered_when_they_have_ended(tmp_path: Path) -> None:
    """What was mapped where, so that later events of theirs have names."""
    folder = tmp_path / "7"
    folder.mkdir()
    (folder / "maps").write_text("1000-2000 r-xp 00000500 00:01 5 /bin/a b\n")
    symbols = UserSymbols(proc=tmp_path)
    first = symbols.find(7, 1, 0x1010)
    assert first == ("", 0x510, "/bin/a b")
    (folder / "maps").unlink()
    assert symbols.find(7, 1, 0x1010) == first
    assert symbols.find(7, 2, 0x1010) is None, "another program of the same number"


def test_files_that_are_no_programs_have_no_functions(tmp_path: Path) -> None:
    """Whatever somebody mapped: it has no names, and breaks nobody."""
    folder = tmp_path / "7"
    (folder / "map_files").mkdir(parents=True)
    (folder / "maps").write_text("1000-2000 r-xp 00000000 00:01 5 /bin/a\n")
    for content in (b"no ELF", b"\x7fELF\2\1" + b"\xff" * 100, b""):
        (folder / "map_files/1000-2000").write_bytes(content)
        found = UserSymbols(proc=tmp_path).find(7, 1, 0x1010)
        assert found == ("", 0x10, "/bin/a")


@pytest.mark.parametrize("shows_addresses", [True, False])
def test_stacks_have_the_form_of_the_reference(
    tmp_path: Path, shows_addresses: bool
) -> None:
    """The innermost frame first, but not ours; addresses only for who asks for them."""
    (tmp_path / "kallsyms").write_text(
        "1000 T one\n2000 t two [some]\n"
        "3000 t bpf_prog_1_site_0 [bpf]\n4000 t bpf_trampoline_1 [bpf]\n"
    )
    shown = _shown(
        value("kernel_stack", 0, struct.pack("<4Q", 0x3001, 0x4001, 0x2008, 0x1000)),
        value("user_stack", 0, struct.pack("<Q", 64)),
        supplements=Supplements(
            lambda _: Hooks(),
            Symbols(tmp_path / "kallsyms"),
            UserSymbols(proc=tmp_path),
            shows_addresses=shows_addresses,
        ),
    )
    addresses = [{"address": str(a)} for a in (0x2008, 0x1000, 64)]
    hidden = [
        {"offset": "8", "symbol": "two", "module": "some"},
        {"symbol": "one"},
        {"module": "[unknown]"},
    ]
    wanted = [
        a | h if shows_addresses else h for a, h in zip(addresses, hidden, strict=True)
    ]
    assert shown["kernel_stack_trace"] == wanted[:2]
    assert shown["user_stack_trace"] == wanted[2:]


def test_hashes_name_their_algorithm() -> None:
    """As the reference does; where there is none, the event says why."""
    digest = bytes(range(64))
    shown = show_hash(struct.pack("<q", 4) + digest)
    assert shown == {"ima_hash": f"sha256:{digest[:32].hex()}"}
    assert show_hash(struct.pack("<q64x", -22)) == {"ima_hash_error": "EINVAL"}


def test_build_ids_are_those_of_the_file_that_was_mapped(tmp_path: Path) -> None:
    """By the process's own root; another file of the same name has another inode."""
    identity = bytes(range(20))
    library = tmp_path / "7/root/lib.so"
    library.parent.mkdir(parents=True)
    library.write_bytes(elf_with_note(identity))
    inode = library.stat().st_ino
    found = BuildIds(tmp_path)
    assert found.find(7, "/lib.so", inode) == identity
    assert found.find(7, "/lib.so", inode + 1) == b""
    assert found.find(8, "/lib.so", inode) == b"", "it has ended, and is nowhere here"
    assert found.find(8, str(library), inode) == identity, "it has ended, and is here"


def test_what_has_no_build_id_breaks_nobody(tmp_path: Path) -> None:
    """Whatever a program maps: data, a broken file, an empty one, a pipe."""
    folder = tmp_path / "7/root"
    folder.mkdir(parents=True)
    whole = elf_with_note(b"abcd")
    for number, content in enumerate((b"", b"data", whole[:70], whole[:-30])):
        file = folder / str(number)
        file.write_bytes(content)
        assert BuildIds(tmp_path).find(7, f"/{number}", file.stat().st_ino) == b""
    os.mkfifo(folder / "pipe")
    inode = (folder / "pipe").stat().st_ino
    assert BuildIds(tmp_path).find(7, "/pipe", inode) == b""


def elf_with_note(identity: bytes) -> bytes:
    """Return a file with a build id and its sections behind it."""
    note = struct.pack("=III4s", 4, len(identity), 3, b"GNU\0") + identity
    names = b"\0.note.gnu.build-id\0.shstrtab\0"
    parts = ((1, 7, note), (names.index(b".shstrtab"), 3, names))
    content, rows = bytearray(64), [bytes(64)]
    for name, kind, body in parts:
        rows.append(
            struct.pack(
                "=IIQQQQIIQQ", name, kind, 0, 0, len(content), len(body), 0, 0, 1, 0
            )
        )
        content += body
    table = len(content)
    content += b"".join(rows)
    content[:64] = struct.pack(
        "=16sHHIQQQIHHHHHH",
        b"\x7fELF\2\1\1",
        *(3, 62, 1, 0, 0, table, 0, 64, 56, 0, 64, len(rows), 2),
    )
    return bytes(content)


# ---------------------------------------------------------------- requests


@contextmanager
def server(pause: float = 0) -> Iterator[tuple[str, list[str]]]:
    """Serve on the loopback; yields the address, and the paths that are asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            time.sleep(pause)
            self.send_response(302 if self.path == "/moved" else 204)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep silent."""

    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{serving.server_port}", asked
    finally:
        serving.shutdown()
        serving.server_close()


def _shown(*values: bytes, supplements: Supplements) -> dict[str, Any]:
    found = renderer(supplements=supplements.show)
    render(found, exec_record(20, 2000, (10, 1000), b"a\0"))
    event = render(found, record("hook", *values, start=2000, tgid=20, selectors=1))
    body: dict[str, Any] = event["process_kprobe"]
    return body


def _hooks(**action: str) -> Hooks:
    selector = {"number": 3, "site": 2, "span": "p:1:1", "actions": [action]}
    hook = {"number": 0, "name": "policy", "kind": "kprobe", "function": "f"}
    hook |= {"arguments": [], "data": [], "selectors": [selector]}
    return Hooks({0: hook}, [])


def test_nobody_is_asked_unless_it_is_allowed() -> None:
    """The event says what was wanted, that it was not done, and how to let it be done."""
    with server() as (url, asked):
        supplements = Supplements(lambda _: _hooks(kind="GetUrl", text=f"{url}/x"))
        number = struct.pack("<Q", 2 << 16 | 3)
        shown = _shown(value("request", 0, number), supplements=supplements)
    assert shown["requests"] == [
        {
            "action": "GetUrl",
            "url": f"{url}/x",
            "state": NOT_ALLOWED,
            "cure": "--allow-requests 127.0.0.1",
        }
    ]
    assert asked == []


def test_who_is_allowed_is_asked_once() -> None:
    """The answer is a status; a page that points elsewhere is not followed."""
    with server() as (url, asked):
        found = requests.Requests(("127.0.0.1",))
        supplements = Supplements(
            lambda _: _hooks(kind="GetUrl", text=f"{url}/moved"), requests=found
        )
        number = struct.pack("<Q", 2 << 16 | 3)
        shown = _shown(value("request", 0, number), supplements=supplements)
        assert shown["requests"][0]["state"] == ASKED
        (answer,) = found.finish()
    assert (answer["status"], answer["policy_name"]) == (302, "policy")
    assert asked == ["/moved"]


def test_only_names_on_the_list_are_asked() -> None:
    """A domain stands for all below it, not for itself, nor for what only ends alike."""
    found = requests.Requests(("*.One.example", "two.example."))
    for name, is_allowed in (
        ("a.one.example", True),
        ("one.example", False),
        ("aone.example", False),
        ("TWO.example.", True),
        ("b.two.example", False),
    ):
        request = Request("DnsLookup", name, "p")
        assert found._allows(request.host) == is_allowed
        for url in (
            f"http://{name}/",
            f"https://user@{name}:81/",
            f"http://evil/@{name}",
        ):
            host = Request("GetUrl", url, "p").host
            assert found._allows(host) == (is_allowed and "evil" not in url), url


def test_names_are_looked_up() -> None:
    """All addresses; a name that is none is an answer, too."""
    found = requests.Requests(("localhost", "name.invalid"))
    assert found.ask(Request("DnsLookup", "localhost", "p")) == ASKED
    (answer,) = found.finish()
    assert set(answer["addresses"]) & {"127.0.0.1", "::1"}
    assert answer["fqdn"] == "localhost"


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ({"url": "http://a/", "status": 204}, "request GetUrl http://a/: 204"),
        ({"fqdn": "a", "addresses": ["::1", "::2"]}, "request GetUrl a: ::1, ::2"),
        ({"url": "x", "error": "\x1b[0m"}, "request GetUrl x: \\x1b[0m"),
    ],
)
def test_answers_are_short_lines(answer: dict[str, Any], line: str) -> None:
    """What others sent does not reach the terminal as it is."""
    assert print_event({"request": {"action": "GetUrl", **answer}}) == line


def test_slow_servers_and_floods_are_cut() -> None:
    """A request takes its seconds at most, and no more wait than there is room for."""
    with server(pause=2) as (url, _):
        found = requests.Requests(("127.0.0.1",), seconds=0.5)
        states = [found.ask(Request("GetUrl", url, "p")) for _ in range(100)]
        begin = time.monotonic()
        answers = found.finish()
        assert time.monotonic() - begin < 10, "100 of them would take longer"
    assert states[:64] == [ASKED] * 64
    assert TOO_MANY in states
    assert answers
    assert all("error" in answer for answer in answers)

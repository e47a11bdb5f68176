"""lockgate.frontend.documents, inputs, splitting, objects: files to objects."""

from __future__ import annotations

import io
import json
import os
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lockgate import bounded
from lockgate.diagnostics import Diagnostics
from lockgate.frontend import parts, yaml_reader
from lockgate.frontend.documents import parse_documents, read_documents
from lockgate.frontend.splitting import Form, split_list, split_surely
from lockgate.ir.cluster import Cluster
from lockgate.options import Options
from tests.frontend.reading import read, read_files

if TYPE_CHECKING:
    from lockgate.ir.policy import Policy

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {0}}}
spec:
  podSelector: {{}}
"""


def _object(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]},
    }


def _list(*names: str) -> dict[str, Any]:
    items = [_object(name) for name in names]
    return {"apiVersion": "v1", "items": items, "kind": "List", "metadata": {}}


def _parse(*paths: str | Path) -> tuple[tuple[Policy, ...], Diagnostics]:
    diagnostics = Diagnostics()
    documents = read_documents(paths, None, diagnostics)
    policies = parse_documents(documents, Options(), diagnostics).policies
    return policies, diagnostics


def _lines(policies: tuple[Policy, ...]) -> list[str]:
    return [f"{p.name} {p.span}" for p in policies]


# ---------------------------------------------------------------- files


def test_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """YAML and JSON below it, sorted, hidden ones left out, paths as the user gave it."""
    for name in (
        "b.yaml",
        "a/z.yml",
        "a/b/c.json",
        ".hidden.yaml",
        ".git/x.yaml",
        "n.txt",
    ):
        path = tmp_path / "dir" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        stem = Path(name).stem
        is_json = name.endswith("json")
        path.write_text(json.dumps(_object(stem)) if is_json else POLICY.format(stem))
    monkeypatch.chdir(tmp_path)
    policies, diagnostics = _parse("dir")
    assert diagnostics.found == []
    assert [p.span.source.name for p in policies] == [
        "dir/a/b/c.json",
        "dir/a/z.yml",
        "dir/b.yaml",
    ]
    assert [p.span.source.alias for p in policies] == [
        "a/b/c.json",
        "a/z.yml",
        "b.yaml",
    ]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """``-`` is standard input."""
    reading, writing = os.pipe()
    os.write(writing, POLICY.format("piped").encode())
    os.close(writing)
    with io.TextIOWrapper(open(reading, "rb")) as stream:  # noqa: PTH123  # a descriptor
        monkeypatch.setattr(sys, "stdin", stream)
        policies, diagnostics = _parse("-")
    assert diagnostics.found == []
    assert _lines(policies) == ["piped <stdin>:5:3"]


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """A missing file and an empty directory are errors; the others are read."""
    good = tmp_path / "good.yaml"
    good.write_text(POLICY.format("good"))
    (tmp_path / "empty").mkdir()
    policies, diagnostics = _parse(tmp_path / "none.yaml", tmp_path / "empty", good)
    assert [d.code for d in diagnostics.found] == ["E1001", "E1001"]
    assert [p.name for p in policies] == ["good"]


def test_what_is_named_must_hold_something(tmp_path: Path) -> None:
    """A failed command leaves nothing behind, which is no empty policy."""
    folder = tmp_path / "dir"
    folder.mkdir()
    (folder / "blank.yaml").write_text("\n")
    (folder / "good.yaml").write_text(POLICY.format("good"))
    (tmp_path / "blank.yaml").write_text(" \n")
    (tmp_path / "list.yaml").write_text("apiVersion: v1\nkind: List\nitems: []\n")
    _, diagnostics = _parse(folder, tmp_path / "list.yaml")
    assert diagnostics.ok
    _, diagnostics = _parse(folder, tmp_path / "blank.yaml")
    assert [d.code for d in diagnostics.found] == ["E1025"]


def test_half_a_character_is_no_json(tmp_path: Path) -> None:
    """The fast reader would let it in, and nothing could print or hash it later."""
    path = tmp_path / "half.json"
    text = json.dumps(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": 0}}
    )
    path.write_text(text.replace("0", r'"\ud83d\ude00"'))
    assert "E1003" not in [d.code for d in _parse(path)[1].found]
    path.write_text(text.replace("0", r'"\ud83d"'))
    assert [d.code for d in _parse(path)[1].found] == ["E1003"]


def test_a_large_file_is_mapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mapped file reads as any other."""
    path = tmp_path / "list.json"
    path.write_text(json.dumps(_list("a", "b"), indent=4))
    plain, _ = _parse(path)
    monkeypatch.setattr(bounded, "_MAPPED", 1)
    mapped, diagnostics = _parse(path)
    assert diagnostics.found == []
    assert mapped == plain
    assert len(mapped) == 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a: 1\nb: \xff\n", "2:4"),
        ("a: 1\né: ".encode() + b"\0\n", "2:4"),
        ("a: 1\n".encode("utf-16"), "1:1"),
        ("é: 1\nb: ".encode() + b"\xe9", "2:4"),
    ],
)
def test_not_utf8(tmp_path: Path, data: bytes, said: str) -> None:
    """Bytes that are not UTF-8 are an error where they stand; a mark is none."""
    path = tmp_path / "x.yaml"
    path.write_bytes(data)
    _, diagnostics = _parse(path)
    assert [d.code for d in diagnostics.found] == ["E1002"]
    assert str(diagnostics.found[0].span) == f"{path}:{said}"
    path.write_bytes(b"\xef\xbb\xbf" + POLICY.format("marked").encode())
    policies, diagnostics = _parse(path)
    assert diagnostics.found == []
    assert _lines(policies) == [f"marked {path}:5:3"]


# ---------------------------------------------------------------- bounds


def _refused(*names: str | Path) -> list[tuple[str, str]]:
    policies, diagnostics = _parse(*names)
    assert policies == ()
    return [(d.code, d.message) for d in diagnostics.found]


def test_a_device_or_socket_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What never ends, or does something when it is opened, is refused before."""
    message = "cannot read '/dev/zero': it is a device"
    assert _refused("/dev/zero") == [("E1001", message)]
    link = tmp_path / "zero.yaml"
    link.symlink_to("/dev/zero")
    assert [code for code, _ in _refused(tmp_path)] == ["E1001"]
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)
        server.bind("s")
        message = "cannot read 's': it is a socket"
        assert _refused("s") == [("E1001", message)]


def test_a_pipe_is_read_where_it_is_named(tmp_path: Path) -> None:
    """A FIFO of the user's own is an input; one that lies below a directory is not."""
    path = tmp_path / "pipe.yaml"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_text(POLICY.format("piped")))
    writer.start()
    policies, diagnostics = _parse(path)
    writer.join()
    assert diagnostics.found == []
    assert [p.name for p in policies] == ["piped"]
    assert "it is a pipe: name it itself" in _refused(tmp_path)[0][1]


def test_the_largest_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file and a stream end at a limit that the message states."""
    monkeypatch.setattr(bounded, "LARGEST", 1 << 20)
    monkeypatch.chdir(tmp_path)
    Path("large.yaml").write_bytes(b"# " * (1 << 20))
    message = "cannot read 'large.yaml': it has more than 1 MiB"
    assert _refused("large.yaml") == [("E1001", message)]
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as stream, suppress(BrokenPipeError):
            while True:
                stream.write(b"# \n" * (1 << 16))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        name = f"/proc/self/fd/{reading}"
        assert _refused(name) == [
            ("E1001", f"cannot read '{name}': it has more than 1 MiB")
        ]
    finally:
        os.close(reading)
        writer.join()


def test_a_stream_without_text_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zeros without end are no text, and are not read to the limit."""
    with open("/dev/zero", "rb") as zeros:  # noqa: PTH123  # as a shell does
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(zeros))
        assert _refused("-") == [("E1002", "'<stdin>' is no text: it has a byte 0x00")]


def test_closed_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell's ``<&-`` leaves none."""
    monkeypatch.setattr(sys, "stdin", None)
    assert _refused("-") == [("E1001", "cannot read '-': standard input is closed")]


def test_a_document_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One document has a limit, in bytes and in values; the others are read."""
    path = tmp_path / "large.yaml"
    path.write_text(f"{POLICY.format('good')}---\na: [{'1, ' * 6000}]\n")
    monkeypatch.setattr(yaml_reader, "MOST_NODES", 1000)
    policies, diagnostics = _parse(path)
    assert [p.name for p in policies] == ["good"]
    (found,) = diagnostics.found
    assert (found.code, str(found.span)) == ("E1016", f"{path}:7:2996")
    monkeypatch.setattr(parts, "_LARGEST_DOCUMENT", 1000)
    policies, diagnostics = _parse(path)
    assert [p.name for p in policies] == ["good"]
    (found,) = diagnostics.found
    assert (found.code, str(found.span)) == ("E1016", f"{path}:6:1")


# ---------------------------------------------------------------- documents


def test_documents_of_a_file() -> None:
    """Positions count from the top of the file, in each of its documents."""
    text = "# first\n" + "---\n".join(POLICY.format(name) for name in "abc")
    found = read(text)
    assert found.codes == []
    assert _lines(found.policies) == [
        "a input.yaml:6:3",
        "b input.yaml:12:3",
        "c input.yaml:18:3",
    ]


def test_a_syntax_error_stops_no_other_document() -> None:
    """What stands before and after it is read."""
    text = "---\n".join([POLICY.format("a"), "kind: [\n", POLICY.format("c")])
    found = read(text)
    assert found.codes == ["E1003"]
    assert [p.name for p in found.policies] == ["a", "c"]


@pytest.mark.parametrize("indent", [None, 1, 2, 4])
def test_lists_in_json(indent: int | None) -> None:
    """However it is indented, a list gives its items, each rule with its line."""
    text = json.dumps(_list("a", "b"), indent=indent)
    found = read_files({"list.json": text})
    assert found.codes == []
    assert [p.name for p in found.policies] == ["a", "b"]
    for policy in found.policies:
        line, column = policy.span.source.position(policy.span.start)
        assert text.split("\n")[line - 1][column - 1 :].startswith('"podSelector"')
        (rule,) = policy.ingress.rules
        line, column = rule.span.source.position(rule.span.start)
        assert text.split("\n")[line - 1][column - 1 :].startswith('{"ports"'[:1])


def test_lists_in_yaml() -> None:
    """As kubectl prints them, and as people write them."""
    items = "".join(
        f"- apiVersion: networking.k8s.io/v1\n  kind: NetworkPolicy\n"
        f"  metadata:\n    name: {name}\n  spec:\n    podSelector: {{}}\n"
        for name in "ab"
    )
    tail = 'kind: List\nmetadata:\n  resourceVersion: ""\n'
    printed = f"apiVersion: v1\nitems:\n{items}{tail}"
    assert split_list(printed.encode()) is not None
    found = read(printed)
    assert found.codes == []
    assert _lines(found.policies) == ["a input.yaml:8:5", "b input.yaml:14:5"]
    written = f"kind: List\napiVersion: v1\nitems:\n{items}"
    assert split_list(written.encode()) is None
    assert [p.name for p in read(written).policies] == ["a", "b"]


def test_typed_lists() -> None:
    """Items of a ``NetworkPolicyList`` need not say what they are."""
    value = _list("a", "b")
    value |= {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicyList"}
    for item in value["items"]:
        del item["apiVersion"], item["kind"]
    for indent in (None, 4):
        found = read_files({"x.json": json.dumps(value, indent=indent)})
        assert found.codes == []
        assert [p.name for p in found.policies] == ["a", "b"]


def test_values_in_a_row() -> None:
    """JSON objects one after the other are as many documents."""
    text = json.dumps(_object("a")) + "\n\n" + json.dumps(_list("b")) + "{"
    found = read_files({"x.json": text})
    assert [p.name for p in found.policies] == ["a", "b"]
    assert found.codes == ["E1003"]


def test_a_wrong_guess_is_given_up() -> None:
    """Text that only looks like kubectl's list is read for what it is."""
    inner = json.dumps(_list("a", "b"), indent=4)
    text = inner.replace('"metadata": {}', '"metadata": {},\n    "items": []')
    guess = split_list(text.encode())
    assert guess is None, "two lists of items: the second counts, as for JSON"
    trap = '{\n    "items": [\n        {\n        },\n        {\n        }\n    ],\n'
    trap += '    "apiVersion": "v1",\n    "kind": "ConfigMap",\n    "metadata": {}\n}'
    assert read_files({"x.json": trap}).codes == ["N1030"]
    assert split_list(trap.encode()) is None
    broken = inner.replace('"podSelector": {}', '"podSelector": {', 1)
    assert split_list(broken.encode()) is not None
    found = read_files({"x.json": broken})
    assert set(found.codes) == {"E1003"}


def test_an_error_in_an_item_has_the_line_of_the_file() -> None:
    """An item's positions are those of the file, its first line too."""
    value = _list("a", "b")
    value["items"][1]["spec"]["ingres"] = []
    text = json.dumps(value, indent=4)
    found = read_files({"x.json": text})
    line = text[: text.index('"ingres"')].count("\n") + 1
    assert found.places == [f"x.json:{line}:17"]
    duplicated = read_files({"x.json": json.dumps(_list("a", "a"), indent=4)})
    assert duplicated.codes == ["E1012"]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("", []),
        ("# nothing\n", []),
        ("---\n---\n", []),
        ("%YAML 1.1\n---\n", []),
        ("[]", ["E1005"]),
        ("text", ["E1005"]),
        ("{}", ["E1011"]),
        ("apiVersion: [v1]\nkind: Pod\n", ["E1011"]),
        ("apiVersion: 1\nkind: Pod\n", ["E1010"]),
        ("apiVersion: apps/v1\nkind: Deployment\n", ["N1030"]),
        ("apiVersion: v1\nkind: Secret\n", ["N1030"]),
        ("apiVersion: networking.k8s.io/v1\nkind: Ingress\n", ["N1030"]),
        ("apiVersion: cilium.io/v2\nkind: CiliumNode\n", ["N1030"]),
        ("apiVersion: v1\nkind: List\nitems: []\n", []),
        ("apiVersion: v1\nkind: List\n", []),
        ("apiVersion: v2\nkind: Pod\n", ["E1010"]),
        ("apiVersion: v1\nkind: Pods\n", ["E1010"]),
        ("apiVersion: cilium.io/v3\nkind: CiliumNetworkPolicy\n", ["E1010"]),
        ("apiVersion: extensions/v1beta1\nkind: NetworkPolicy\n", ["E1010"]),
    ],
)
def test_what_is_read_passed_over_and_refused(text: str, codes: list[str]) -> None:
    """Other groups are passed over with one note; an unknown kind of ours is an error."""
    assert read(text).codes == codes


def test_passed_over_objects_are_counted_once() -> None:
    """One note for all files."""
    secret = "apiVersion: v1\nkind: Secret\n---\n"  # noqa: S105  # a kind
    found = read_files({"a.yaml": secret * 2, "b.yaml": secret})
    (note,) = found.diagnostics.found
    assert note.message.endswith("v1 Secret (3)")


def test_split_at_document_markers_only() -> None:
    """``---`` counts at the beginning of a line, and alone or before a space."""
    data = b"a: ' ---'\n----\n--- # c\nb: |\n  ---\n---\tx\n"
    parts = [data[p.start : p.end] for p in split_surely(data)]
    assert parts == [b"a: ' ---'\n----\n", b"--- # c\nb: |\n  ---\n", b"---\tx\n"]
    assert {p.form for p in split_surely(b" \n{")} == {Form.JSON}


def test_empty_input_is_an_empty_cluster() -> None:
    """Nothing comes of nothing."""
    found = read("")
    assert found.cluster == Cluster()
    assert found.policies == ()
